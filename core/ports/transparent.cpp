#include "core/ports/transparent.h"

#include <fcntl.h>
#include <linux/fib_rules.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>

#include "core/network/netlink.h"
#include "core/ports/helper_protocol.h"
#include "core/process/spawn.h"
#include "uring/ops_socket.h"

namespace urc::ports {

namespace {

constexpr const char* kSetting = "/proc/sys/net/ipv4/tcp_fwmark_accept";

// In the process that keeps them.
class Kept {
public:
    // What could not be made; the rest is there until undo().
    HelperFailure make() {
        auto socket = network::Socket::open();
        if (!socket.ok()) return {HelperStep::rule, socket.error().code()};
        route_.emplace(std::move(*socket));
        for (Family& each : families_) {
            auto added = ask_rule(RTM_NEWRULE, each.family);
            // A kernel without IPv6 has no client of that family either.
            if (!added.ok() && each.family == AF_INET6 && is_unknown(added.error().code())) continue;
            if (!added.ok()) return {HelperStep::rule, added.error().code()};
            each.has_rule = true;
            added = ask_route(RTM_NEWROUTE, each.family);
            // The same where it is switched off.
            if (!added.ok() && each.family == AF_INET6 && added.error().code() == EACCES) continue;
            if (!added.ok()) return {HelperStep::route, added.error().code()};
            each.has_route = true;
        }
        return set();
    }

    void undo() {
        if (was_ != '1' && setting_) (void)!::pwrite(setting_.get(), &was_, 1, 0);
        for (const Family& each : families_) {
            if (each.has_rule) (void)ask_rule(RTM_DELRULE, each.family).ok();
            if (each.has_route) (void)ask_route(RTM_DELROUTE, each.family).ok();
        }
    }

private:
    struct Family {
        std::uint8_t family;
        bool has_rule = false;
        bool has_route = false;
    };

    static bool is_unknown(int code) noexcept { return code == EAFNOSUPPORT || code == EOPNOTSUPP; }

    Result<void> ask_rule(std::uint16_t type, std::uint8_t family) {
        fib_rule_hdr body{};
        body.family = family;
        body.action = FR_ACT_TO_TBL;
        network::Request request(type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0, body);
        request.add(FRA_PRIORITY, &TransparentRoutes::kPriority, sizeof TransparentRoutes::kPriority);
        request.add(FRA_FWMARK, &TransparentRoutes::kMark, sizeof TransparentRoutes::kMark);
        request.add(FRA_TABLE, &TransparentRoutes::kTable, sizeof TransparentRoutes::kTable);
        return route_->ask(request, "rule", "rtnetlink");
    }

    Result<void> ask_route(std::uint16_t type, std::uint8_t family) {
        rtmsg body{};
        body.rtm_family = family;
        body.rtm_protocol = RTPROT_STATIC;
        body.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
        body.rtm_type = RTN_LOCAL;
        network::Request request(type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0, body);
        constexpr std::uint32_t kLoopback = 1;  // lo is the first device of every namespace
        request.add(RTA_OIF, &kLoopback, sizeof kLoopback);
        request.add(RTA_TABLE, &TransparentRoutes::kTable, sizeof TransparentRoutes::kTable);
        return route_->ask(request, "route", "rtnetlink");
    }

    // Which namespace's it is, is decided by who opens it.
    HelperFailure set() {
        Fd setting(::open(kSetting, O_RDWR | O_CLOEXEC));
        char was = 0;
        if (!setting || ::pread(setting.get(), &was, 1, 0) != 1) return {HelperStep::setting, errno};
        if (was != '1' && ::pwrite(setting.get(), "1", 1, 0) != 1) return {HelperStep::setting, errno};
        setting_ = std::move(setting);
        was_ = was;
        return {};
    }

    std::optional<network::Socket> route_;
    std::array<Family, 2> families_{Family{AF_INET}, Family{AF_INET6}};
    Fd setting_;
    char was_ = 0;
};

// Until the owner closes `socket`, or is gone.
[[noreturn]] void keep(int socket, int network_namespace, const HelperOptions& options) {
    HelperFailure failure = enter_network_namespace(socket, network_namespace, "urc:routes", options);
    Kept kept;
    if (failure.code == 0) failure = kept.make();
    const HelperReply reply{failure.code, failure.step, 0};
    if (::send(kHelperSocket, &reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply && failure.code == 0) {
        char byte = 0;
        while (::recv(kHelperSocket, &byte, 1, 0) < 0 && errno == EINTR) {
        }
    }
    kept.undo();
    ::_exit(0);
}

Error refusal(const HelperReply& reply) {
    if (reply.code == EPERM || reply.code == EACCES)
        return Error::message("source-ip transparent: it takes CAP_NET_ADMIN in the network namespace",
                              EPERM);
    if (reply.code == EEXIST)
        return Error::message("source-ip transparent: somebody does it in this network namespace already",
                              EEXIST);
    return Error(reply.code, helper_step_text(reply.step), "source-ip transparent");
}

}  // namespace

TransparentRoutes::~TransparentRoutes() {
    socket_.reset();
    if (!pidfd_) return;
    siginfo_t info;
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0 && errno == EINTR) {
    }
}

Task<void> TransparentRoutes::start() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        co_await fail(Error::last("socketpair"));
    socket_ = Fd(ends[0]);
    Fd theirs(ends[1]);
    HelperOptions options;
    options.keeps_net_admin = true;
    process::CloneOptions clone_options;
    process::Cloned cloned = co_await process::clone_process(clone_options);
    if (cloned.pid == 0) keep(theirs.get(), network_namespace_, options);
    theirs.reset();
    pidfd_ = std::move(cloned.pidfd);
    HelperReply reply;
    const std::size_t size =
        co_await recv(loop_, socket_.get(), std::as_writable_bytes(std::span(&reply, 1)));
    if (size != sizeof reply) co_await fail(Error(EPIPE, "source-ip transparent"));
    if (reply.code != 0) co_await fail(refusal(reply));
}

}  // namespace urc::ports
