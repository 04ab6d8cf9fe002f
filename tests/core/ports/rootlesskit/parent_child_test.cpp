// Both halves of message.h: against each other, and each against one that does not behave.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "core/ports/rootlesskit/child.h"
#include "core/ports/rootlesskit/parent.h"
#include "core/ports/rootlesskit/ready_pipe.h"
#include "core/ports/rootlesskit/unix_listener.h"
#include "tests/core/ports/publisher_fixture.h"
#include "uring/file.h"
#include "uring/race.h"

namespace urc::ports::rootlesskit {
namespace {

class StateDirectory {
public:
    StateDirectory() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
    ~StateDirectory() { std::filesystem::remove_all(path_); }
    StateDirectory(const StateDirectory&) = delete;
    StateDirectory& operator=(const StateDirectory&) = delete;
    const std::string& path() const { return path_; }
    std::string socket() const { return path_ + "/.bp.sock"; }

private:
    std::string path_ = "/tmp/urc-rootlesskit-XXXXXX";
};

// ---- a child in the namespace, as a parent sees it -------------------------------------------------

class RootlesskitChildTest : public NetworkTest {
protected:
    using Scene = Task<void> (*)(Loop&, const StateDirectory&, int network);

    void play(Scene scene) {
        auto result = run(play_in(loop(), network(), scene));
        EXPECT_TRUE(result.ok()) << result.error().text();
    }

private:
    static Task<void> play_in(Loop& loop, int network, Scene scene) {
        const StateDirectory directory;
        Nursery nursery(loop);
        Child child(loop, nursery, network, HelperOptions(), nullptr);
        co_await child.start();
        const UnixListener listener = co_await UnixListener::open(directory.socket());
        nursery.spawn(child.serve(listener.get()));
        co_await scene(loop, directory, network);
        nursery.cancel();
        co_await nursery.join();
    }
};

Fd serve_inside(int network, const std::string& ip, int type = SOCK_STREAM) {
    Inside inside(network);
    return serve_at(ip, type);
}

Spec spec_for(std::string_view protocol, const std::string& ip, std::uint16_t port) {
    Spec spec;
    spec.protocol = *protocol_named(protocol);
    spec.child_ip = ip;
    spec.child_port = port;
    return spec;
}

// The whole answer to `bytes`; what comes with it is not looked at.
Task<std::string> answer_to(Loop& loop, const StateDirectory& directory, std::string bytes) {
    Fd dir = co_await open_at(AT_FDCWD, directory.path().c_str(), O_PATH | O_DIRECTORY);
    Fd connection = co_await connect_below(dir.get(), ".bp.sock");
    co_await send(loop, connection.get(), bytes);
    ::shutdown(connection.get(), SHUT_WR);
    co_return co_await receive(loop, connection.get(), 1000);
}

TEST_F(RootlesskitChildTest, GivesAParentConnectedSockets) {
    play(+[](Loop& loop, const StateDirectory& directory, int network) -> Task<void> {
        Parent parent(loop, directory.path());
        co_await parent.start();
        for (const std::string ip : {"127.0.0.1", "::1"}) {
            const Fd listener = serve_inside(network, ip);
            const Spec spec = spec_for("tcp", ip, port_of(listener.get()));
            const Fd client = co_await parent.dial(spec, Address());
            const Fd server = co_await accept(loop, listener.get());
            co_await send(loop, client.get(), "hello");
            EXPECT_EQ(co_await receive(loop, server.get(), 5), "hello");
            EXPECT_TRUE(::fcntl(client.get(), F_GETFL) & O_NONBLOCK);
        }
        const Fd service = serve_inside(network, "127.0.0.1", SOCK_DGRAM);
        const Spec spec = spec_for("udp", "127.0.0.1", port_of(service.get()));
        const Fd client = co_await parent.dial(spec, Address());
        co_await send(loop, client.get(), "hello");
        EXPECT_EQ(co_await receive(loop, service.get(), 5), "hello");
    });
}

TEST_F(RootlesskitChildTest, SaysWhyAConnectionIsNotMade) {
    play(+[](Loop& loop, const StateDirectory& directory, int network) -> Task<void> {
        Parent parent(loop, directory.path());
        co_await parent.start();
        std::uint16_t port = 0;
        { port = port_of(serve_inside(network, "127.0.0.1").get()); }
        auto dialed = co_await settled(parent.dial(spec_for("tcp", "127.0.0.1", port), Address()));
        CO_ASSERT(!dialed.ok());
        EXPECT_EQ(dialed.error().text(),
                  "rootlesskit's child: connect: 127.0.0.1:" + std::to_string(port) + ": Connection refused");
    });
}

TEST_F(RootlesskitChildTest, AnswersInitWithNull) {
    play(+[](Loop& loop, const StateDirectory& directory, int) -> Task<void> {
        const std::string frame = framed(R"({"Type":"init"})");
        EXPECT_EQ(co_await answer_to(loop, directory, frame), framed("null"));
    });
}

struct Garbage {
    std::string bytes, words;
};
const std::vector<Garbage>& kinds_of_garbage() {
    static const std::vector<Garbage> kinds{
        {"", "the request is not complete"},
        {framed("{\"Type\"").substr(0, 6), "the request is not complete"},
        {framed("garbage"), "what came is no JSON"},
        {std::string("\0\0\0\0", 4), "a message of 0 bytes is none"},
        {std::string("\1\0\1\0", 4), "a message of 65537 bytes is none"},
        {framed(R"({"Type":"other"})"), "the request is neither init nor connect"},
    };
    return kinds;
}

TEST_F(RootlesskitChildTest, AnswersGarbageWithAnErrorAndGoesOn) {
    play(+[](Loop& loop, const StateDirectory& directory, int) -> Task<void> {
        for (const Garbage& each : kinds_of_garbage()) {
            const std::string wanted = framed(error_body(each.words));
            const std::string answer = co_await answer_to(loop, directory, each.bytes);
            EXPECT_EQ(answer, wanted) << each.bytes;
        }
        Parent parent(loop, directory.path());
        co_await parent.start();
    });
}

TEST_F(RootlesskitChildTest, ARequestWithoutAnAddressLeadsWhereItIsPublished) {
    play(+[](Loop& loop, const StateDirectory& directory, int network) -> Task<void> {
        Fd dir = co_await open_at(AT_FDCWD, directory.path().c_str(), O_PATH | O_DIRECTORY);
        const Fd listener = serve_inside(network, "127.0.0.2");
        DialRequest request;
        request.port = port_of(listener.get());
        request.parent_ip = "127.0.0.2";
        request.host_gateway_ip = "192.0.2.1";
        const std::string frame = framed(request_body(request));
        const Fd connection = co_await connect_below(dir.get(), ".bp.sock");
        co_await send(loop, connection.get(), frame);
        const Fd server = co_await accept(loop, listener.get());
        std::array<std::byte, 16> bytes;
        InMessage message(bytes);
        EXPECT_EQ(co_await recvmsg(loop, connection.get(), message), 5U);
        EXPECT_EQ(text_of(message.data()), "dummy");
        EXPECT_EQ(message.fds().size(), 1U);
    });
}

// ---- a parent, and what a child may do to it -------------------------------------------------------

class RootlesskitParentTest : public LoopTest {};

// Answers one request with `bytes` and as many descriptors.
Task<void> misbehave(Loop& loop, int listener, std::string bytes, std::vector<int> fds) {
    const Fd connection = co_await accept(loop, listener);
    std::array<std::byte, 4096> request;
    for (std::size_t size = 1; size > 0;) size = co_await recv(loop, connection.get(), request);
    if (bytes.empty()) co_return;
    OutMessage message(bytes_of(bytes));
    for (const int fd : fds) EXPECT_TRUE(message.add_fd(fd));
    co_await sendmsg(loop, connection.get(), message);
}

Task<std::string> what_is_said(Loop& loop, std::string bytes, std::vector<int> fds) {
    const StateDirectory directory;
    const UnixListener listener = co_await UnixListener::open(directory.socket());
    Parent parent(loop, directory.path());
    const std::vector<int> none;
    (void)co_await all(loop, misbehave(loop, listener.get(), framed("null"), none), parent.start());
    const Spec spec = spec_for("tcp", "127.0.0.1", 80);
    Kept<Fd> dialed(parent.dial(spec, Address()));
    Nursery nursery(loop);
    dialed.start(nursery);
    nursery.spawn(misbehave(loop, listener.get(), std::move(bytes), std::move(fds)));
    (void)co_await settled(nursery.join());
    std::string text;
    if (!dialed.result().ok()) text = dialed.result().error().text();
    co_return std::move(text);
}

TEST_F(RootlesskitParentTest, RefusesWhatIsNoAnswer) {
    const std::string child = "rootlesskit's child: ";
    const auto said = [this](std::string bytes, std::vector<int> fds = {}) {
        auto result = run(what_is_said(loop(), std::move(bytes), std::move(fds)));
        return result.ok() ? result.value() : result.error().text();
    };
    EXPECT_EQ(said(""), child + "no answer");
    EXPECT_EQ(said("dum"), child + "no answer");
    EXPECT_EQ(said(framed("null")), child + "no descriptor");
    EXPECT_EQ(said(framed(R"({"Error":"dial tcp: refused"})")), child + "dial tcp: refused");
    EXPECT_EQ(said(framed("garbage")), "what came is no JSON");
    EXPECT_EQ(said("dummy"), "a message of 1835890020 bytes is none");
    const auto [one, other] = make_socketpair();
    EXPECT_EQ(said("dummy", {one.get()}), child + "the descriptor is not what was asked for");
    EXPECT_EQ(said("dummy", {one.get(), other.get()}), child + "more than one descriptor");
    const Fd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(said("dummy", {udp.get()}), child + "the descriptor is not what was asked for");
    const Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(said("dummy", {tcp.get()}), "");
}

TEST_F(RootlesskitParentTest, ADirectoryWithoutAChildIsAnError) {
    const StateDirectory directory;
    Parent parent(loop(), directory.path());
    auto result = run(parent.start());
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().text(), "connect: .bp.sock: No such file or directory");
}

// ---- the socket and the FIFO -----------------------------------------------------------------------

TEST(RootlesskitSocket, IsItsOwnersAlone) {
    const StateDirectory directory;
    {
        auto listener = UnixListener::open(directory.socket());
        ASSERT_TRUE(listener.ok()) << listener.error().text();
        struct stat found;
        ASSERT_EQ(::stat(directory.socket().c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 07777U, 0600U);
        auto second = UnixListener::open(directory.socket());
        EXPECT_EQ(second.error().code(), EADDRINUSE);
    }
    EXPECT_NE(::access(directory.socket().c_str(), F_OK), 0);
}

TEST(RootlesskitSocket, TakesThePlaceOfOneThatNobodyAnswers) {
    const StateDirectory directory;
    {
        auto first = UnixListener::open(directory.socket());
        ASSERT_TRUE(first.ok());
        // Its name survives it, as if it had been killed.
        ASSERT_EQ(::rename(directory.socket().c_str(), (directory.socket() + "x").c_str()), 0);
    }
    ASSERT_EQ(::rename((directory.socket() + "x").c_str(), directory.socket().c_str()), 0);
    EXPECT_TRUE(UnixListener::open(directory.socket()).ok());
    ASSERT_EQ(::mkdir(directory.socket().c_str(), 0700), 0);
    EXPECT_EQ(UnixListener::open(directory.socket()).error().code(), EEXIST);
}

TEST(RootlesskitSocket, MayLieDeep) {
    const StateDirectory directory;
    const std::string deep = directory.path() + "/" + std::string(100, 'd');
    ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
    EXPECT_TRUE(UnixListener::open(deep + "/.bp.sock").ok());
}

class RootlesskitReadyTest : public LoopTest {};

// What rootlesskit's parent does, but without blocking.
Task<void> open_and_read_to_the_end(Loop& loop, std::string pipe, bool& has_ended) {
    const Fd reader = co_await open_at(AT_FDCWD, pipe.c_str(), O_RDONLY | O_NONBLOCK);
    std::array<std::byte, 1> byte;
    const std::size_t size = co_await read(loop, reader.get(), byte);
    EXPECT_EQ(size, 0U);
    has_ended = true;
}

Task<void> tell(Loop& loop, const StateDirectory& directory, const bool& has_ended) {
    const Fd opened = co_await open_at(AT_FDCWD, directory.path().c_str(), O_PATH | O_DIRECTORY);
    EXPECT_FALSE(has_ended);
    co_await tell_ready(loop, opened.get());
}

TEST_F(RootlesskitReadyTest, AParentThatComesLaterIsWaitedFor) {
    const StateDirectory directory;
    const std::string pipe = directory.path() + "/.bp-ready.pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    bool has_ended = false;
    auto result = run(
        all(loop(), tell(loop(), directory, has_ended), open_and_read_to_the_end(loop(), pipe, has_ended)));
    EXPECT_TRUE(result.ok()) << result.error().text();
    EXPECT_TRUE(has_ended);
}

TEST_F(RootlesskitReadyTest, AParentThatIsThereIsTold) {
    const StateDirectory directory;
    const std::string pipe = directory.path() + "/.bp-ready.pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const Fd reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(run(tell(loop(), directory, false)).ok());
    char byte = 0;
    EXPECT_EQ(::read(reader.get(), &byte, 1), 0);
}

TEST_F(RootlesskitReadyTest, NobodyIsWaitedForWithoutAFifo) {
    const StateDirectory directory;
    EXPECT_TRUE(run(tell(loop(), directory, false)).ok());
}

TEST_F(RootlesskitReadyTest, WhatIsNoFifoIsAnError) {
    const StateDirectory directory;
    const Fd file(
        ::open((directory.path() + "/.bp-ready.pipe").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_EQ(run(tell(loop(), directory, false)).error().code(), EINVAL);
}

}  // namespace
}  // namespace urc::ports::rootlesskit
