// An Output as a whole: what is written is there, in order, once.
#include "core/relay/output.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/resource.h>

#include "tests/core/relay/relay_fixture.h"

namespace urc::relay {
namespace {

using OutputTest = RelayTest;

TEST_F(OutputTest, AFileHasEveryLineOnce) {
    Output& output = open({file_sink(Driver::k8s_file, directory_.path("log"))});
    const std::string text = numbered_lines(20000);
    ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
    EXPECT_EQ(k8s_text(directory_.text("log")), text);
    EXPECT_EQ(directory_.text("log").find(" P "), std::string::npos) << "no line was cut";
}

TEST_F(OutputTest, ARawFileHasTheBytes) {
    Output& output = open({file_sink(Driver::raw_file, directory_.path("log"))});
    std::string text = numbered_lines(20000) + std::string("\0\xff\n\n", 4) + "no end";
    ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
    EXPECT_EQ(directory_.text("log"), text);
}

TEST_F(OutputTest, AnExistingFileIsAppendedTo) {
    for (int round = 0; round < 2; ++round) {
        Output& output = open({file_sink(Driver::raw_file, directory_.path("log"))});
        ASSERT_TRUE(run(relay_text(loop(), output, "x")).ok());
    }
    EXPECT_EQ(directory_.text("log"), "xx");
}

TEST_F(OutputTest, APathThatCannotBeOpenedIsAnError) {
    OutputOptions options;
    options.sinks = {file_sink(Driver::k8s_file, "/nowhere/log")};
    auto output = Output::open(loop(), std::move(options));
    ASSERT_FALSE(output.ok());
    EXPECT_EQ(output.error().text(), "log k8s-file: open: /nowhere/log: No such file or directory");
}

TEST_F(OutputTest, OutputWithoutSinksIsReadAndGone) {
    Output& output = open({});
    EXPECT_TRUE(run(relay_text(loop(), output, numbered_lines(20000))).ok());
}

Task<void> relay_both(Loop& loop, Output& output, std::string out, std::string err) {
    auto [out_from, out_to] = make_pipe();
    auto [err_from, err_to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(output.relay(out_from.get(), Stream::out));
    nursery.spawn(output.relay(err_from.get(), Stream::err));
    nursery.spawn(say(loop, std::move(out_to), std::move(out)));
    nursery.spawn(say(loop, std::move(err_to), std::move(err)));
    co_await nursery.join();
    co_await output.finish(10s);
}

TEST_F(OutputTest, SeveralSinksTakeTheStreamsTheyAreFor) {
    auto both = file_sink(Driver::k8s_file, directory_.path("both"));
    auto out = file_sink(Driver::raw_file, directory_.path("out"));
    auto err = file_sink(Driver::raw_file, directory_.path("err"));
    out.takes_err = err.takes_out = false;
    Output& output = open({both, out, err});
    const std::string out_text = numbered_lines(9000), err_text = numbered_lines(7000, 100000);
    ASSERT_TRUE(run(relay_both(loop(), output, out_text, err_text)).ok());
    EXPECT_EQ(directory_.text("out"), out_text);
    EXPECT_EQ(directory_.text("err"), err_text);
    EXPECT_EQ(k8s_text(directory_.text("both"), "stdout"), out_text);
    EXPECT_EQ(k8s_text(directory_.text("both"), "stderr"), err_text);
}

// ---- unfinished lines
// ------------------------------------------------------------------------------------------

Task<void> until_text(Loop& loop, const Directory& directory, std::string_view name, std::string_view text) {
    while (directory.text(name).find(text) == std::string::npos) co_await sleep(loop, 1ms);
}

Task<void> ask(Loop& loop, Output& output, const Directory& directory) {
    auto [from, to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(output.relay(from.get(), Stream::out));
    co_await write(loop, to.get(), "login: ");
    co_await until_text(loop, directory, "log", "stdout P login: \n");
    co_await write(loop, to.get(), "root\n");
    co_await until_text(loop, directory, "log", "stdout F root\n");
    co_await write(loop, to.get(), "bye");
    to.reset();
    co_await nursery.join();
    co_await output.finish(1s);
}

TEST_F(OutputTest, APromptIsShownAndAnEndWithoutNewlineIsClosed) {
    Output& output = open({file_sink(Driver::k8s_file, directory_.path("log"))});
    ASSERT_TRUE(run(ask(loop(), output, directory_)).ok());
    EXPECT_EQ(k8s_text(directory_.text("log")), "login: root\nbye\n");
}

// ---- terminals
// -------------------------------------------------------------------------------------------------

Task<void> relay_terminal(Loop& loop, Output& output, Fd master, Fd slave, std::string text) {
    Nursery nursery(loop);
    nursery.spawn(output.relay(master.get(), Stream::out));
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view part = rest.substr(0, 1000);
        co_await poll(loop, slave.get(), POLLOUT);
        ssize_t count = ::write(slave.get(), part.data(), part.size());
        CO_ASSERT(count > 0);
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
    slave.reset();
    co_await nursery.join();
    co_await output.finish(1s);
}

TEST_F(OutputTest, ATerminalIsReadUntilItsOtherSideIsClosed) {
    int master = -1, slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) < 0) GTEST_SKIP() << "no pseudo terminals here";
    Fd near(master), far(slave);
    ::fcntl(slave, F_SETFL, O_NONBLOCK);
    Output& output = open({file_sink(Driver::raw_file, directory_.path("log"))});
    const std::string text = numbered_lines(2000);
    ASSERT_TRUE(run(relay_terminal(loop(), output, std::move(near), std::move(far), text)).ok());
    std::string with_returns;
    for (char c : text) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_EQ(directory_.text("log"), with_returns);
}

// ---- the end
// ---------------------------------------------------------------------------------------------------

Task<void> grandchild(Loop& loop, Output& output) {
    auto [from, to] = make_pipe();
    Kept<void> relay(output.relay(from.get(), Stream::out));
    Nursery nursery(loop);
    relay.start(nursery);
    co_await write(loop, to.get(), "one\n");
    for (int turns = 0; turns < 100; ++turns) co_await nop(loop);
    nursery.cancel();
    (void)co_await settled(nursery.join());
    EXPECT_FALSE(relay.result().ok());
    // It has said something more, and keeps the pipe.
    EXPECT_EQ(::write(to.get(), "two\nthree", 9), 9);
    co_await output.drain(from.get(), Stream::out);
    co_await output.drain(from.get(), Stream::out);
    co_await output.finish(1s);
}

TEST_F(OutputTest, WhatAGrandchildHasSaidIsTakenWithoutWaitingForMore) {
    Output& output = open({file_sink(Driver::k8s_file, directory_.path("log"))});
    ASSERT_TRUE(run(grandchild(loop(), output)).ok());
    EXPECT_EQ(k8s_text(directory_.text("log")), "one\ntwo\nthree\n");
}

TEST_F(OutputTest, AFullPipeIsDrainedToItsLastByte) {
    auto [from, to] = make_pipe(O_NONBLOCK);
    const std::string text = numbered_lines(4000);
    ssize_t count = ::write(to.get(), text.data(), text.size());
    ASSERT_GT(count, 60000);
    Output& output = open({file_sink(Driver::raw_file, directory_.path("log"))});
    ASSERT_TRUE(run(output.drain(from.get(), Stream::out)).ok());
    EXPECT_EQ(directory_.text("log"), text.substr(0, static_cast<std::size_t>(count)));
}

// Processor time, in milliseconds.
double cpu_ms() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    auto ms = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

Task<void> relay_and_idle(Loop& loop, Output& output, int fd) {
    Nursery nursery(loop);
    nursery.spawn(output.relay(fd, Stream::out));
    co_await sleep(loop, 300ms);
    nursery.cancel();
    (void)co_await settled(nursery.join());
}

TEST_F(OutputTest, AReaderThatIsGoneEndsItsSinkAndNothingSpins) {
    auto [sink_from, sink_to] = make_pipe();
    auto [from, to] = make_pipe();
    SinkOptions fd;
    fd.driver = Driver::fd;
    fd.fd = sink_to.get();
    Output& output = open({fd, file_sink(Driver::raw_file, directory_.path("log"))});
    sink_from.reset();
    ASSERT_EQ(::write(to.get(), "x\n", 2), 2);
    double before = cpu_ms();
    ASSERT_TRUE(run(relay_and_idle(loop(), output, from.get())).ok());
    EXPECT_LT(cpu_ms() - before, 150);
    EXPECT_EQ(directory_.text("log"), "x\n");
}

TEST_F(OutputTest, APipeThatWasHungUpIsTheEnd) {
    auto [from, to] = make_pipe();
    to.reset();
    Output& output = open({file_sink(Driver::k8s_file, directory_.path("log"))});
    ASSERT_TRUE(run(output.relay(from.get(), Stream::out)).ok());
}

// ---- viewers
// ---------------------------------------------------------------------------------------------------

class Spectator final : public Viewer {
public:
    void output(Stream stream, std::span<const std::byte> bytes) noexcept override {
        (stream == Stream::out ? out : err) += text_of(bytes);
    }
    std::string out, err;
};

TEST_F(OutputTest, ViewersSeeWhatIsSaidWhileTheyWatch) {
    Output& output = open({file_sink(Driver::k8s_file, directory_.path("log"))});
    Spectator one, two;
    output.add_viewer(one);
    output.add_viewer(two);
    ASSERT_TRUE(run(relay_both(loop(), output, "out", "err")).ok());
    output.remove_viewer(one);
    ASSERT_TRUE(run(relay_both(loop(), output, " more", "")).ok());
    EXPECT_EQ(one.out, "out");
    EXPECT_EQ(one.err, "err");
    EXPECT_EQ(two.out, "out more");
}

// ---- many
// ------------------------------------------------------------------------------------------------------

Task<void> relay_many(Loop& loop, std::vector<std::unique_ptr<Output>>& outputs) {
    std::vector<Fd> from, to;
    Nursery nursery(loop);
    for (auto& output : outputs) {
        auto [near, far] = make_pipe();
        nursery.spawn(output->relay(near.get(), Stream::out));
        from.push_back(std::move(near));
        to.push_back(std::move(far));
    }
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < to.size(); ++i) {
            const std::string line = std::to_string(i) + " says " + std::to_string(round) + '\n';
            EXPECT_EQ(::write(to[i].get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
        }
        for (int turns = 0; turns < 3; ++turns) co_await nop(loop);
    }
    for (Fd& fd : to) fd.reset();
    co_await nursery.join();
}

TEST_F(OutputTest, AThousandStreamsShareOneLoop) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 4096) GTEST_SKIP() << "needs 4096 descriptors";
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<std::unique_ptr<Output>> outputs;
    for (int i = 0; i < 1000; ++i) {
        OutputOptions options;
        options.id = "c" + std::to_string(i);
        options.sinks = {file_sink(Driver::raw_file, directory_.path(std::to_string(i)))};
        auto output = Output::open(loop(), std::move(options));
        ASSERT_TRUE(output.ok()) << output.error().text();
        outputs.push_back(std::move(*output));
    }
    ASSERT_TRUE(run(relay_many(loop(), outputs)).ok());
    for (int i = 0; i < 1000; ++i) {
        const std::string name = std::to_string(i);
        EXPECT_EQ(directory_.text(name), name + " says 0\n" + name + " says 1\n" + name + " says 2\n");
    }
}

}  // namespace
}  // namespace urc::relay
