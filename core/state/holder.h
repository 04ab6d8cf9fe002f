// Who holds the lock of a state directory, by what the kernel lists in /proc/locks (proc_locks(5)).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "uring/fd.h"

namespace urc {

struct Holder {
    pid_t pid = 0;
    Pidfd process;
    std::string command;  // its command line on one line, shortened; for messages

    // Whether it runs the program that we run: nobody else has a reason to take such a lock.
    bool is_urc() const;

    // SIGKILL to its children, with their process groups: the hooks and whatever else it waits for.
    void kill_children() const;
    void kill() const;
};

// The process that has taken the flock(2) of `directory`; nullopt when nobody has, or one that we cannot see.
std::optional<Holder> find_holder(int directory);

}  // namespace urc
