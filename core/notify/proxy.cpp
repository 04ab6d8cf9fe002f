// The proxy's two tasks and what stands between them:
//
//   receive()   polls the socket, then up to 64 plain recvmsg(2): judged, queued, and sent at once
//               if upstream takes them
//   pump()      runs only while upstream does not: waits until it does, then sends what is queued
#include "core/notify/proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/notify/acquaintance.h"
#include "core/notify/message.h"
#include "core/notify/queue.h"
#include "core/notify/sender.h"
#include "core/notify/tally.h"
#include "core/notify/upstream.h"
#include "uring/event.h"
#include "uring/message.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"
#include "uring/race.h"

namespace urc::notify {

using namespace std::chrono_literals;

namespace {

// A manager that has taken nothing for this long does not read: then senders are not held up any more.
constexpr std::chrono::nanoseconds kPatience = 200ms;

class ContainerProxy final : public Proxy {
public:
    ContainerProxy(Loop& loop, Fd socket, Address upstream, ProxyOptions options)
        : loop_(loop),
          socket_(std::move(socket)),
          options_(std::move(options)),
          upstream_(loop, std::move(upstream)),
          message_(buffer_),
          room_(loop),
          wake_(loop) {}

    void set_init(const Init& init) override { init_ = init; }
    Task<void> serve() override;
    Task<void> finish(std::chrono::nanoseconds bound) override;
    Task<void> until_ready() override;
    bool is_ready() const override { return is_ready_; }

private:
    Task<void> receive();
    Task<void> pump();
    Task<void> until_queue_has_room();
    Task<void> room() { co_await room_.wait(); }

    Result<std::size_t> take_batch();
    void take(InMessage& message);
    void forward(Verdict verdict);
    void put_main_process(Verdict& verdict);
    void enqueue(Notification notification);
    void send_queued();
    void send_again();
    void taken(const Notification& notification);
    void lose_all();
    void become_ready();

    bool carries_fds() const { return upstream_.address().carries_fds(); }
    void tell(pid_t sender, std::string_view body, std::size_t fds, std::string_view fate,
              std::string_view detail = {}) const;
    template <typename... Parts>
    void warn(Tally& tally, const Parts&... parts) {
        if (!tally.add() || !options_.log) return;
        if (tally.count() == 1) {
            options_.log->warning("notify: ", parts...);
        } else {
            options_.log->warning("notify: ", parts..., " (", tally.count(), " times so far)");
        }
    }

    Loop& loop_;
    Fd socket_;
    ProxyOptions options_;
    Upstream upstream_;
    Queue queue_;
    Init init_;
    Acquaintance last_sender_;
    pid_t main_pid_ = 0;  // whom the manager has been told to take for the main process
    bool is_ready_ = false;
    bool is_waiting_ = false;  // for upstream: nobody but pump() and finish() may send
    std::chrono::nanoseconds last_taken_ = -kPatience;

    std::array<std::byte, kBodySizeMax + 1> buffer_;
    InMessage message_;
    Event room_;
    Event wake_;
    std::vector<Event*> until_ready_;

    Tally strangers_, malformed_, not_permitted_, crowded_out_, refused_, lost_, expired_;
};

Task<void> ContainerProxy::serve() {
    Nursery nursery(loop_);
    nursery.spawn(receive());
    nursery.spawn(pump());
    co_await nursery.join();
}

Task<void> ContainerProxy::receive() {
    for (;;) {
        // Also when there is more at once: others get their turn.
        co_await poll(loop_, socket_.get(), POLLIN);
        co_await until_queue_has_room();
        co_await take_batch();
    }
}

Task<void> ContainerProxy::pump() {
    for (;;) {
        while (is_waiting_) {
            co_await upstream_.until_room(queue_.until_due(loop_.now(), options_.barrier_max));
            send_again();
        }
        co_await wake_.wait();
    }
}

Task<void> ContainerProxy::until_queue_has_room() {
    while (queue_.is_nearly_full() && loop_.now() - last_taken_ < kPatience) {
        auto waited = co_await settled(within(loop_, kPatience, room()));
        if (!waited.ok() && waited.error().code() != ETIMEDOUT) co_await fail(std::move(waited).error());
    }
}

Task<void> ContainerProxy::finish(std::chrono::nanoseconds bound) {
    const std::chrono::nanoseconds end = loop_.now() + bound;
    for (;;) {
        std::size_t count = Queue::kBatch;
        while (count == Queue::kBatch && loop_.now() < end) count = co_await take_batch();
        send_again();
        const std::chrono::nanoseconds left = end - loop_.now();
        if (!is_waiting_ || left <= 0ns) break;
        co_await upstream_.until_room(queue_.until_due(loop_.now(), left));
    }
    if (queue_.empty()) co_return;
    if (options_.log)
        options_.log->warning("notify: ", upstream_.address().text, " has not taken the last ", queue_.size(),
                              " notifications");
    while (!queue_.empty()) queue_.pop();
    is_waiting_ = false;
}

Task<void> ContainerProxy::until_ready() {
    while (!is_ready_) {
        Event ready(loop_);
        until_ready_.push_back(&ready);
        auto waited = co_await settled(ready.wait());
        std::erase(until_ready_, &ready);
        if (!waited.ok()) co_await fail(std::move(waited).error());
    }
    if (!carries_fds()) co_return;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) co_await fail(Error::last("pipe"));
    Fd reading(ends[0]);
    Notification barrier;
    barrier.fds.push_back(Fd(ends[1]));
    barrier.body = "BARRIER=1";
    barrier.says = kSaysBarrier;
    barrier.due = loop_.now() + options_.barrier_max;
    enqueue(std::move(barrier));
    // Its end comes when the last copy is closed: the manager's, or ours when it could not be sent.
    auto hangup = co_await settled(deadline(poll(loop_, reading.get(), 0), options_.barrier_max));
    if (hangup.ok()) co_return;
    if (hangup.error().code() != ETIMEDOUT) co_await fail(std::move(hangup).error());
    if (options_.log)
        options_.log->warning("notify: ", upstream_.address().text,
                              " has not answered the barrier after READY=1");
}

// Receives what is there, at most a batch. Returns how many.
Result<std::size_t> ContainerProxy::take_batch() {
    std::size_t count = 0;
    while (count < Queue::kBatch) {
        const ssize_t size =
            ::recvmsg(socket_.get(), &message_.header_to_fill(), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (size < 0) return Error::last("recvmsg", "notify socket");
        message_.received(static_cast<std::size_t>(size));
        take(message_);
        // Descriptors that nobody wanted are closed now, not when the next datagram comes.
        message_.fds().clear();
        message_.sender_pidfd().reset();
        ++count;
    }
    return count;
}

void ContainerProxy::take(InMessage& message) {
    const std::string_view body(reinterpret_cast<const char*>(message.data().data()), message.data().size());
    const std::size_t fds = message.fds().size();
    Sender sender;
    if (message.sender()) sender = {message.sender()->pid, message.sender_pidfd().get()};
    if (last_sender_.standing_of(sender, options_.is_member, loop_.now()) == Standing::stranger) {
        tell(sender.pid, body, fds, "refused: not of the container");
        return warn(strangers_, "refused what process ", sender.pid, " sent: it is not of the container");
    }
    Verdict verdict;
    if (message.is_data_cut()) {
        verdict.refusal = "longer than 4096 bytes";
    } else if (message.is_control_cut()) {
        verdict.refusal = "descriptors were lost";
    } else {
        verdict = judge(body, std::move(message.fds()), sender.pid, options_, carries_fds());
    }
    if (verdict.refusal) {
        tell(sender.pid, body, fds, "dropped: ", verdict.refusal);
        return warn(malformed_, "dropped a datagram of process ", sender.pid, ": ", verdict.refusal);
    }
    if (verdict.was_not_permitted)
        warn(not_permitted_, verdict.withheld, " of process ", sender.pid,
             " is not permitted to go upstream");
    const bool is_empty = verdict.kept.body.empty() && verdict.main.empty();
    if (is_empty) return tell(sender.pid, body, fds, "dropped: nothing is left for upstream");
    if (verdict.withheld.empty()) {
        tell(sender.pid, body, fds, "forwarded");
    } else {
        tell(sender.pid, body, fds, "forwarded without ", verdict.withheld);
    }
    forward(std::move(verdict));
}

void ContainerProxy::forward(Verdict verdict) {
    Notification& kept = verdict.kept;
    if (kept.is_barrier()) kept.due = loop_.now() + options_.barrier_max;
    put_main_process(verdict);
    kept.named_sender = options_.is_detached ? (main_pid_ > 0 ? main_pid_ : options_.starter) : 0;
    if (kept.main_pid > 0) main_pid_ = kept.main_pid;
    if (!verdict.main.empty() && !put_in_front(verdict.main, kept.body)) {
        // Together they are longer than a datagram: the manager learns first who will be speaking.
        Notification first;
        first.body = std::move(verdict.main);
        first.says = kSaysMark;
        first.named_sender = std::exchange(kept.named_sender, main_pid_);
        enqueue(std::move(first));
    }
    enqueue(std::move(kept));
}

// The first READY=1 of a detached container says who the main process is, unless the container has said it.
void ContainerProxy::put_main_process(Verdict& verdict) {
    const bool is_needed = options_.is_detached && (verdict.kept.says & kSaysReady) && main_pid_ == 0 &&
                           verdict.kept.main_pid == 0 && init_.pid > 0;
    if (!is_needed) return;
    verdict.main = main_process_lines(init_.pid, pidfd_id(init_.pid, init_.pidfd));
    verdict.kept.main_pid = init_.pid;
}

void ContainerProxy::enqueue(Notification notification) {
    const Queue::Gone gone = queue_.push(std::move(notification));
    for (std::size_t i = 0; i < gone.dropped; ++i)
        warn(crowded_out_, upstream_.address().text, " does not read: a notification was dropped");
    if (gone.was_ready) become_ready();
    if (!is_waiting_) send_queued();
}

void ContainerProxy::send_again() {
    is_waiting_ = false;
    const std::size_t late = queue_.expire(loop_.now());
    for (std::size_t i = 0; i < late; ++i)
        warn(expired_, upstream_.address().text, " does not read: a barrier was given up");
    send_queued();
    if (!queue_.is_nearly_full()) room_.set();
}

void ContainerProxy::send_queued() {
    while (!queue_.empty() && !is_waiting_) {
        // Where no descriptor can go, the barrier is reached here: upstream has all that came before it.
        if (queue_.front().is_barrier() && !carries_fds()) {
            queue_.pop();
            continue;
        }
        switch (upstream_.send(queue_.front())) {
            case Upstream::Sent::taken:
                taken(queue_.pop());
                break;
            case Upstream::Sent::refused:
                warn(refused_, "a notification was dropped: ", upstream_.last_error().text());
                if (queue_.pop().says & kSaysReady) become_ready();
                break;
            case Upstream::Sent::away:
                if (upstream_.is_lost()) {
                    lose_all();
                    break;
                }
                [[fallthrough]];
            case Upstream::Sent::full:
                is_waiting_ = true;
                wake_.set();
        }
    }
}

void ContainerProxy::taken(const Notification& notification) {
    last_taken_ = loop_.now();
    if (notification.says & kSaysReady) become_ready();
    if (lost_.count() == 0) return;
    if (options_.log)
        options_.log->warning("notify: ", upstream_.address().text, " is back; ", lost_.count(),
                              " notifications were dropped");
    lost_.reset();
}

void ContainerProxy::lose_all() {
    while (!queue_.empty()) {
        warn(lost_, "a notification was dropped: ", upstream_.last_error().text());
        if (queue_.pop().says & kSaysReady) become_ready();
    }
}

void ContainerProxy::become_ready() {
    is_ready_ = true;
    for (Event* event : until_ready_) event->set();
}

void ContainerProxy::tell(pid_t sender, std::string_view body, std::size_t fds, std::string_view fate,
                          std::string_view detail) const {
    if (!options_.log || !options_.log->is_on(LogLevel::debug)) return;
    const std::string descriptors = fds == 0 ? "" : ", " + std::to_string(fds) + " descriptors";
    options_.log->debug("notify: from ", sender, ": ", body.size(), " bytes", descriptors, ": ",
                        keys_of(body), ": ", fate, detail);
}

}  // namespace

Result<std::unique_ptr<Proxy>> Proxy::open(Loop& loop, Fd socket, ProxyOptions options) {
    URC_TRY(Address upstream, parse_address(options.upstream));
    return std::unique_ptr<Proxy>(
        std::make_unique<ContainerProxy>(loop, std::move(socket), std::move(upstream), std::move(options)));
}

}  // namespace urc::notify
