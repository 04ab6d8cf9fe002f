#include "core/cgroup/oom_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/cgroup/stats_read.h"
#include "uring/file.h"

namespace urc::cgroup {
namespace {

// Reading also makes poll(2) wait for the next change.
std::optional<std::uint64_t> count_kills(int events) {
    char text[512];
    const ssize_t length = ::pread(events, text, sizeof text, 0);
    if (length < 0) return std::nullopt;
    return stat_number(keyed_value(std::string_view(text, static_cast<std::size_t>(length)), "oom_kill"));
}

}  // namespace

Result<OomWatch> OomWatch::open(const Cgroup& cgroup) {
    OomWatch watch;
    const Directory* directory = cgroup.directory(Controller::memory);
    if (!directory) return watch;
    const int dir = directory->fd.get();
    watch.is_v2_ = directory->is_v2();
    const char* file = watch.is_v2_ ? "memory.events" : "memory.oom_control";
    auto opened = open_at(dir, file, O_RDONLY);
    if (!opened.ok() && opened.error().code() == ENOENT) return watch;
    if (!opened.ok()) return std::move(opened).error();
    if (watch.is_v2_) {
        watch.fd_ = std::move(*opened);
        watch.kills_ = count_kills(watch.fd_.get()).value_or(0);
        return watch;
    }
    watch.control_ = std::move(*opened);
    watch.fd_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!watch.fd_) return Error::last("eventfd", file);
    URC_TRY_VOID(write_control(*directory, "cgroup.event_control",
                               std::to_string(watch.fd_.get()) + " " + std::to_string(watch.control_.get())));
    return watch;
}

short OomWatch::poll_events() const {
    return is_v2_ ? POLLPRI : POLLIN;
}

bool OomWatch::take() {
    if (!fd_) return false;
    if (is_v2_) {
        const auto kills = count_kills(fd_.get());
        if (!kills || *kills <= kills_) return false;
        kills_ = *kills;
        return true;
    }
    std::uint64_t count = 0;
    if (::read(fd_.get(), &count, sizeof count) != sizeof count) return false;
    // The removal of the cgroup is told in the same way; then the file cannot be read any more.
    char byte;
    return ::pread(control_.get(), &byte, 1, 0) == 1;
}

}  // namespace urc::cgroup
