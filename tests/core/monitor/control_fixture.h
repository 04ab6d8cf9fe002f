// A Control without a container: its Subject says what the test says, and clients are sockets of the same
// loop.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/monitor/client.h"
#include "core/monitor/control.h"
#include "core/process/start_socket.h"
#include "tests/uring/loop_fixture.h"
#include "uring/event.h"
#include "uring/file.h"
#include "uring/ops_file.h"
#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc::monitor {

using namespace std::chrono_literals;
using relay::Stream;

class FakeOutput final : public relay::Output {
public:
    explicit FakeOutput(Loop& loop) : removed(loop) {}
    void say(std::string_view text, Stream stream = Stream::out) {
        for (relay::Viewer* viewer : viewers) viewer->output(stream, bytes_of(text));
    }

    Task<void> relay(int, Stream) override { co_return; }
    Task<void> drain(int, Stream) override { co_return; }
    Task<void> finish(std::chrono::nanoseconds) override { co_return; }
    bool is_held_up() const override { return false; }
    void rotate() override { ++rotations; }
    void add_viewer(relay::Viewer& viewer) override { viewers.push_back(&viewer); }
    void remove_viewer(relay::Viewer& viewer) override {
        std::erase(viewers, &viewer);
        removed.set();
    }

    std::vector<relay::Viewer*> viewers;
    Event removed;
    int rotations = 0;
};

class FakeSubject final : public Subject {
public:
    explicit FakeSubject(Loop& loop) : fake(loop), published(loop, log) {}
    relay::Output* output() override { return has_output ? &fake : nullptr; }
    int input() override { return in.get(); }
    bool has_terminal() const override { return false; }
    void resize(const Resize& size) override { sizes.push_back(size); }
    void close_input() override { in.reset(); }
    void signal(int number) override { signals.push_back(number); }
    Publication& publication() override { return published; }
    bool awaits_ready() const override { return awaits; }

    FakeOutput fake;
    Log log;
    Publication published;
    bool has_output = true, awaits = false;
    Fd in;
    std::vector<Resize> sizes;
    std::vector<int> signals;
};

inline std::string packet_of(Kind kind, std::string_view body = {}) {
    return std::string(1, static_cast<char>(kind)) + std::string(body);
}
template <typename Body>
std::string packet_with(Kind kind, const Body& body) {
    return packet_of(kind, text_of(std::as_bytes(std::span(&body, 1))));
}
template <typename Body>
Body body_of(const std::string& packet) {
    Body body{};
    EXPECT_EQ(packet.size(), 1 + sizeof body);
    if (packet.size() == 1 + sizeof body) std::memcpy(&body, packet.data() + 1, sizeof body);
    return body;
}
inline bool is_kind(const std::string& packet, Kind kind) {
    return !packet.empty() && packet[0] == static_cast<char>(kind);
}

// The next packet whole; "" when the connection has ended.
inline Task<std::string> next_packet(Loop& loop, int socket) {
    std::string buffer(1 + kBodySizeMax, '\0');
    const auto bytes = std::as_writable_bytes(std::span(buffer));
    for (;;) {
        auto got = co_await settled(recv(loop, socket, bytes));
        // It ended without having read all of ours; what it said comes after that.
        if (!got.ok() && got.error().code() == ECONNRESET) continue;
        if (!got.ok()) co_return std::string("error: ") + got.error().text();
        buffer.resize(*got);
        co_return buffer;
    }
}

class ControlTest : public LoopTest {
protected:
    void SetUp() override {
        LoopTest::SetUp();
        if (!loop_) return;
        char pattern[] = "/tmp/urc-control-XXXXXX";
        path_ = ::mkdtemp(pattern);
        auto directory = open_at(AT_FDCWD, path_.c_str(), O_RDONLY | O_DIRECTORY);
        ASSERT_TRUE(directory.ok());
        directory_ = std::move(*directory);
        auto listener = process::listen_at(directory_.get(), kMonitorSocket);
        ASSERT_TRUE(listener.ok()) << listener.error().text();
        listener_ = std::move(*listener);
        // One task connects for all of them, and must not wait for what the next turn of the loop accepts.
        ASSERT_EQ(::listen(listener_.get(), 128), 0);
        subject_ = std::make_unique<FakeSubject>(loop());
        control_ = std::make_unique<Control>(loop(), *subject_);
    }
    void TearDown() override {
        if (subject_) {
            EXPECT_TRUE(subject_->fake.viewers.empty()) << "a client that is gone still gets output";
        }
        control_.reset();
        subject_.reset();
        listener_.reset();
        ::unlinkat(directory_.get(), kMonitorSocket, 0);
        directory_.reset();
        if (!path_.empty()) ::rmdir(path_.c_str());
        LoopTest::TearDown();
    }

    FakeSubject& subject() { return *subject_; }
    FakeOutput& output() { return subject_->fake; }
    Control& control() { return *control_; }

    Fd connect() {
        auto connected = process::connect_at(directory_.get(), kMonitorSocket);
        EXPECT_TRUE(connected.ok());
        return connected.ok() ? connected->take() : Fd();
    }

    // `client` beside serve(), which is cancelled when it has ended.
    void beside_control(Task<void> client) {
        auto ended = run(race(loop(), control().serve(listener_.get()), std::move(client)));
        ASSERT_TRUE(ended.ok()) << ended.error().text();
        EXPECT_EQ(ended->index(), 1U) << "serve() has ended by itself";
    }

    Task<Fd> attach(AttachRequest request = {}) {
        Fd client = connect();
        co_await send(loop(), client.get(), packet_with(Kind::attach, request));
        const std::string answer = co_await next_packet(loop(), client.get());
        EXPECT_TRUE(is_kind(answer, Kind::attached)) << answer;
        co_return client;
    }
    // A question whose answer says that what came before it has been read.
    Task<void> round_trip(int client) {
        const std::string question = packet_of(Kind::rotate);
        co_await send(loop(), client, question);
        const std::string answer = co_await next_packet(loop(), client);
        EXPECT_EQ(answer, packet_of(Kind::done));
    }
    // Whether Control still serves somebody as it should.
    Task<void> expect_serves() {
        Fd client = co_await attach();
        output().say("hello");
        const std::string said = co_await next_packet(loop(), client.get());
        EXPECT_EQ(said, packet_of(Kind::out, "hello"));
    }
    Task<void> until_viewers_are(std::size_t count) {
        while (output().viewers.size() != count) co_await output().removed.wait();
    }

    std::string path_;
    Fd directory_, listener_;
    std::unique_ptr<FakeSubject> subject_;
    std::unique_ptr<Control> control_;
};

}  // namespace urc::monitor
