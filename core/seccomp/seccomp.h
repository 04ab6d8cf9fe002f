// linux.seccomp made into the BPF program that seccomp(2) loads.
//
// The compiler is our own because libseccomp needs 17 ms for docker's profile and its filter is slow to load;
// libseccomp still gives the numbers of the syscalls. What the rules mean is taken over from libseccomp 2.5
// as runc uses it, and checked against its filters in the tests (see rules.h and compile.cpp). Everything
// here runs in the parent: the child only hands the bytes to the kernel.
//
// prepare() keeps finished programs under ROOT/.cache/seccomp, see cache.h.
#pragma once

#include <linux/filter.h>

#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::seccomp {

struct Program {
    // Empty: the section asks for nothing (neither a default action nor a rule), nothing is to be loaded.
    std::vector<sock_filter> instructions;

    // SECCOMP_FILTER_FLAG_* for seccomp(2). TSYNC is accepted in the profile and left out here: the process
    // that loads the filter has one thread, and with TSYNC a failure would be reported as a positive number.
    // NEW_LISTENER is set exactly when has_notify is; WAIT_KILLABLE_RECV, which the kernel refuses without
    // it, only then.
    unsigned flags = 0;

    bool has_notify = false;  // a rule says SCMP_ACT_NOTIFY
    std::string listener_path;
    std::string listener_metadata;
};

// `section` is the raw JSON text of linux.seccomp; an empty text is an empty program. The Error names the
// JSON path ("linux.seccomp.syscalls[3].action: ...").
Result<Program> compile(std::string_view section);

// The same through the cache below `state_root_fd`, the runtime's ROOT; -1: no cache. A cache that is
// missing, broken, foreign or not writable is never an error.
Result<Program> prepare(std::string_view section, int state_root_fd);

}  // namespace urc::seccomp
