// attach against a monitor of the test's own: one end of a socket pair, answered beforehand or by a child.
#include "core/monitor/attach.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <csignal>

#include "core/monitor/client.h"
#include "tests/uring/loop_fixture.h"

namespace urc::monitor {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}
std::string drain(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = ::read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(count));
    return text;
}

class AttachTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::tie(ours_, theirs_) = make_socketpair(SOCK_SEQPACKET);
        std::tie(stdin_read_, stdin_write_) = make_pipe();
        std::tie(stdout_read_, stdout_write_) = make_pipe();
        std::tie(stderr_read_, stderr_write_) = make_pipe();
    }
    void answer(Attached attached = {.has_terminal = 0, .has_input = 1}) {
        say(Kind::attached, std::as_bytes(std::span(&attached, 1)));
    }
    void say(Kind kind, std::span<const std::byte> body) {
        ASSERT_TRUE(send_packet(theirs_.get(), kind, body));
    }
    void say(Kind kind, std::string_view text) { say(kind, bytes(text)); }
    void end(int wait_status) {
        const Ended ended{.wait_status = wait_status};
        say(Kind::ended, std::as_bytes(std::span(&ended, 1)));
    }
    Result<AttachEnd> attach(const AttachOptions& options = {}) {
        auto log = Log::open(
            {.path = "/proc/self/fd/" + std::to_string(stderr_write_.get()), .level = LogLevel::warning});
        EXPECT_TRUE(log);
        auto end = attach_to({.socket = std::move(ours_),
                              .log = *log,
                              .streams = {.in = in(), .out = stdout_write_.get(), .err = stderr_write_.get()},
                              .forward_signal = [&](int signal) { forwarded_ = signal; }},
                             options);
        stdout_write_.reset();
        stderr_write_.reset();
        return end;
    }
    int in() const { return terminal_ ? terminal_.get() : stdin_read_.get(); }
    std::string out() { return drain(stdout_read_.get()); }
    std::string err() { return drain(stderr_read_.get()); }
    // What we have heard: "input:abc".
    std::string heard() {
        PacketBuffer buffer;
        auto packet = receive_packet(theirs_.get(), buffer);
        if (!packet || !*packet) return "nothing";
        return std::to_string(static_cast<int>((*packet)->kind)) + ":" + std::string((*packet)->text());
    }
    static std::string packet(Kind kind, std::string_view text = {}) {
        return std::to_string(static_cast<int>(kind)) + ":" + std::string(text);
    }
    void skip_request() { EXPECT_EQ(heard().substr(0, 2), packet(Kind::attach)); }

    Fd ours_, theirs_, stdin_read_, stdin_write_, stdout_read_, stdout_write_, stderr_read_, stderr_write_;
    Fd terminal_, keyboard_;
    int forwarded_ = 0;
};

TEST_F(AttachTest, OutputGoesWhereItBelongsAndTheStatusIsTheContainers) {
    answer();
    say(Kind::out, "to stdout\n");
    say(Kind::err, "to stderr\n");
    say(Kind::out, "more\n");
    end(7 << 8);
    auto ended = attach();
    ASSERT_TRUE(ended) << ended.error().text();
    EXPECT_EQ(ended->status, 7);
    EXPECT_FALSE(ended->is_detached);
    EXPECT_EQ(out(), "to stdout\nmore\n");
    EXPECT_EQ(err(), "to stderr\n");
}

TEST_F(AttachTest, ADeathBySignalIs128AndItsNumber) {
    answer();
    end(SIGKILL);
    auto ended = attach();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, 137);
}

TEST_F(AttachTest, AnUnknownStatusIsAnError) {
    answer();
    end(-1);
    EXPECT_FALSE(attach());
}

TEST_F(AttachTest, ARefusalIsToldInTheMonitorsWords) {
    say(Kind::refused, "too many viewers");
    auto ended = attach();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().text(), "too many viewers");
}

TEST_F(AttachTest, AMonitorThatDiesBeforeItsAnswerIsAnError) {
    theirs_.reset();
    EXPECT_FALSE(attach());
}

TEST_F(AttachTest, GarbageIsRefusedAndWhatIsNewerPassedOver) {
    answer();
    say(static_cast<Kind>(200), "from a newer urc");
    say(Kind::input, "never said by a monitor");
    auto ended = attach();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code(), EPROTO);
}

TEST_F(AttachTest, AnEndThatIsTooShortIsRefused) {
    answer();
    say(Kind::ended, "x");
    auto ended = attach();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code(), EPROTO);
}

TEST_F(AttachTest, WhatWasSkippedIsOneLineOnStderr) {
    answer();
    const Lost lost{.bytes = 12345};
    say(Kind::lost, std::as_bytes(std::span(&lost, 1)));
    end(0);
    ASSERT_TRUE(attach());
    const std::string text = err();
    EXPECT_NE(text.find("12345 bytes"), std::string::npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(out(), "");
}

// Goes on in a child: what it hears decides what it says.
class TalkingAttachTest : public AttachTest {
protected:
    template <typename Talk>
    void talk(Talk talk) {
        child_ = ::fork();
        ASSERT_GE(child_, 0);
        if (child_ != 0) return theirs_.reset();
        ours_.reset();
        stdin_read_.reset();
        stdout_write_.reset();
        ::_exit(talk() && !HasFailure() ? 0 : 1);
    }
    void TearDown() override {
        int status = -1;
        ASSERT_EQ(::waitpid(child_, &status, 0), child_);
        EXPECT_EQ(status, 0) << "the monitor has heard something else";
    }
    void use_terminal() {
        int ends[2] = {-1, -1};
        ASSERT_EQ(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
        keyboard_ = Fd(ends[0]);
        terminal_ = Fd(ends[1]);
        const winsize size{.ws_row = 22, .ws_col = 77, .ws_xpixel = 0, .ws_ypixel = 0};
        ASSERT_EQ(::ioctl(keyboard_.get(), TIOCSWINSZ, &size), 0);
    }
    bool hears_size() {
        const Resize size{.rows = 22, .columns = 77};
        return heard() == packet(Kind::resize, {reinterpret_cast<const char*>(&size), sizeof size});
    }
    pid_t child_ = 0;
};

TEST_F(TalkingAttachTest, InputAndItsEndGoToTheContainer) {
    talk([&] {
        skip_request();
        answer();
        if (::write(stdin_write_.get(), "typed", 5) != 5 || heard() != packet(Kind::input, "typed"))
            return false;
        stdin_write_.reset();
        const bool is_end = heard() == packet(Kind::end_of_input);
        end(0);
        return is_end;
    });
    stdin_write_.reset();
    auto ended = attach();
    ASSERT_TRUE(ended) << ended.error().text();
    EXPECT_EQ(ended->status, 0);
}

TEST_F(TalkingAttachTest, TheDetachKeysEndItAndTheTerminalIsAsBefore) {
    use_terminal();
    termios before{}, after{};
    ASSERT_EQ(::tcgetattr(terminal_.get(), &before), 0);
    talk([&] {
        skip_request();
        answer({.has_terminal = 1, .has_input = 1});
        if (!hears_size()) return false;
        if (::write(keyboard_.get(), "ls\x10x\x10\x11", 6) != 6) return false;
        return heard() == packet(Kind::input, "ls\x10x") && heard() == "nothing";
    });
    auto ended = attach();
    ASSERT_TRUE(ended) << ended.error().text();
    EXPECT_TRUE(ended->is_detached);
    EXPECT_EQ(ended->status, 0);
    ASSERT_EQ(::tcgetattr(terminal_.get(), &after), 0);
    EXPECT_EQ(after.c_lflag, before.c_lflag);
}

TEST_F(TalkingAttachTest, AMonitorThatDiesIsAnErrorAfterAllItHasSaid) {
    talk([&] {
        skip_request();
        answer();
        say(Kind::out, "last words");
        return true;
    });
    auto ended = attach();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code(), ECONNRESET);
    EXPECT_EQ(out(), "last words");
}

TEST_F(TalkingAttachTest, NoStdinReadsNothing) {
    ASSERT_EQ(::write(stdin_write_.get(), "x", 1), 1);
    talk([&] {
        skip_request();
        answer();
        end(0);
        return heard() == "nothing";
    });
    ASSERT_TRUE(attach({.no_stdin = true}));
    char byte = 0;
    EXPECT_EQ(::read(stdin_read_.get(), &byte, 1), 1);
}

TEST_F(TalkingAttachTest, SignalsGoToTheContainerOrEndTheAttachment) {
    const pid_t parent = ::getpid();
    talk([&] {
        skip_request();
        answer();
        // The input is heard only when signals are looked after.
        if (::write(stdin_write_.get(), "x", 1) != 1 || heard() != packet(Kind::input, "x")) return false;
        ::kill(parent, SIGUSR1);
        ::kill(parent, SIGTERM);
        if (::write(stdin_write_.get(), "y", 1) != 1 || heard() != packet(Kind::input, "y")) return false;
        end(0);
        return true;
    });
    ASSERT_TRUE(attach());
    EXPECT_TRUE(forwarded_ == SIGUSR1 || forwarded_ == SIGTERM) << forwarded_;
}

TEST_F(TalkingAttachTest, WithoutTheProxyASignalEndsOnlyTheAttachment) {
    const pid_t parent = ::getpid();
    talk([&] {
        skip_request();
        answer();
        if (::write(stdin_write_.get(), "x", 1) != 1 || heard() != packet(Kind::input, "x")) return false;
        ::kill(parent, SIGTERM);
        return heard() == "nothing";
    });
    auto ended = attach({.sig_proxy = false});
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, 128 + SIGTERM);
    EXPECT_EQ(forwarded_, 0);
}

TEST_F(TalkingAttachTest, ASlowStdoutGetsAllThatWasSent) {
    ASSERT_EQ(::fcntl(stdout_write_.get(), F_SETPIPE_SZ, 4096), 4096);
    talk([&] {
        skip_request();
        answer();
        const std::string text(kBodySizeMax, 'x');
        say(Kind::out, text);
        say(Kind::out, text);
        end(0);
        return out().size() == 2 * kBodySizeMax;
    });
    stdout_read_.reset();
    ASSERT_TRUE(attach());
}

}  // namespace
}  // namespace urc::monitor
