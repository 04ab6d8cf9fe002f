#include "core/ports/transparent.h"

#include <optional>

#include "core/ports/address.h"
#include "core/ports/helper.h"
#include "tests/core/ports/network_fixture.h"
#include "uring/file.h"
#include "uring/ops_socket.h"

namespace urc::ports {
namespace {

class Transparent : public NetworkTest {
protected:
    void expect(Task<void> task) {
        auto result = run(std::move(task));
        EXPECT_TRUE(result.ok()) << result.error().text();
    }
};

std::string setting_in(int network) {
    const Inside inside(network);
    auto text = read_file_at(AT_FDCWD, "/proc/sys/net/ipv4/tcp_fwmark_accept");
    return text.ok() ? *text : text.error().text();
}

void set_loopback(int network, short flags) {
    const Inside inside(network);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = flags;
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

// Somebody who is nowhere near asks, and is answered.
Task<void> comes_from(Loop& loop, int network, Helper& helper, std::string client, std::string server) {
    Fd listener;
    {
        const Inside inside(network);
        listener = serve_at(server);
    }
    const bool is_v6 = server.find(':') != server.npos;
    auto sockets = co_await helper.make(is_v6 ? SocketKind::tcp6 : SocketKind::tcp4, 1);
    const Fd& socket = sockets.front();
    const Address from = Address::of(client, 0).value();
    EXPECT_EQ(::bind(socket.get(), from.get(), from.size()), 0) << client;
    const Address to = Address::of(server, port_of(listener.get())).value();
    co_await connect(loop, socket.get(), to.get(), to.size());
    const Fd accepted = co_await accept(loop, listener.get());
    Address peer;
    socklen_t size = Address::kSizeMax;
    EXPECT_EQ(::getpeername(accepted.get(), peer.get(), &size), 0);
    EXPECT_EQ(peer.ip(), client);
    co_await send(loop, accepted.get(), "answer");
    std::array<std::byte, 16> buffer;
    const std::size_t count = co_await recv(loop, socket.get(), buffer);
    EXPECT_EQ(count, 6U);
}

Task<void> works(Loop& loop, int network) {
    TransparentRoutes routes(loop, network);
    co_await routes.start();
    HelperOptions options;
    options.keeps_net_admin = true;
    Helper helper(loop, network, options);
    co_await helper.start();
    co_await comes_from(loop, network, helper, "192.0.2.9", "127.0.0.1");
    co_await comes_from(loop, network, helper, "2001:db8::9", "::1");
}

TEST_F(Transparent, AConnectionComesFromAnAddressThatIsNotThere) {
    expect(works(loop(), network()));
}

Task<void> are_taken_back(Loop& loop, int network) {
    const std::string before = setting_in(network);
    std::optional<TransparentRoutes> routes(std::in_place, loop, network);
    co_await routes->start();
    EXPECT_EQ(setting_in(network), "1\n");
    {
        TransparentRoutes others(loop, network);
        auto refused = co_await settled(others.start());
        EXPECT_EQ(refused.ok() ? 0 : refused.error().code(), EEXIST);
    }
    // Who was refused has taken nothing away.
    EXPECT_EQ(setting_in(network), "1\n");
    routes.reset();
    EXPECT_EQ(setting_in(network), before);
    routes.emplace(loop, network);
    co_await routes->start();
}

TEST_F(Transparent, OneAtATimeAndThenNothingIsLeft) {
    expect(are_taken_back(loop(), network()));
}

// The rule is there before the route, which takes a device that is up.
Task<void> fail_midway(Loop& loop, int network) {
    set_loopback(network, 0);
    {
        TransparentRoutes routes(loop, network);
        auto refused = co_await settled(routes.start());
        EXPECT_EQ(refused.ok() ? 0 : refused.error().code(), ENETDOWN);
    }
    set_loopback(network, IFF_UP);
    TransparentRoutes routes(loop, network);
    co_await routes.start();
}

TEST_F(Transparent, AFailureMidwayLeavesNothing) {
    expect(fail_midway(loop(), network()));
}

}  // namespace
}  // namespace urc::ports
