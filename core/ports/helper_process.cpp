// The process in the container's network namespace. Nobody in there can reach it: it is in urc's pid and
// mount namespaces. Should it be taken over through a socket all the same, it has no capability and six
// system calls.
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "core/ports/helper_protocol.h"
#include "core/ports/transparent.h"

namespace urc::ports {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_AARCH64;
#else
#error "core/ports/helper_process.cpp knows x86-64 and arm64"
#endif

// linux/capability.h gives the number.
constexpr std::uint32_t kNetAdmin = 1U << CAP_NET_ADMIN;

constexpr int kNetworkNamespace = 1;  // for the beginning, where to go

// The caller's rights are enough, or those that its user namespace gives to who made the container's.
HelperFailure join_namespace() {
    if (::setns(kNetworkNamespace, CLONE_NEWNET) == 0) return {};
    if (errno != EPERM) return {HelperStep::join_network, errno};
    const int user = ::ioctl(kNetworkNamespace, NS_GET_USERNS);
    if (user < 0) return {HelperStep::join_network, EPERM};
    // In a user namespace that is ours already, joining is EINVAL, and the first answer stands.
    if (::setns(user, CLONE_NEWUSER) < 0)
        return errno == EINVAL ? HelperFailure{HelperStep::join_network, EPERM}
                               : HelperFailure{HelperStep::join_user, errno};
    ::syscall(SYS_close_range, user, user, 0);
    if (::setns(kNetworkNamespace, CLONE_NEWNET) < 0) return {HelperStep::join_network, errno};
    return {};
}

HelperFailure drop_privileges(const HelperOptions& options) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return {HelperStep::drop, errno};
    // Nothing is executed here, so that this takes nothing away; who looks at the process sees it all the
    // same.
    for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
        (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    if (options.keeps_net_admin) sets[0].effective = sets[0].permitted = kNetAdmin;
    if (::syscall(SYS_capset, &header, sets.data()) < 0) return {HelperStep::drop, errno};
    return {};
}

HelperFailure load_filter() {
    constexpr auto kLoad = BPF_LD | BPF_W | BPF_ABS;
    constexpr auto kEqual = BPF_JMP | BPF_JEQ | BPF_K;
    constexpr auto kReturn = BPF_RET | BPF_K;
    // Each comparison jumps to the last instruction.
    sock_filter program[] = {
        BPF_STMT(kLoad, offsetof(seccomp_data, arch)),
        BPF_JUMP(kEqual, kNative, 1, 0),
        BPF_STMT(kReturn, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(kLoad, offsetof(seccomp_data, nr)),
        BPF_JUMP(kEqual, SYS_recvmsg, 6, 0),
        BPF_JUMP(kEqual, SYS_sendmsg, 5, 0),
        BPF_JUMP(kEqual, SYS_socket, 4, 0),
        BPF_JUMP(kEqual, SYS_setsockopt, 3, 0),
        BPF_JUMP(kEqual, SYS_close_range, 2, 0),
        BPF_JUMP(kEqual, SYS_exit_group, 1, 0),
        BPF_STMT(kReturn, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(kReturn, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) return {HelperStep::filter, errno};
    return {};
}

using SocketNumbers = std::array<int, kSocketsPerRequestMax>;

// Has it bind to addresses that are not ours, and the answers come back (transparent.h).
void make_transparent(int fd, bool is_v6) {
    const int one = 1;
    const std::uint32_t mark = TransparentRoutes::kMark;
    // What does not work is said by bind(2).
    if (is_v6)
        (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof one);
    else
        (void)::setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof one);
    (void)::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
}

int make_socket(SocketKind kind, const HelperOptions& options) {
    constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    switch (kind) {
        case SocketKind::tcp4:
        case SocketKind::tcp6: {
            const int family = kind == SocketKind::tcp4 ? AF_INET : AF_INET6;
            const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | kFlags, 0);
            const int one = 1;
            // Here they cost no connection anything.
            if (fd >= 0) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            if (fd >= 0) (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
            if (fd >= 0 && options.keeps_net_admin) make_transparent(fd, family == AF_INET6);
            return fd;
        }
        case SocketKind::udp4:
            return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | kFlags, 0);
        case SocketKind::udp6:
            return ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | kFlags, 0);
        case SocketKind::route:
            return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    }
    errno = EINVAL;
    return -1;
}

void send_reply(const HelperReply& reply, const SocketNumbers& descriptors) {
    iovec data{const_cast<HelperReply*>(&reply), sizeof reply};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(SocketNumbers))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (reply.count > 0) {
        const std::size_t size = reply.count * sizeof(int);
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(size);
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(head), descriptors.data(), size);
    }
    while (::sendmsg(kHelperSocket, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
    // The owner has its own now, or is gone.
    if (reply.count > 0) ::syscall(SYS_close_range, kHelperSocket + 1, ~0U, 0);
}

void answer(const HelperRequest& request, const HelperOptions& options) {
    SocketNumbers descriptors;
    HelperReply reply;
    while (reply.count < std::min<unsigned>(request.count, kSocketsPerRequestMax)) {
        const int fd = make_socket(request.kind, options);
        if (fd < 0) {
            // Some are better than none.
            if (reply.count == 0) reply = {errno, HelperStep::socket, 0};
            break;
        }
        descriptors[reply.count++] = fd;
    }
    send_reply(reply, descriptors);
}

[[noreturn]] void leave() {
    for (;;) ::syscall(SYS_exit_group, 0);
}

// Nothing of urc's is left open but the two that are needed.
void arrange_descriptors(int socket, int network_namespace) {
    // By way of numbers that are neither: each may lie where the other belongs.
    const int network = ::fcntl(network_namespace, F_DUPFD_CLOEXEC, 2);
    const int way = ::fcntl(socket, F_DUPFD_CLOEXEC, 2);
    if (way < 0 || network < 0 || ::dup3(way, kHelperSocket, O_CLOEXEC) < 0 ||
        ::dup3(network, kNetworkNamespace, O_CLOEXEC) < 0)
        leave();
    ::syscall(SYS_close_range, 2, ~0U, 0);
}

}  // namespace

HelperFailure enter_network_namespace(int socket, int network_namespace, const char* name,
                                      const HelperOptions& options) {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ::prctl(PR_SET_NAME, name, 0, 0, 0);
    arrange_descriptors(socket, network_namespace);
    HelperFailure failure;
    if (!options.is_there_already) failure = join_namespace();
    if (failure.code == 0) failure = drop_privileges(options);
    // Changed credentials have undone it.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ::syscall(SYS_close_range, kNetworkNamespace, kNetworkNamespace, 0);
    return failure;
}

void be_helper(int socket, int network_namespace, pid_t owner, const HelperOptions& options) {
    HelperFailure failure = enter_network_namespace(socket, network_namespace, "urc:ports", options);
    // Behind everything that changes credentials, which would undo it. An owner that has died before is
    // noticed by its number.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != owner) leave();
    if (failure.code == 0) failure = load_filter();
    send_reply({failure.code, failure.step, 0}, {});
    if (failure.code != 0) leave();

    for (;;) {
        HelperRequest request;
        iovec data{&request, sizeof request};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        const ssize_t size = ::recvmsg(kHelperSocket, &message, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size != sizeof request) leave();
        answer(request, options);
    }
}

}  // namespace urc::ports
