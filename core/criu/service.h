// One criu process, `criu swrk 3`, at the other end of a socket: started, asked, listened to, waited for.
//
// criu does the work; urc answers its notifications. As our child it may restore processes as our children
// too. All descriptors in a request are criu's own: it looks for them below the /proc entry of whoever made
// the socket, so it makes the socket itself. It ends by itself after its last response, and also, putting
// everything back first, when the socket closes: therefore it is killed only when it does not listen to that
// any more. To kill it in the middle of a dump would leave its code in the container's processes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/cgroup/cgroup.h"
#include "core/criu/rpc.h"
#include "core/log.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::criu {

// The first versions of criu that can what their name says.
inline constexpr unsigned kCriuWithRpcVersion = 30'000;
inline constexpr unsigned kCriuWithExternalNetwork = 31'100;
inline constexpr unsigned kCriuWithFreezerV2 = 31'400;
inline constexpr unsigned kCriuWithTimeNamespace = 31'400;
inline constexpr unsigned kCriuWithStatusReady = 31'500;
inline constexpr unsigned kCriuWithExternalPid = 31'500;
inline constexpr unsigned kCriuWithLsmProfile = 31'600;

class Service {
public:
    // Descriptors of criu, after the socket at 3.
    static constexpr int kImages = 4, kWork = 5, kFirstInherited = 6;

    struct StartOptions {
        std::string images, work;      // directories, opened by criu in its namespaces; work may be empty
        bool inherits_stdio = false;   // what is restored gets our stdin, stdout and stderr; else: /dev/null
        std::vector<int> inherited;    // become descriptors 6, 7 ... of criu
        std::uint64_t namespaces = 0;  // CLONE_NEW*
        cgroup::Cgroup* cgroup = nullptr;  // made and limited; criu, and what it restores, live in it
        // In place of `cgroup`, in the parent: puts the new process into its cgroup. It waits for that.
        std::function<Result<void>(pid_t)> adopt;
        std::function<Result<void>()> prepare;  // in the child, before criu is executed
    };

    // Finds criu in $PATH and starts it; returns when it runs. `exec: "criu": executable file not found ...`.
    static Result<Service> start(const StartOptions& options);

    Service(Service&&) = default;
    Service& operator=(Service&&) = delete;
    // Closes the socket and waits; after half a minute criu is killed.
    ~Service();

    pid_t pid() const { return pid_; }

    // 31701 is 3.17.1. Asked once. An Error when it is older than urc can talk to.
    Result<unsigned> version();
    // "criu is missing features: ..." unless criu and the kernel have all that is wanted.
    Result<void> check_features(const Features& wanted);

    // What criu tells while it works, with the descriptor that may come along. An Error ends the request:
    // criu undoes what it has done.
    using Notify = std::function<Result<void>(const Response&, Fd)>;

    // Sends the request, serves its notifications, waits for the end of it. `log_path` is for the message
    // when it fails: `criu failed: type DUMP errno 22, log file: LOG: the log's first error`. criu has ended
    // after this, whatever the outcome.
    Result<Response> request(RequestType type, const Options& options, const Notify& notify,
                             const std::string& log_path);

private:
    Service(pid_t pid, Pidfd pidfd, Fd socket) noexcept
        : pid_(pid), pidfd_(std::move(pidfd)), socket_(std::move(socket)) {}

    Result<void> send(const std::string& message) const;
    struct Received {
        Response response;
        Fd fd;
    };
    Result<Received> receive() const;
    Result<Response> serve(RequestType type, const Notify& notify);
    int end();

    pid_t pid_;
    Pidfd pidfd_;
    Fd socket_;
    unsigned version_ = 0;
};

// The first line of criu's log that tells an error, without its final newline; empty when there is none.
std::string first_error_line(std::string_view log);

}  // namespace urc::criu
