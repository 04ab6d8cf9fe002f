// Where a container's network namespace is, for who comes to it later.
#pragma once

#include <string>

#include "core/state/state.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

class NetworkPlace {
public:
    explicit NetworkPlace(const State& state);

    // "the container has the host's network" when it has none of its own; ESRCH when its init has ended.
    Result<Fd> open() const;

private:
    ProcessId init_;
    bool is_own_ = false;
    std::string path_;  // of one that it has joined; empty: that of its init
};

// The refusal of ports that need none.
Error has_hosts_network();

}  // namespace urc
