#include "uring/poll_set.h"

#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <climits>

namespace urc {
namespace {

using std::chrono::nanoseconds;

int whole_milliseconds(nanoseconds time) {
    // Up: who wakes too early would find nothing to do, and look again.
    auto count = std::chrono::ceil<std::chrono::milliseconds>(time).count();
    return static_cast<int>(std::min<std::int64_t>(count, INT_MAX));
}

}  // namespace

void PollWaiter::insert_before(PollWaiter& other) noexcept {
    previous_ = other.previous_;
    next_ = &other;
    previous_->next_ = this;
    other.previous_ = this;
}

void PollWaiter::unlink() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
}

Result<PollSet> PollSet::create() {
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return Error::last("epoll_create1");
    return PollSet(std::move(epoll));
}

int PollSet::add(PollWaiter& waiter, int fd, short mask, Stay stay) {
    URC_CHECK(!waiter.is_listed());
    if (fd < 0) return -EBADF;
    auto number = static_cast<std::size_t>(fd);
    while (watches_.size() <= number) watches_.emplace_back();
    Watch& watch = watches_[number];
    waiter.fd_ = fd;
    waiter.mask_ = mask;
    waiter.stays_ = stay == Stay::until_removed;
    waiter.insert_before(watch.waiters);
    int result = arm(watch, fd);
    if (result < 0) waiter.unlink();
    return result;
}

int PollSet::arm(Watch& watch, int fd) noexcept {
    unsigned mask = 0;
    bool has_one_that_stays = false;
    for (PollWaiter* waiter = watch.waiters.next_; waiter != &watch.waiters; waiter = waiter->next_) {
        mask |= static_cast<unsigned>(waiter->mask_) & 0xffff;
        has_one_that_stays = has_one_that_stays || waiter->stays_;
    }
    std::uint32_t wanted = mask | (has_one_that_stays ? EPOLLET : EPOLLONESHOT);
    // Only the one-shot form is level-triggered: what is ready already will be told.
    if (watch.armed == wanted && !has_one_that_stays) return 0;
    epoll_event event{};
    event.events = wanted;
    event.data.fd = fd;
    int operation = watch.is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int result = ::epoll_ctl(epoll_.get(), operation, fd, &event);
    if (result < 0 && (errno == ENOENT || errno == EEXIST)) {
        // The number names another file than it did, or the same again.
        operation = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        result = ::epoll_ctl(epoll_.get(), operation, fd, &event);
    }
    if (result < 0) return -errno;
    watch.is_registered = true;
    watch.armed = wanted;
    return 0;
}

void PollSet::remove(PollWaiter& waiter) noexcept {
    if (!waiter.is_listed()) return;
    waiter.unlink();
    Watch& watch = watches_[static_cast<std::size_t>(waiter.fd_)];
    if (!watch.waiters.is_listed()) disarm(watch, waiter.fd_);
}

void PollSet::disarm(Watch& watch, int fd) noexcept {
    if (watch.armed == 0) return;
    // Fails when the descriptor is closed already, and then epoll has forgotten it.
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watch.armed = 0;
    watch.is_registered = false;
}

int PollSet::wait(std::optional<nanoseconds> timeout, Handler& handler) {
    int count = ask_kernel(timeout);
    if (count < 0) return -errno;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events_[static_cast<std::size_t>(i)];
        dispatch(event.data.fd, static_cast<short>(event.events), handler);
    }
    return 0;
}

int PollSet::ask_kernel(std::optional<nanoseconds> timeout) noexcept {
    int room = static_cast<int>(events_.size());
    if (!timeout) return ::epoll_wait(epoll_.get(), events_.data(), room, -1);
    if (timeout->count() <= 0) return ::epoll_wait(epoll_.get(), events_.data(), room, 0);
    if (has_pwait2_) {
        timespec time{timeout->count() / 1'000'000'000, timeout->count() % 1'000'000'000};
        long count = ::syscall(SYS_epoll_pwait2, epoll_.get(), events_.data(), room, &time, nullptr, 0);
        // Before 5.11, or hidden by an older seccomp filter: then to the millisecond.
        has_pwait2_ = count >= 0 || (errno != ENOSYS && errno != EPERM);
        if (has_pwait2_) return static_cast<int>(count);
    }
    return ::epoll_wait(epoll_.get(), events_.data(), room, whole_milliseconds(*timeout));
}

void PollSet::dispatch(int fd, short events, Handler& handler) {
    Watch& watch = watches_[static_cast<std::size_t>(fd)];
    if (!(watch.armed & EPOLLET)) watch.armed = 0;
    // The handler may add to the list that we walk along, so those concerned move to one of their own first.
    PollWaiter woken;
    for (PollWaiter* waiter = watch.waiters.next_; waiter != &watch.waiters;) {
        PollWaiter* next = waiter->next_;
        if (events & (waiter->mask_ | POLLERR | POLLHUP)) {
            waiter->unlink();
            waiter->insert_before(woken);
        }
        waiter = next;
    }
    while (woken.is_listed()) {
        PollWaiter& waiter = *woken.next_;
        waiter.unlink();
        if (waiter.stays_) waiter.insert_before(watch.waiters);
        handler.woken(waiter, static_cast<short>(events & (waiter.mask_ | POLLERR | POLLHUP)));
    }
    // Those that this event did not concern wait on. (It fails only when their descriptor has been closed.)
    if (!watch.waiters.is_listed()) {
        disarm(watch, fd);
    } else if (watch.armed == 0) {
        (void)arm(watch, fd);
    }
}

}  // namespace urc
