// The descriptors that a caller hands to the container beside stdio: those of socket activation first
// (LISTEN_FDS, sd_listen_fds(3)), then the ones of --preserve-fds. They are 3, 4, ... for us and for the
// container alike.
#pragma once

#include <string>
#include <vector>

#include "uring/result.h"

namespace urc::process {

struct PassedFds {
    unsigned total = 0;
    unsigned listen = 0;
    std::string listen_names;  // $LISTEN_FDNAMES, as it is
};

// Checks that each of them is open: else urc's own descriptors would take their numbers. To be called before
// urc opens anything. LISTEN_FDS counts only when LISTEN_PID is this process.
Result<PassedFds> find_passed_fds(unsigned preserve_fds);

// Closes everything beyond stdio, `passed` and `kept`, which become close-on-exec: whatever the caller leaked
// must not become a way out of the container (CVE-2024-21626). Opens /dev/null in place of a closed stdin,
// stdout or stderr.
Result<void> close_leaked_fds(const PassedFds& passed, std::vector<int> kept = {});

}  // namespace urc::process
