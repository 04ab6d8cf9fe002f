#include "core/ports/helper.h"

#include <netinet/tcp.h>
#include <signal.h>

#include "tests/core/ports/network_fixture.h"
#include "uring/file.h"

namespace urc::ports {
namespace {

using HelperTest = NetworkTest;

Task<void> makes_sockets(Loop& loop, int network) {
    Fd server;
    {
        Inside inside(network);
        server = serve_at("127.0.0.1");
    }
    Helper helper(loop, network);
    co_await helper.start();
    auto sockets = co_await helper.make(SocketKind::tcp4, 5);
    CO_ASSERT(sockets.size() == 5U);
    AnyAddress address = address_of("127.0.0.1", port_of(server.get()));
    const int result = ::connect(sockets[0].get(), &address.any, sizeof address.v4);
    EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
    EXPECT_NE(::fcntl(sockets[0].get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(sockets[0].get(), F_GETFD) & FD_CLOEXEC, 0);
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(sockets[1].get(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    EXPECT_EQ(value, 1);
    // It arrives, so it was made in there: nobody listens at that port out here.
    Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(accepted.is_open());

    sockets = co_await helper.make(SocketKind::udp6, 1000);
    EXPECT_EQ(sockets.size(), kSocketsPerRequestMax);
    for (SocketKind kind : {SocketKind::tcp6, SocketKind::udp4, SocketKind::route}) {
        sockets = co_await helper.make(kind, 1);
        EXPECT_EQ(sockets.size(), 1U);
    }
    // It keeps none of what it gave away, which it closes before it hears the next question. This one brings
    // nothing that would have to be closed after the answer.
    auto none = co_await settled(helper.make(static_cast<SocketKind>(kSocketKinds), 1));
    CO_ASSERT(!none.ok());
    EXPECT_EQ(none.error().code(), EINVAL);
    EXPECT_TRUE(helper.is_running());
    EXPECT_LE(count_entries(("/proc/" + std::to_string(helper.pid()) + "/fd").c_str()), 1U);
}

TEST_F(HelperTest, MakesSocketsThatBelongToTheNamespace) {
    auto result = run(makes_sockets(loop(), network()));
    EXPECT_TRUE(result.ok()) << result.error().text();
}

std::string status_of(pid_t pid, std::string_view key) {
    auto text = read_file_at(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/status").c_str());
    if (!text.ok()) return text.error().text();
    const std::size_t at = text->find("\n" + std::string(key) + ":\t");
    if (at == text->npos) return "no such line";
    const std::size_t begin = at + key.size() + 3;
    return text->substr(begin, text->find('\n', begin) - begin);
}

Task<void> holds_little(Loop& loop, int network, HelperOptions options, std::string capabilities) {
    Helper helper(loop, network, options);
    co_await helper.start();
    EXPECT_EQ(status_of(helper.pid(), "CapEff"), capabilities);
    EXPECT_EQ(status_of(helper.pid(), "CapPrm"), capabilities);
    EXPECT_EQ(status_of(helper.pid(), "NoNewPrivs"), "1");
    EXPECT_EQ(status_of(helper.pid(), "Seccomp"), "2");
    EXPECT_EQ(status_of(helper.pid(), "Threads"), "1");
}

TEST_F(HelperTest, HasNoCapabilityAndAFilter) {
    HelperOptions options;
    EXPECT_TRUE(run(holds_little(loop(), network(), options, "0000000000000000")).ok());
    options.keeps_net_admin = true;
    EXPECT_TRUE(run(holds_little(loop(), network(), options, "0000000000001000")).ok());
}

Task<void> is_killed(Loop& loop, int network) {
    Helper helper(loop, network);
    co_await helper.start();
    auto before = co_await helper.make(SocketKind::tcp4, 1);
    const pid_t pid = helper.pid();
    EXPECT_EQ(::kill(pid, SIGKILL), 0);
    auto made = co_await settled(helper.make(SocketKind::tcp4, 1));
    CO_ASSERT(!made.ok());
    EXPECT_EQ(made.error().code(), EPIPE);
    EXPECT_FALSE(helper.is_running());
    EXPECT_EQ(::kill(pid, 0), -1) << "it has been reaped";
    co_await helper.start();
    auto after = co_await helper.make(SocketKind::tcp4, 1);
    EXPECT_EQ(after.size(), 1U);
    // What the first one made is as good as before.
    AnyAddress address = address_of("127.0.0.1", 1);
    EXPECT_EQ(::connect(before[0].get(), &address.any, sizeof address.v4), -1);
    EXPECT_TRUE(errno == EINPROGRESS || errno == ECONNREFUSED);
}

TEST_F(HelperTest, OneThatIsKilledIsNoticedAndCanBeStartedAgain) {
    EXPECT_TRUE(run(is_killed(loop(), network())).ok());
}

Task<pid_t> starts(Loop& loop, int network) {
    Helper helper(loop, network);
    co_await helper.start();
    co_return helper.pid();
}

TEST_F(HelperTest, ItEndsWithItsOwnersObject) {
    auto pid = run(starts(loop(), network()));
    ASSERT_TRUE(pid.ok());
    EXPECT_EQ(::kill(*pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
}

TEST_F(HelperTest, WhatIsNoNetworkNamespaceIsSaid) {
    Fd other(::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
    auto pid = run(starts(loop(), other.get()));
    ASSERT_FALSE(pid.ok());
    EXPECT_EQ(pid.error().text(), "join the network namespace: Invalid argument");
    EXPECT_FALSE(open_network_namespace("/proc/self/ns/uts").ok());
    EXPECT_FALSE(open_network_namespace("/nowhere").ok());
    EXPECT_TRUE(open_network_namespace(::getpid()).ok());
}

}  // namespace
}  // namespace urc::ports
