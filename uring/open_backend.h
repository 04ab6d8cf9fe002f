// Which Backend this host gets: io_uring where it is to be had, epoll otherwise.
//
// URC_LOOP in the environment says it instead (`epoll` or `io_uring`; anything else is an error): for tests,
// and for finding out whether a trouble comes from one of them.
#pragma once

#include <memory>

#include "uring/backend.h"
#include "uring/ring.h"

namespace urc {

// `options` hold for a ring; the backend on epoll takes from them what it understands.
Result<std::unique_ptr<Backend>> open_backend(const RingOptions& options = RingOptions());

}  // namespace urc
