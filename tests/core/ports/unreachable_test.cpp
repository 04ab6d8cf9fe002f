#include "core/ports/unreachable.h"

#include <linux/capability.h>
#include <linux/errqueue.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <optional>

#include "tests/core/ports/udp_fixture.h"
#include "tests/sim/sim_backend.h"

namespace urc::ports {
namespace {

// A log that is read back.
class LogMemory {
public:
    LogMemory() : file_(::memfd_create("log", MFD_CLOEXEC)) {
        LogOptions options;
        options.path = "/proc/self/fd/" + std::to_string(file_.get());
        options.level = LogLevel::warning;
        auto opened = Log::open(options);
        EXPECT_TRUE(opened.ok());
        log_ = std::move(*opened);
    }
    const Log* log() const { return &log_; }
    std::string text() const {
        std::string text(1 << 16, '\0');
        const ssize_t size = ::pread(file_.get(), text.data(), text.size(), 0);
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return text;
    }

private:
    Fd file_;
    Log log_;
};

// The calling process may not do what takes this capability.
class Without {
public:
    explicit Without(unsigned capability) {
        EXPECT_EQ(::syscall(SYS_capget, &header_, sets_.data()), 0);
        auto fewer = sets_;
        fewer[0].effective &= ~(1U << capability);
        EXPECT_EQ(::syscall(SYS_capset, &header_, fewer.data()), 0);
    }
    ~Without() { EXPECT_EQ(::syscall(SYS_capset, &header_, sets_.data()), 0); }
    Without(const Without&) = delete;
    Without& operator=(const Without&) = delete;

private:
    __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets_{};
};

class UdpRefused : public PublisherTest {
protected:
    void TearDown() override {
        memory_.reset();
        PublisherTest::TearDown();
    }
    Setting setting_with_log() const {
        Setting setting;
        setting.options.log = memory_->log();
        return setting;
    }
    bool has_logged(std::string_view text) const { return memory_->text().find(text) != std::string::npos; }

private:
    std::optional<LogMemory> memory_{std::in_place};
};

// A port that nobody has: of a socket that is gone again.
std::string dead_end(World& world, const char* ip) {
    const Fd server = world.serve(ip, SOCK_DGRAM);
    return std::to_string(port_of(server.get()));
}

Task<void> refuses(World& world) {
    const Spec v4 = world.open(("127.0.0.1:0:" + dead_end(world, "127.0.0.1") + "/udp").c_str());
    const Spec both = world.open((":[::1]:" + dead_end(world, "::1") + "/udp").c_str());
    struct Asked {
        const char* ip;
        const Spec& spec;
    };
    for (const Asked& place : {Asked{"127.0.0.1", v4}, Asked{"127.0.0.5", both}, Asked{"::1", both}}) {
        Fd client = connect_to(place.ip, place.spec.host_port, SOCK_DGRAM);
        for (int i = 0; i < 2; ++i) {
            say(client, "anybody?");
            EXPECT_EQ(co_await next_error(world.loop, client), ECONNREFUSED) << place.ip;
        }
    }
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 2U);
    EXPECT_EQ(world.publisher.list()[1].stats.errors, 4U);
}

TEST_F(UdpRefused, AClientIsToldThatNobodyListens) {
    play_scene(refuses, setting_with_log());
    EXPECT_TRUE(has_logged("Connection refused"));
    EXPECT_FALSE(has_logged("CAP_NET_RAW"));
}

// The datagram that a client's error queue has kept of what it said to `host`.
Task<std::string> quoted(World& world, const char* host, const Spec& spec, std::string_view text) {
    Fd client = connect_to(host, spec.host_port, SOCK_DGRAM);
    const int one = 1;
    const bool is_v6 = std::string_view(host).find(':') != std::string_view::npos;
    EXPECT_EQ(::setsockopt(client.get(), is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_RECVERR : IP_RECVERR,
                           &one, sizeof one),
              0);
    say(client, text);
    EXPECT_EQ(co_await next_error(world.loop, client), ECONNREFUSED);
    std::string kept(2000, '\0');
    const ssize_t size = ::recv(client.get(), kept.data(), kept.size(), MSG_ERRQUEUE | MSG_DONTWAIT);
    kept.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    co_return kept;
}

Task<void> quotes(World& world) {
    const Spec spec = world.open((":0:" + dead_end(world, "127.0.0.1") + "/udp").c_str());
    const std::string large(5000, 'x');
    for (const char* host : {"127.0.0.1", "::1"}) {
        EXPECT_EQ(co_await quoted(world, host, spec, "a question"), "a question");
        EXPECT_EQ(co_await quoted(world, host, spec, "odd"), "odd");
        EXPECT_EQ(co_await quoted(world, host, spec, ""), "");
        EXPECT_EQ(co_await quoted(world, host, spec, large), large.substr(0, Unreachable::kQuotedMax));
    }
}

TEST_F(UdpRefused, TheMessageQuotesTheDatagram) {
    play_scene(quotes);
}

Task<void> cannot_tell(World& world) {
    const Without raw(CAP_NET_RAW);
    const Spec spec = world.open(("127.0.0.1:0:" + dead_end(world, "127.0.0.1") + "/udp").c_str());
    Fd client = connect_to("127.0.0.1", spec.host_port, SOCK_DGRAM);
    for (unsigned i = 1; i <= 3; ++i) {
        say(client, "anybody?");
        while (world.publisher.list()[0].stats.errors < i) co_await nop(world.loop);
    }
    int code = 0;
    socklen_t size = sizeof code;
    EXPECT_EQ(::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &code, &size), 0);
    EXPECT_EQ(code, 0);
}

TEST_F(UdpRefused, WithoutTheCapabilityTheLogSaysThatClientsAreNotTold) {
    play_scene(cannot_tell, setting_with_log());
    EXPECT_TRUE(has_logged("Connection refused; clients are not told so: that takes CAP_NET_RAW"));
}

// IPv6 carries a little more in a datagram than IPv4 does.
Task<void> is_too_large(World& world) {
    Fd server = world.serve("127.0.0.1", SOCK_DGRAM);
    const Spec spec = world.open(udp_spec(":0:", server).c_str());
    Fd client = connect_to("::1", spec.host_port, SOCK_DGRAM);
    const std::string large(65520, 'x');
    for (const std::string_view text : {std::string_view("before"), std::string_view(large),
                                        std::string_view(large), std::string_view("after")})
        say(client, text);
    for (const char* text : {"before", "after"}) {
        const Datagram received = co_await receive_datagram(world.loop, server.get());
        EXPECT_EQ(received.text, text);
    }
    EXPECT_EQ(world.publisher.list()[0].stats.errors, 2U);
}

TEST_F(UdpRefused, ADatagramThatIsTooLargeIsCountedAndNothingElseWaits) {
    play_scene(is_too_large, setting_with_log());
    EXPECT_TRUE(has_logged("Message too long"));
}

TEST(UdpUnreachable, NoMoreAreToldInASecondThanTheKernelWould) {
    if (::geteuid() != 0) GTEST_SKIP() << "a raw socket needs root";
    SimBackend backend(SimOptions{});  // whose clock stands still
    Loop loop(backend);
    Unreachable unreachable(loop);
    const Address host = Address::of("127.0.0.1", 1).value();
    for (unsigned i = 0; i < Unreachable::kPerSecond; ++i) {
        auto told = unreachable.tell(host, host, {});
        ASSERT_TRUE(told.ok()) << told.error().text();
    }
    auto told = unreachable.tell(host, host, {});
    ASSERT_FALSE(told.ok());
    EXPECT_EQ(told.error().code(), EAGAIN);
}

}  // namespace
}  // namespace urc::ports
