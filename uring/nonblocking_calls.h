// NonblockingCalls: carries out one request with a system call that does not wait, or says that it would have
// to. O_NONBLOCK is never set on a descriptor for longer than a connect(2): it belongs to the open file,
// which others may hold as well (our stdio is the caller's).
//
//   sockets            MSG_DONTWAIT
//   pipes, eventfds    RWF_NOWAIT, in preadv2 and pwritev2
//   what knows neither (terminals; pipes before Linux 6.4)    poll(2) first, and then at most PIPE_BUF bytes
//                      are written: a pipe that polls writable has room for those. It can wait after all if
//                      another process is faster than we are; a terminal, if it has room for some of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "uring/epoll_request.h"

namespace urc {

// What a completion carries.
struct Outcome {
    int result = 0;
    std::uint32_t flags = 0;
};

class NonblockingCalls {
public:
    explicit NonblockingCalls(bool has_nowait) noexcept : has_nowait_(has_nowait) {}

    // Nothing: it must wait for wait_mask(request.sqe). -EINVAL for a request that is not a call.
    std::optional<Outcome> attempt(EpollRequest& request) noexcept;
    // The same for a file that is always ready, whatever an attempt has said.
    Outcome attempt_ready(EpollRequest& request) noexcept;

    ProvidedBuffers& buffers() noexcept { return buffers_; }

private:
    std::optional<Outcome> receive(const io_uring_sqe& sqe) noexcept;
    int read_now(int fd, void* bytes, std::size_t size) const noexcept;
    int write_now(int fd, const void* bytes, std::size_t size) const noexcept;

    ProvidedBuffers buffers_;
    bool has_nowait_;
};

}  // namespace urc
