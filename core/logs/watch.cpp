#include "core/logs/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "core/timestamp.h"

namespace urc::logs {
namespace {

std::string path_of(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
}

Instant current_instant() {
    const timespec time = now();
    return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

bool is_readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

}  // namespace

Result<Watch> Watch::open(const StateDir& dir, const State& state, const Options& options) {
    Watch watch(dir, options);
    watch.inotify_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch.inotify_) return Error::last("inotify_init");
    URC_TRY_VOID(watch.add(path_of(dir.fd()), IN_DELETE));
    auto monitor = open_process(state.monitor);
    if (monitor) watch.monitor_ = std::move(*monitor);
    if (!monitor && monitor.error().code() != ESRCH) return std::move(monitor).error();
    return watch;
}

Result<void> Watch::add(const std::string& path, unsigned events) {
    if (::inotify_add_watch(inotify_.get(), path.c_str(), events) < 0)
        return Error::last("inotify_add_watch", path);
    return {};
}

// Not IN_MODIFY: the logs of other containers may lie beside it.
Result<void> Watch::watch_directory_of(const std::string& path) {
    const std::string directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    return add(directory, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

Result<void> Watch::watch_file(const File& file) {
    if (file_watch_ >= 0) (void)::inotify_rm_watch(inotify_.get(), file_watch_);
    file_watch_ = ::inotify_add_watch(inotify_.get(), path_of(file.fd.get()).c_str(), IN_MODIFY);
    if (file_watch_ < 0) return Error::last("inotify_add_watch", "the log");
    return {};
}

Result<bool> Watch::wait(int extra) {
    pollfd waits[] = {{inotify_.get(), POLLIN, 0},
                      {monitor_.get(), POLLIN, 0},
                      {extra, POLLIN, 0},
                      {options_.output_fd, 0, 0}};
    int ready;
    do {
        ready = ::poll(waits, std::size(waits), timeout_ms());
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) return Error::last("poll", "the log");
    if (waits[3].revents & (POLLERR | POLLHUP)) return Error(EPIPE, "write", "stdout");
    // What has happened does not matter: all is looked at anew each time.
    alignas(inotify_event) char events[4096];
    while (waits[0].revents != 0 && ::read(inotify_.get(), events, sizeof events) > 0) {
    }
    return waits[2].revents != 0;
}

int Watch::timeout_ms() const {
    if (!options_.until) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*options_.until - current_instant());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

bool Watch::is_over() {
    if (!monitor_ || is_readable(monitor_.get())) return true;
    if (options_.until && current_instant() > *options_.until) return true;
    return ::faccessat(dir_->fd(), kStateFile, F_OK, 0) != 0;
}

}  // namespace urc::logs
