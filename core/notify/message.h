// What a datagram says, and what of it goes upstream.
//
// A body is lines of KEY=VALUE (sd_notify(3)). Each line is judged by itself; what is left of a datagram goes
// on as ONE datagram, in its order, so that READY=1 is never torn from the STATUS= that came with it.
//
//   key                                        what becomes of the line
//   READY RELOADING STOPPING                   forwarded; a mark, see queue.h
//   ERRNO BUSERROR VARLINKERROR EXIT_STATUS    the same
//   STATUS                                     forwarded, if it is UTF-8
//   WATCHDOG                                   forwarded; `trigger` is a mark
//   WATCHDOG_USEC EXTEND_TIMEOUT_USEC          forwarded
//   RESTART_RESET                              forwarded
//   MONOTONIC_USEC                             on our clock: less the time namespace's offset
//   MAINPID MAINPIDFDID MAINPIDFD              detached: translated, in front of the datagram
//                                              foreground: consumed, the main process is urc
//   NOTIFYACCESS                               by option
//   FDSTORE FDSTOREREMOVE FDNAME FDPOLL        by option, with the descriptors
//   BARRIER                                    =1, alone, one descriptor: forwarded in its place
//   X_... and unknown ones                     forwarded
//
// As systemd, we end lines at \n and \r, pass over empty ones, take one NUL at the end, and refuse a datagram
// with a NUL elsewhere, with more than 4096 bytes, or with BARRIER=1 and anything else. systemd ignores what
// is no KEY=VALUE, a number it cannot read and a STATUS= that is not UTF-8: those lines end here. It does not
// mind control characters in values, nor do we; a key has none.
//
// Descriptors go on with FDSTORE=1 (all), MAINPIDFD=1 and BARRIER=1 (one); otherwise they are closed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/notify/proxy.h"
#include "uring/fd.h"

namespace urc::notify {

inline constexpr std::size_t kBodySizeMax = 4096;  // systemd's

// What a notification says, as bits: what it may be given up for.
enum Says : std::uint8_t {
    kSaysReady = 1,
    kSaysMark = 2,
    kSaysStatus = 4,
    kSaysWatchdog = 8,
    kSaysOther = 16,
    kSaysBarrier = 32,
};

// One datagram for upstream.
struct Notification {
    std::string body;  // without a newline at the end
    std::vector<Fd> fds;
    std::uint8_t says = 0;
    pid_t main_pid = 0;                // whom it calls the main process; 0: nobody
    pid_t named_sender = 0;            // whom SCM_CREDENTIALS name; 0: us
    std::chrono::nanoseconds due{-1};  // of a barrier: when it is given up
    std::string account;               // who sent it, how long, which keys: for the log; empty: nobody asks
    bool is_superseded = false;        // by a later one, and on its way out of the queue

    bool is_barrier() const noexcept { return says & kSaysBarrier; }
};

struct Verdict {
    Notification kept;               // an empty body: nothing is left
    std::string main;                // MAINPID=, MAINPIDFDID= of the container: put_in_front() adds them
    std::string withheld;            // the keys that stay here, for the log
    const char* refusal = nullptr;   // why the whole datagram is dropped
    bool was_not_permitted = false;  // something needs an option that was not given
};

// Judges one datagram. `sender`: whose numbers these are. `carries_fds`: of the upstream.
Verdict judge(std::string_view body, std::vector<Fd> fds, pid_t sender, const ProxyOptions& options,
              bool carries_fds);

// `MAINPID=PID` and, where `pidfd_id` is known, `MAINPIDFDID=`.
std::string main_process_lines(pid_t pid, std::uint64_t pidfd_id);

// False when both together are more than a datagram takes.
bool put_in_front(const std::string& lines, std::string& body);

// The keys of a body as one line of text, for the log.
std::string keys_of(std::string_view body);

}  // namespace urc::notify
