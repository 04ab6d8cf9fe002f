#include "core/ports/helper.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "core/ports/helper_protocol.h"
#include "core/process/namespaces.h"
#include "core/process/spawn.h"
#include "uring/ops_socket.h"

namespace urc::ports {

const char* helper_step_text(HelperStep step) noexcept {
    switch (step) {
        case HelperStep::join_user:
            return "join the user namespace of the network namespace";
        case HelperStep::join_network:
            return "join the network namespace";
        case HelperStep::drop:
            return "give up capabilities";
        case HelperStep::filter:
            return "load the seccomp filter of the ports' helper";
        case HelperStep::rule:
            return "add a rule in the network namespace";
        case HelperStep::route:
            return "add a route in the network namespace";
        case HelperStep::setting:
            return "set tcp_fwmark_accept in the network namespace";
        default:
            return "make a socket in the network namespace";
    }
}

namespace {

// Its end and everything else that is no reply.
Error gone() {
    return Error(EPIPE, "the ports' helper process");
}

Task<HelperReply> receive(Loop& loop, int socket, std::vector<Fd>& descriptors) {
    HelperReply reply;
    InMessage message(std::as_writable_bytes(std::span(&reply, 1)));
    auto size = co_await settled(recvmsg(loop, socket, message));
    if (!size.ok() && size.error().code() == ECANCELED) co_return size.error();
    // Without room for the descriptors they are lost, and the next ones may be, too: so it is not gone.
    if (size.ok() && message.is_control_cut())
        co_return Error(EMFILE, "recvmsg", "the ports' helper process");
    if (!size.ok() || *size != sizeof reply || message.fds().size() != reply.count) co_return gone();
    descriptors = std::move(message.fds());
    co_return reply;
}

}  // namespace

Result<Fd> open_network_namespace(pid_t pid) {
    return open_network_namespace("/proc/" + std::to_string(pid) + "/ns/net");
}

Result<Fd> open_network_namespace(const std::string& path) {
    return process::open_namespace(spec::NamespaceType::network, path);
}

Task<void> Helper::start() {
    stop();
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        co_await fail(Error::last("socketpair"));
    Fd ours(ends[0]);
    Fd theirs(ends[1]);
    const pid_t owner = ::getpid();
    process::CloneOptions clone_options;
    process::Cloned cloned = co_await process::clone_process(clone_options);
    if (cloned.pid == 0) be_helper(theirs.get(), network_namespace_, owner, options_);
    theirs.reset();
    pid_ = cloned.pid;
    pidfd_ = std::move(cloned.pidfd);
    socket_ = std::move(ours);
    std::vector<Fd> none;
    auto reply = co_await settled(receive(loop_, socket_.get(), none));
    if (reply.ok() && reply->code == 0) co_return;
    Error error = reply.ok() ? Error(reply->code, helper_step_text(reply->step)) : reply.error();
    stop();
    co_await fail(std::move(error));
}

Task<std::vector<Fd>> Helper::make(SocketKind kind, unsigned count) {
    if (!is_running()) co_return gone();
    const HelperRequest request{kind,
                                static_cast<std::uint8_t>(std::clamp(count, 1U, kSocketsPerRequestMax))};
    OutMessage message(std::as_bytes(std::span(&request, 1)));
    auto sent = co_await settled(sendmsg(loop_, socket_.get(), message));
    std::vector<Fd> sockets;
    Result<HelperReply> reply(gone());
    if (sent.ok()) {
        reply = co_await settled(receive(loop_, socket_.get(), sockets));
    } else if (sent.error().code() == ECANCELED) {
        reply = sent.error();
    }
    if (!reply.ok()) {
        // Also when it is cancelled: the next reply would be the answer to this question.
        if (reply.error().code() != EMFILE) stop();
        if (reply.error().code() == ECANCELED || reply.error().code() == EMFILE) co_return reply.error();
        co_return gone();
    }
    if (reply->code != 0) co_return Error(reply->code, helper_step_text(reply->step));
    co_return std::move(sockets);
}

void Helper::stop() noexcept {
    socket_.reset();
    if (!pidfd_) return;
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    siginfo_t info;
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0 && errno == EINTR) {
    }
    pidfd_.reset();
    pid_ = 0;
}

}  // namespace urc::ports
