// What send() makes of every answer of the kernel, and of a manager that comes and goes.
#include "core/notify/upstream.h"

#include <deque>

#include "tests/core/notify/notify_fixture.h"

namespace urc::notify {
namespace {

using Sent = Upstream::Sent;

// What the next calls answer; afterwards the kernel does.
std::deque<int> script;
std::vector<bool> named;  // whether a call named a sender

ssize_t scripted_send(int socket, const msghdr* message, int flags) {
    auto* header = const_cast<msghdr*>(message);
    bool has_sender = false;
    for (cmsghdr* part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part))
        has_sender |= part->cmsg_type == SCM_CREDENTIALS;
    named.push_back(has_sender);
    const int code = script.empty() ? 0 : script.front();
    if (!script.empty()) script.pop_front();
    if (code == 0) return ::sendmsg(socket, message, flags);
    errno = code;
    return -1;
}

Notification say(std::string body) {
    Notification notification;
    notification.body = std::move(body);
    return notification;
}

class NotifyUpstreamTest : public NotifyTest {
public:
    void SetUp() override {
        NotifyTest::SetUp();
        script.clear();
        named.clear();
    }
    void TearDown() override {
        upstream.reset();
        NotifyTest::TearDown();
    }
    Upstream& make(int type = SOCK_DGRAM, std::chrono::nanoseconds answer_max = 5s) {
        Address address = *parse_address(options.upstream);
        address.type = type;
        upstream = std::make_unique<Upstream>(loop(), std::move(address), scripted_send, answer_max);
        return *upstream;
    }
    std::string next() {
        Received received;
        return manager->try_next(received) ? received.body : "nothing";
    }
    // Sends when there is room, however long it takes.
    static Task<Sent> send_when_possible(Upstream& to, Notification notification) {
        for (;;) {
            const Sent sent = to.send(notification);
            if (sent == Sent::taken || sent == Sent::refused || to.is_lost()) co_return sent;
            co_await to.until_room(1s);
        }
    }
    std::unique_ptr<Upstream> upstream;
};

TEST_F(NotifyUpstreamTest, TriesAgainWhenInterrupted) {
    script = {EINTR, EINTR};
    EXPECT_EQ(make().send(say("A=1")), Sent::taken);
    EXPECT_EQ(next(), "A=1");
}

TEST_F(NotifyUpstreamTest, RefusesWhatTheKernelWillNeverTakeAndGoesOn) {
    make();
    for (int code : {EMSGSIZE, ETOOMANYREFS, EINVAL, EACCES, EPERM, EBADF, EIO}) {
        script = {code};
        EXPECT_EQ(upstream->send(say("A=1")), Sent::refused) << code;
        EXPECT_EQ(upstream->last_error().code(), code);
        EXPECT_EQ(upstream->last_error().text(), "send: " + options.upstream + ": " + errno_text(code));
        EXPECT_EQ(upstream->send(say("B=1")), Sent::taken);
        EXPECT_EQ(next(), "B=1");
    }
}

TEST_F(NotifyUpstreamTest, WaitsForRoomWhenThereIsNone) {
    make();
    script = {EAGAIN};
    EXPECT_EQ(upstream->send(say("A=1")), Sent::full);
    EXPECT_TRUE(run(upstream->until_room(5s)).ok()) << "the peer does have room";
    EXPECT_EQ(upstream->send(say("A=1")), Sent::taken);
}

TEST_F(NotifyUpstreamTest, PausesWhenTheKernelHasNoMemory) {
    make();
    for (int code : {ENOBUFS, ENOMEM}) {
        script = {code};
        EXPECT_EQ(upstream->send(say("A=1")), Sent::away);
        EXPECT_FALSE(upstream->is_lost());
        auto sent = run(send_when_possible(*upstream, say("A=1")));
        ASSERT_TRUE(sent.ok());
        EXPECT_EQ(*sent, Sent::taken);
        EXPECT_EQ(next(), "A=1");
    }
}

TEST_F(NotifyUpstreamTest, FindsTheSuccessorOfAManagerAtOnce) {
    make();
    EXPECT_EQ(upstream->send(say("A=1")), Sent::taken);
    for (int code : {ECONNREFUSED, ECONNRESET, ENOENT, ENOTCONN, EPIPE}) {
        script = {code};
        EXPECT_EQ(upstream->send(say("B=1")), Sent::taken) << code;
        script = {code, code};
        EXPECT_EQ(upstream->send(say("C=1")), Sent::away) << "the new socket finds nobody either";
        EXPECT_EQ(upstream->send(say("D=1")), Sent::taken);
        while (next() != "nothing") continue;
    }
}

TEST_F(NotifyUpstreamTest, LosesAManagerThatIsNotThereAndFindsItAgain) {
    make();
    manager.reset();
    EXPECT_EQ(upstream->send(say("A=1")), Sent::away);
    EXPECT_EQ(upstream->last_error().code(), ECONNREFUSED) << "its file is still there";
    ASSERT_EQ(::unlink(options.upstream.c_str()), 0);
    auto sent = run(send_when_possible(*upstream, say("A=1")));
    ASSERT_TRUE(sent.ok());
    EXPECT_EQ(*sent, Sent::away);
    EXPECT_TRUE(upstream->is_lost());
    EXPECT_EQ(upstream->last_error().code(), ENOENT);
    manager = std::make_unique<Manager>(options.upstream);
    EXPECT_EQ(upstream->send(say("B=1")), Sent::taken);
    EXPECT_FALSE(upstream->is_lost());
    EXPECT_EQ(next(), "B=1");
}

TEST_F(NotifyUpstreamTest, SpeaksForItselfWhenItMayNotNameAnother) {
    make();
    Notification notification = say("A=1");
    notification.named_sender = ::getppid();
    script = {EPERM, 0};
    EXPECT_EQ(upstream->send(notification), Sent::taken);
    EXPECT_EQ(upstream->send(notification), Sent::taken);
    EXPECT_EQ(named, (std::vector<bool>{true, false, false})) << "EPERM is for good";
}

TEST_F(NotifyUpstreamTest, SpeaksForItselfWhenTheOtherIsGone) {
    make();
    Notification notification = say("A=1");
    notification.named_sender = ::getpid();
    script = {ESRCH, 0, 0};
    EXPECT_EQ(upstream->send(notification), Sent::taken);
    EXPECT_EQ(upstream->send(notification), Sent::taken);
    EXPECT_EQ(named, (std::vector<bool>{true, false, true}));
}

// ---- connections, as AF_VSOCK has them; AF_UNIX has the same types ------------------------------

class NotifyConnectionTest : public NotifyUpstreamTest, public ::testing::WithParamInterface<int> {
public:
    void SetUp() override {
        NotifyUpstreamTest::SetUp();
        if (!IsSkipped()) listen();
    }
    void listen() {
        (void)::unlink(options.upstream.c_str());
        manager = std::make_unique<Manager>(options.upstream, GetParam());
        ASSERT_TRUE(manager->is_bound());
    }
    // One connection: what it said up to its end.
    static Task<std::string> take_one(NotifyConnectionTest& test) {
        Fd connection = co_await accept(test.loop(), test.manager->fd());
        std::string text;
        std::array<std::byte, 1024> buffer;
        for (std::size_t size = 1; size > 0;) {
            size = co_await recv(test.loop(), connection.get(), buffer);
            text += text_of(std::span(buffer).first(size));
        }
        co_return text;
    }
};

TEST_P(NotifyConnectionTest, CarriesOneNotificationAndEndsWithThePeersClose) {
    make(GetParam());
    for (const std::string body : {"READY=1\nSTATUS=a", "STATUS=b"}) {
        auto ended = run(all(loop(), send_when_possible(*upstream, say(body)), take_one(*this)));
        ASSERT_TRUE(ended.ok()) << ended.error().text();
        EXPECT_EQ(std::get<0>(*ended), Sent::taken);
        EXPECT_EQ(std::get<1>(*ended), body);
    }
}

TEST_P(NotifyConnectionTest, GoesOnWhenThePeerNeverCloses) {
    make(GetParam(), 20ms);
    EXPECT_EQ(upstream->send(say("A=1")), Sent::full) << "it has not been answered";
    auto sent = run(send_when_possible(*upstream, say("A=1")));
    ASSERT_TRUE(sent.ok());
    EXPECT_EQ(*sent, Sent::taken);
}

TEST_P(NotifyConnectionTest, SendsAgainWhenThePeerResetsIt) {
    make(GetParam());
    script = {ECONNRESET};
    EXPECT_EQ(upstream->send(say("A=1")), Sent::away);
    Fd(::accept4(manager->fd(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
    auto ended = run(all(loop(), send_when_possible(*upstream, say("A=1")), take_one(*this)));
    ASSERT_TRUE(ended.ok());
    EXPECT_EQ(std::get<1>(*ended), "A=1");
}

TEST_P(NotifyConnectionTest, RefusesWhatCannotBeSent) {
    make(GetParam());
    script = {EMSGSIZE};
    EXPECT_EQ(upstream->send(say("A=1")), Sent::refused);
}

TEST_P(NotifyConnectionTest, IsTakenWhereTheHostHasNoDatagrams) {
    Address address = *parse_address(options.upstream);
    address.type = SOCK_RDM;  // AF_UNIX has none: ESOCKTNOSUPPORT, as a host without vsock datagrams
    address.second_type = GetParam();
    upstream = std::make_unique<Upstream>(loop(), std::move(address));
    auto ended = run(all(loop(), send_when_possible(*upstream, say("A=1")), take_one(*this)));
    ASSERT_TRUE(ended.ok());
    EXPECT_EQ(std::get<1>(*ended), "A=1");
}

INSTANTIATE_TEST_SUITE_P(OfBothTypes, NotifyConnectionTest, ::testing::Values(SOCK_SEQPACKET, SOCK_STREAM));

}  // namespace
}  // namespace urc::notify
