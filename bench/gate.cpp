#include "bench/gate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bench/runner.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

// Read and write: opening one end of a fifo would wait for the other, and `up` would end with its first
// writer.
Result<Fd> make_fifo(const std::string& path) {
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) return Error::last("unlink", path);
    if (::mkfifo(path.c_str(), 0666) < 0) return Error::last("mkfifo", path);
    return open_at(AT_FDCWD, path.c_str(), O_RDWR | O_NONBLOCK);
}

}  // namespace

Result<Gate> Gate::create(const std::string& directory) {
    Gate gate;
    URC_TRY(gate.up_, make_fifo(directory + "/up"));
    URC_TRY(gate.go_, make_fifo(directory + "/go"));
    URC_TRY(gate.end_, make_fifo(directory + "/end"));
    URC_TRY(gate.sent_, make_fifo(directory + "/sent"));
    return gate;
}

Result<void> Gate::await(char word, unsigned count, int timeout_ms) {
    const std::uint64_t limit_ns = monotonic_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000;
    unsigned seen = 0;
    while (seen < count) {
        char words[4096];
        const std::size_t wanted = std::min<std::size_t>(sizeof words, count - seen);
        const ssize_t size = ::read(up_.get(), words, wanted);
        if (size > 0) {
            seen += static_cast<unsigned>(std::count(words, words + size, word));
            continue;
        }
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= limit_ns || was_interrupted())
            return Error::message(fmt::format("{} of {} programs said '{}' in time", seen, count, word));
        pollfd entry{up_.get(), POLLIN, 0};
        ::poll(&entry, 1, static_cast<int>((limit_ns - now_ns) / 1'000'000) + 1);
    }
    return {};
}

}  // namespace urc::bench
