#include "core/ports/rootlesskit/ready_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <string>

#include "uring/file.h"
#include "uring/ops_file.h"

namespace urc::ports::rootlesskit {

namespace {

constexpr char kPipeName[] = ".bp-ready.pipe";

// A FIFO's writing end polls with an error as long as it has no reader (poll(2)).
bool has_reader(int pipe) noexcept {
    pollfd poll{pipe, POLLOUT, 0};
    return ::poll(&poll, 1, 0) == 1 && !(poll.revents & POLLERR);
}

// The writing end alone, without waiting for a reader: both ends at once never wait.
Result<Fd> open_writing_end(int directory) {
    URC_TRY(const Fd both, open_at(directory, kPipeName, O_RDWR | O_NONBLOCK | O_NOFOLLOW));
    struct stat found;
    if (::fstat(both.get(), &found) < 0) return Error::last("stat", kPipeName);
    if (!S_ISFIFO(found.st_mode)) return Error(EINVAL, "not a FIFO", kPipeName);
    const std::string same = "/proc/self/fd/" + std::to_string(both.get());
    return open_at(AT_FDCWD, same.c_str(), O_WRONLY | O_NONBLOCK);
}

}  // namespace

Task<void> tell_ready(Loop& loop, int directory) {
    auto opened = open_writing_end(directory);
    if (!opened.ok() && opened.error().code() == ENOENT) co_return;
    const Fd pipe = co_await std::move(opened);
    // Whoever opens it from here on is told of, and whoever has it open already is seen below.
    const Fd opens(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!opens) co_await fail(Error::last("inotify_init1"));
    const std::string same = "/proc/self/fd/" + std::to_string(pipe.get());
    if (::inotify_add_watch(opens.get(), same.c_str(), IN_OPEN) < 0)
        co_await fail(Error::last("inotify_add_watch", kPipeName));
    while (!has_reader(pipe.get())) {
        alignas(inotify_event) std::array<std::byte, 256> events;
        (void)co_await read(loop, opens.get(), events);
    }
}

}  // namespace urc::ports::rootlesskit
