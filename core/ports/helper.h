// Helper: a process in a network namespace that makes sockets there.
//
// A socket belongs to the namespace in which it was made, whoever uses it later. So one small process per
// namespace makes sockets that are connected to nothing, and the loop's process connects them itself: a
// connection costs no question (SocketStore keeps a few in stock), and the process with the ring never joins
// a namespace.
//
//   loop                                  helper (clone3; setns of the user namespace where needed, and net)
//     |<--- Reply: 0, or what went wrong ---|   no capability, no_new_privs, a filter of six calls
//     |---- Request: kind, count ---------->|
//     |<--- Reply + descriptors ------------|
//     |---- (closed) ---------------------->|   it exits; it is killed as well when its owner dies
//
// SOCK_SEQPACKET, one question at a time. seccomp(2), network_namespaces(7), unix(7).
#pragma once

#include <cstdint>
#include <vector>

#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::ports {

// What a socket is for.
enum class SocketKind : std::uint8_t {
    tcp4,  // TCP_NODELAY, SO_KEEPALIVE
    tcp6,
    udp4,
    udp6,
    route,  // rtnetlink(7): which addresses there are
};
inline constexpr std::size_t kSocketKinds = 5;

// In one message; unix(7) allows 253.
inline constexpr unsigned kSocketsPerRequestMax = 64;

// The namespaces by descriptor. `net` is needed; errors name the place that was given.
Result<Fd> open_network_namespace(pid_t pid);
Result<Fd> open_network_namespace(const std::string& path);

struct HelperOptions {
    // For sockets that speak with the client's own address (IP_TRANSPARENT), which takes CAP_NET_ADMIN.
    bool keeps_net_admin = false;
    // The namespace is the caller's own: joining it takes rights that a user without privileges lacks.
    bool is_there_already = false;
};

class Helper {
public:
    // `network_namespace` is borrowed.
    Helper(Loop& loop, int network_namespace, HelperOptions options = {}) noexcept
        : loop_(loop), network_namespace_(network_namespace), options_(options) {}
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;
    ~Helper() { stop(); }

    // Clones the process and waits until it is where it should be.
    Task<void> start();
    bool is_running() const noexcept { return socket_.is_open(); }
    pid_t pid() const noexcept { return pid_; }

    // 1 to kSocketsPerRequestMax sockets, none of them blocking; maybe fewer than asked for. One task at a
    // time. An Error of the helper's connection (EPIPE, ECONNRESET) means that it is gone: it can be started
    // again, what it has made stays good. Other Errors are the kernel's answer to it.
    Task<std::vector<Fd>> make(SocketKind kind, unsigned count);

    void stop() noexcept;

private:
    Loop& loop_;
    int network_namespace_;
    HelperOptions options_;
    pid_t pid_ = 0;
    Pidfd pidfd_;
    Fd socket_;
};

}  // namespace urc::ports
