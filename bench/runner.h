// Launch: one program started, timed and reaped.
//
//   t0 = CLOCK_MONOTONIC, posix_spawn (the harness shares its memory with the new process until exec, so its
//   size does not count), the container writes its own clock into the pipe, the program is reaped at t1.
//   start = the container's clock - t0, wall = t1 - t0.
//
// Standard input is /dev/null, output a pipe, errors a memory file that is read only when the program failed.
// The program has a process group of its own, so that Ctrl-C stops the harness between two containers and not
// a runtime in the middle of its work.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::bench {

struct Command {
    std::vector<std::string> argv;         // argv[0] is a path or a name in $PATH
    std::vector<std::string> environment;  // besides the harness' own; "NAME=value"
    // Borrowed, and the number the program sees it under; 0 and 1 replace /dev/null and the pipe.
    std::vector<std::pair<int, int>> descriptors = {};
};

struct Outcome {
    std::string failure;  // empty: status 0 and one valid stamp
    std::uint64_t start_ns = 0;
    std::uint64_t wall_ns = 0;
    pid_t pid = 0;

    bool ok() const noexcept { return failure.empty(); }
};

class Launch {
public:
    static Result<Launch> begin(const Command& command);

    // Readable when the program has ended.
    int pidfd() const noexcept { return pidfd_.get(); }
    pid_t pid() const noexcept { return pid_; }
    void kill() noexcept;

    // Reaps: blocks when the program has not ended yet.
    Outcome finish();

    // Everything the program wrote to its standard output and that fits into a pipe; after finish.
    std::string output();

private:
    Launch() = default;
    std::string failure_text(int code, int status) const;

    pid_t pid_ = -1;
    Pidfd pidfd_;
    Fd output_;
    Fd errors_;
    std::uint64_t begun_ns_ = 0;
    bool was_killed_ = false;
    std::string bytes_;
};

constexpr int kTimeoutMs = 30'000;  // a container that takes longer is killed and counted as failed

std::uint64_t monotonic_ns();
double seconds_since(std::uint64_t begun_ns);

// SIGINT, SIGTERM and SIGHUP make was_interrupted true. What is running is waited for, nothing new is
// started.
void catch_interrupts();
bool was_interrupted();

Outcome run_once(const Command& command, int timeout_ms = kTimeoutMs);

// A program that writes no stamp: it fails only with another status than 0, a signal, or too late.
Outcome run_call(const Command& command, int timeout_ms = kTimeoutMs);

// What a program prints, for --version and for tests. An Error when it fails.
Result<std::string> run_for_output(const Command& command, int timeout_ms = kTimeoutMs);

// The first line of what the program at `path` says to --version; empty when that fails.
std::string version_of(const std::string& path);

// Keeps `in_flight` programs running until `count` have been started, and waits for all. `next` gives the
// command of each, `done` gets each outcome with the index of its start. The result is the time from the
// first start to the last end.
std::uint64_t run_in_flight(unsigned count, unsigned in_flight, const std::function<Command(unsigned)>& next,
                            const std::function<void(unsigned, Outcome)>& done);

}  // namespace urc::bench
