// Proxy: the sd_notify(3) protocol, carried from the container to the manager that started urc.
//
//   in the container:  NOTIFY_SOCKET=/run/notify/notify.sock       WATCHDOG_PID=1
//        | sendmsg (SO_PASSCRED, SO_PASSPIDFD)
//        v
//   ROOT/ID/notify/notify.sock --serve()--> judge (message.h) --> queue --> upstream ($NOTIFY_SOCKET of urc)
//
// A sender is held up only while the manager takes what is there, as it would be without us. A manager that
// does not read holds up nobody: the socket is drained, the queue coalesces STATUS and WATCHDOG (queue.h),
// then drops with a counted warning.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/log.h"
#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::notify {

// Who in the container may say what, and how its numbers are to be read.
struct ProxyOptions {
    std::string upstream;         // $NOTIFY_SOCKET as it was given: /path, @name, vsock:CID:PORT and its kin
    bool is_detached = false;     // MAINPID is the container's init, said with READY; foreground: never said
    pid_t starter = 0;            // detached: the process that the manager started, see Proxy; 0: not named
    bool allows_access = false;   // NOTIFYACCESS= goes upstream
    bool allows_fdstore = false;  // FDSTORE=1 with its descriptors goes upstream
    std::function<bool(pid_t)> is_member;  // a process (our number) that is in the container's cgroup
    // A number in the sender's pid namespace to one of ours.
    std::function<std::optional<pid_t>(pid_t sender, pid_t inside)> translate;
    std::function<std::optional<std::chrono::nanoseconds>()> monotonic_offset;  // of its time namespace
    // How long a barrier is kept for a manager that does not read, and our own waits for its answer.
    std::chrono::nanoseconds barrier_max = std::chrono::seconds(30);
    const Log* log = nullptr;  // debug: each datagram, what became of it. Outlives the proxy
};

// The container's init, once it is there.
struct Init {
    pid_t pid = 0;
    int pidfd = -1;  // borrowed; outlives the proxy
};

// Whom the manager takes for the sender. It looks at SCM_CREDENTIALS, and with NotifyAccess=main (the default
// of Type=notify) it hears only the main process. In the foreground that is us. Detached, it is `starter`
// until MAINPID has been said, from then on the one that was named; so with CAP_SYS_ADMIN we name those.
// Without it we can only speak for ourselves, and the unit needs NotifyAccess=all.
class Proxy {
public:
    // `socket`: bind_socket()'s. An Error when `upstream` is no address; whether somebody is there shows
    // later.
    static Result<std::unique_ptr<Proxy>> open(Loop& loop, Fd socket, ProxyOptions options);
    virtual ~Proxy() = default;

    // Before the container's program is started, so that READY finds it here.
    virtual void set_init(const Init& init) = 0;

    // Receives and forwards until it is cancelled. One task.
    virtual Task<void> serve() = 0;

    // After the container's end and serve(): what is still in the socket and the queue goes upstream, at most
    // `bound`.
    virtual Task<void> finish(std::chrono::nanoseconds bound) = 0;

    // Until READY=1 has gone upstream, and the manager has read everything up to it (a barrier of our own, 30
    // s at most; one that is not answered is a warning). Needs a serve() that runs. Any number of tasks.
    // A manager that is not there ends the wait as well: who waits for it would wait for ever.
    virtual Task<void> until_ready() = 0;
    virtual bool is_ready() const = 0;
};

// Binds a datagram socket `name` in `directory` (an open directory), mode 0777 whatever the umask, with
// SO_PASSCRED and, where the kernel has it, SO_PASSPIDFD, and a large receive buffer. Replaces a leftover.
Result<Fd> bind_socket(int directory, const char* name);

// Whether `text` can be an upstream: one line that says why not.
Result<void> check_upstream(std::string_view text);

}  // namespace urc::notify
