#include "uring/open_backend.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include "uring/epoll_backend.h"

namespace urc {
namespace {

// Refused as such, not for want of something that epoll needs as well (EMFILE, ENFILE).
bool is_without_ring(int code) {
    switch (code) {
        case EPERM:   // kernel.io_uring_disabled, a seccomp filter
        case EACCES:  // a security module
        case ENOSYS:  // not in this kernel, or a seccomp filter that hides it
        case EINVAL:  // a kernel that cannot even be asked what it knows (before 5.6)
        case ENOMEM:  // counted against RLIMIT_MEMLOCK before 5.12; and a ring needs more memory than epoll
            return true;
        default:
            return false;
    }
}

Result<std::unique_ptr<Backend>> open_epoll(const RingOptions& options) {
    EpollOptions epoll_options;
    epoll_options.requests = options.requests;
    epoll_options.without_opcodes = options.without_opcodes;
    URC_TRY(std::unique_ptr<Backend> backend, EpollBackend::create(epoll_options));
    return backend;
}

}  // namespace

Result<std::unique_ptr<Backend>> open_backend(const RingOptions& options) {
    const char* variable = std::getenv("URC_LOOP");
    std::string_view wanted = variable ? variable : "";
    if (wanted == "epoll") return open_epoll(options);
    if (!wanted.empty() && wanted != "io_uring")
        return Error::message("URC_LOOP is neither epoll nor io_uring: " + std::string(wanted));
    auto ring = Ring::create(options);
    if (!ring.ok()) {
        if (wanted.empty() && is_without_ring(ring.error().code())) return open_epoll(options);
        return std::move(ring).error();
    }
    return std::unique_ptr<Backend>(std::move(ring).value());
}

}  // namespace urc
