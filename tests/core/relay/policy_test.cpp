// Sinks that do not take anything for a while: fifos, sockets, descriptors; block, drop and spill.
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include <cstdio>
#include <cstring>

#include "core/relay/target.h"
#include "tests/core/relay/relay_fixture.h"
#include "uring/ops_socket.h"

namespace urc::relay {
namespace {

class PolicyTest : public RelayTest {
protected:
    SinkOptions fifo(Policy policy) const {
        auto sink = file_sink(Driver::fifo, directory_.path("fifo"));
        sink.policy = policy;
        sink.buffer_size = 16 << 10;
        return sink;
    }
    Fd open_reader() const {
        auto fd = open_at(AT_FDCWD, directory_.path("fifo").c_str(), O_RDONLY | O_NONBLOCK);
        return fd.ok() ? std::move(*fd) : Fd();
    }
};

// Reads `fd` until `size` bytes are there or it ends.
Task<void> collect(Loop& loop, int fd, std::string& into, std::size_t size) {
    std::vector<std::byte> buffer(8192);
    while (into.size() < size) {
        std::size_t count = co_await read(loop, fd, buffer);
        if (count == 0) break;
        into += text_of(std::span(buffer).first(count));
    }
}

Task<void> collect_line(Loop& loop, int fd, std::string& into, std::string_view end) {
    while (into.find(end) == std::string::npos) co_await collect(loop, fd, into, into.size() + 1);
}

Task<void> relay_and_finish(Loop& loop, Output& output, Fd from) {
    co_await output.relay(from.get(), Stream::out);
    co_await output.finish(60s);
    co_await nop(loop);
}

// Output first, while nobody reads; then a reader that takes it all.
Task<void> stalled_then_read(Loop& loop, Output& output, int reader, std::string text, std::string& got) {
    auto [from, to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(relay_and_finish(loop, output, std::move(from)));
    nursery.spawn(say(loop, std::move(to), text));
    co_await sleep(loop, 30ms);
    nursery.spawn(collect(loop, reader, got, text.size()));
    co_await nursery.join();
}

TEST_F(PolicyTest, BlockKeepsEveryByteInOrder) {
    Output& output = open({fifo(Policy::block)});
    Fd reader = open_reader();
    const std::string text = numbered_lines(20000);
    std::string got;
    ASSERT_TRUE(run(stalled_then_read(loop(), output, reader.get(), text, got)).ok());
    EXPECT_TRUE(got == text);
}

TEST_F(PolicyTest, SpillKeepsEveryByteInOrder) {
    for (std::uint64_t spill_size : {1ULL << 30, 100ULL << 10, 1ULL}) {
        SCOPED_TRACE(spill_size);
        auto sink = fifo(Policy::spill);
        sink.spill_size = spill_size;
        Output& output = open({sink});
        Fd reader = open_reader();
        const std::string text = numbered_lines(20000);
        std::string got;
        ASSERT_TRUE(run(stalled_then_read(loop(), output, reader.get(), text, got)).ok());
        EXPECT_TRUE(got == text);
    }
}

TEST_F(PolicyTest, SpillDoesNotHoldUpTheContainer) {
    Output& output = open({fifo(Policy::spill)});
    const std::string text = numbered_lines(20000);
    // Nobody reads the fifo, and yet relay() comes to its end.
    auto body = [](Loop& loop, Output& out, std::string said) -> Task<void> {
        auto [from, to] = make_pipe();
        Nursery nursery(loop);
        nursery.spawn(out.relay(from.get(), Stream::out));
        nursery.spawn(say(loop, std::move(to), std::move(said)));
        co_await nursery.join();
    };
    ASSERT_TRUE(run(body(loop(), output, text)).ok());
    auto rest = [](Loop& loop, Output& out, int fd, std::string& got, std::size_t size) -> Task<void> {
        Nursery nursery(loop);
        nursery.spawn(collect(loop, fd, got, size));
        nursery.spawn(out.finish(10s));
        co_await nursery.join();
    };
    Fd reader = open_reader();
    std::string got;
    ASSERT_TRUE(run(rest(loop(), output, reader.get(), got, text.size())).ok());
    EXPECT_TRUE(got == text);
    EXPECT_EQ(directory_.names(), std::vector<std::string>{"fifo"}) << "the spill file has no name";
}

TEST_F(PolicyTest, ADirectoryThatCannotHoldASpillFileMakesItBlock) {
    auto sink = fifo(Policy::spill);
    sink.spill_directory = "/nowhere";
    Output& output = open({sink});
    Fd reader = open_reader();
    const std::string text = numbered_lines(20000);
    std::string got;
    ASSERT_TRUE(run(stalled_then_read(loop(), output, reader.get(), text, got)).ok());
    EXPECT_TRUE(got == text);
}

// Takes the notices out of `got`, in what is left keeps the order; adds up what they say.
struct Counted {
    std::string kept;
    std::size_t lines = 0, bytes = 0, notices = 0;
};
Counted count_notices(std::string_view got) {
    Counted counted;
    while (!got.empty()) {
        std::string_view line = got.substr(0, got.find('\n') + 1);
        if (line.empty()) line = got;
        got.remove_prefix(line.size());
        std::size_t lines = 0, bytes = 0;
        if (std::sscanf(std::string(line).c_str(), "urc: %zu lines (%zu bytes) dropped", &lines, &bytes) ==
            2) {
            counted.lines += lines;
            counted.bytes += bytes;
            ++counted.notices;
        } else {
            counted.kept += line;
        }
    }
    return counted;
}

Task<void> drop_some(Loop& loop, Output& output, int reader, std::string text, std::string& got) {
    auto [from, to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(output.relay(from.get(), Stream::out));
    // The relay reads all of it, although nobody reads the fifo.
    co_await write(loop, to.get(), text);
    for (int there = 1; there > 0;) {
        co_await nop(loop);
        ::ioctl(from.get(), FIONREAD, &there);
    }
    co_await collect_line(loop, reader, got, "dropped\n");
    co_await write(loop, to.get(), "the end\n");
    to.reset();
    co_await collect_line(loop, reader, got, "the end\n");
    co_await nursery.join();
    co_await output.finish(1s);
}

TEST_F(PolicyTest, DropCountsWhatIsMissing) {
    Output& output = open({fifo(Policy::drop)});
    Fd reader = open_reader();
    const std::string text = numbered_lines(20000);
    std::string got;
    ASSERT_TRUE(run(drop_some(loop(), output, reader.get(), text, got)).ok());
    Counted counted = count_notices(got);
    ASSERT_TRUE(counted.kept.ends_with("the end\n"));
    EXPECT_GT(counted.bytes, 0U);
    EXPECT_EQ(counted.notices, 1U);
    counted.kept.resize(counted.kept.size() - std::string_view("the end\n").size());
    // A notice begins a line: that may have cost a newline.
    bool is_cut = !text.starts_with(counted.kept);
    if (is_cut) counted.kept.pop_back();
    EXPECT_TRUE(text.starts_with(counted.kept));
    EXPECT_EQ(counted.kept.size() + counted.bytes, text.size());
    auto lines = [](std::string_view s) {
        return static_cast<std::size_t>(std::count(s.begin(), s.end(), '\n'));
    };
    EXPECT_EQ(lines(counted.kept) + counted.lines, lines(text));
}

TEST_F(PolicyTest, ADropIsToldInTheSinksFormat) {
    files_.moods.assign(1, {0, ENOSPC});
    auto sink = file_sink(Driver::k8s_file, directory_.path("log"));
    sink.policy = Policy::drop;
    sink.buffer_size = 1;
    Output& output = open({sink});
    auto body = [](Loop& loop, Output& out) -> Task<void> {
        auto [from, to] = make_pipe();
        for (const char* text : {"one\n", "two\n", "three\nfour"}) {
            EXPECT_GT(::write(to.get(), text, std::strlen(text)), 0);
            co_await out.drain(from.get(), Stream::out);
        }
        co_await out.finish(10s);
        co_await nop(loop);
    };
    ASSERT_TRUE(run(body(loop(), output)).ok());
    const std::string time = std::string(kTime) + "+00:00 ";
    EXPECT_EQ(directory_.text("log"), time + "stdout F one\n" + time + "stdout F two\n" + time +
                                          "stderr F urc: 1 lines (10 bytes) dropped\n");
}

TEST_F(PolicyTest, OneSinkThatStallsDoesNotDelayAnotherThatDoesNot) {
    Output& output = open({fifo(Policy::drop), file_sink(Driver::raw_file, directory_.path("log"))});
    const std::string text = numbered_lines(20000);
    auto body = [](Loop& loop, Output& out, std::string said) -> Task<void> {
        auto [from, to] = make_pipe();
        Nursery nursery(loop);
        nursery.spawn(out.relay(from.get(), Stream::out));
        nursery.spawn(say(loop, std::move(to), std::move(said)));
        co_await nursery.join();
        co_await out.finish(1ms);
    };
    ASSERT_TRUE(run(body(loop(), output, text)).ok());
    EXPECT_TRUE(directory_.text("log") == text);
}

// ---- fifos: readers come and go
// -----------------------------------------------------------------------------------

Task<void> readers_come_and_go(Loop& loop, Output& output, const Directory& directory, std::string& got) {
    auto [from, to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(output.relay(from.get(), Stream::out));
    for (int i = 0; i < 3; ++i) {
        const std::string line = "reader " + std::to_string(i) + '\n';
        Fd reader = co_await open_at(AT_FDCWD, directory.path("fifo").c_str(), O_RDONLY | O_NONBLOCK);
        co_await write(loop, to.get(), line);
        co_await collect_line(loop, reader.get(), got, line);
        reader.reset();
        co_await write(loop, to.get(), "nobody\n");
    }
    to.reset();
    co_await nursery.join();
    Fd reader = co_await open_at(AT_FDCWD, directory.path("fifo").c_str(), O_RDONLY | O_NONBLOCK);
    co_await collect_line(loop, reader.get(), got, "2\nnobody\n");
}

TEST_F(PolicyTest, AFifosReaderMayComeAndGo) {
    Output& output = open({fifo(Policy::block)});
    struct stat status {};
    ASSERT_EQ(::stat(directory_.path("fifo").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    std::string got;
    ASSERT_TRUE(run(readers_come_and_go(loop(), output, directory_, got)).ok());
    EXPECT_EQ(got, "reader 0\nnobody\nreader 1\nnobody\nreader 2\nnobody\n");
}

TEST_F(PolicyTest, WhatIsNoFifoIsRefused) {
    ASSERT_TRUE(open_at(AT_FDCWD, directory_.path("fifo").c_str(), O_CREAT | O_WRONLY, 0600).ok());
    OutputOptions options;
    options.sinks = {fifo(Policy::block)};
    auto output = Output::open(loop(), std::move(options));
    ASSERT_FALSE(output.ok());
    EXPECT_NE(output.error().text().find("not a fifo"), std::string::npos);
}

// ---- inherited descriptors
// ----------------------------------------------------------------------------------------

SinkOptions fd_sink(int fd) {
    SinkOptions options;
    options.driver = Driver::fd;
    options.fd = fd;
    options.buffer_size = 4096;
    return options;
}

TEST_F(PolicyTest, ADescriptorGetsTheBytesAndKeepsItsFlags) {
    const std::string text = numbered_lines(20000);
    for (bool is_socket : {false, true}) {
        auto [from, to] = is_socket ? make_socketpair() : make_pipe();
        int flags = ::fcntl(to.get(), F_GETFL);
        Output& output = open({fd_sink(to.get())});
        std::string got;
        ASSERT_TRUE(run(stalled_then_read(loop(), output, from.get(), text, got)).ok());
        EXPECT_TRUE(got == text);
        EXPECT_EQ(::fcntl(to.get(), F_GETFL), flags);
        output_.reset();
    }
}

// As nobody, who may not open the pipe once more by way of /proc.
TEST_F(PolicyTest, ADescriptorThatCannotBeOpenedAgainGetsWhatPollSaysItTakes) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
    auto [from, to] = make_pipe();
    const int flags = ::fcntl(to.get(), F_GETFL);
    ASSERT_EQ(::seteuid(65534), 0);
    auto target = open_inherited(fd_sink(to.get()));
    ASSERT_EQ(::seteuid(0), 0);
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ((*target)->splice_fd(), -1) << "it has not opened its own";
    const std::string text = numbered_lines(5000);
    std::size_t taken = 0;
    // The descriptor is a blocking one: a write that asked for more than there is room would not come back.
    std::string got;
    while (taken < text.size()) {
        const Put put = (*target)->put(std::string_view(text).substr(taken));
        taken += put.taken;
        EXPECT_TRUE(put.error == 0 || put.error == EAGAIN) << errno_text(put.error);
        EXPECT_FALSE(put.is_over);
        std::array<char, 10000> some;
        const ssize_t count = ::read(from.get(), some.data(), some.size());
        ASSERT_GT(count, 0);
        got.append(some.data(), static_cast<std::size_t>(count));
    }
    target->reset();
    to.reset();
    ASSERT_TRUE(run(collect(loop(), from.get(), got, text.size())).ok());
    EXPECT_TRUE(got == text);
    EXPECT_EQ(flags & O_NONBLOCK, 0);
}

TEST_F(PolicyTest, AViewerIsNoLessServedWhenBytesCouldBeSpliced) {
    class Onlooker final : public Viewer {
    public:
        void output(Stream, std::span<const std::byte> bytes) noexcept override { seen += text_of(bytes); }
        std::string seen;
    } viewer;
    auto [from, to] = make_pipe();
    Output& output = open({fd_sink(to.get())});
    output.add_viewer(viewer);
    const std::string text = numbered_lines(5000);
    std::string got;
    ASSERT_TRUE(run(stalled_then_read(loop(), output, from.get(), text, got)).ok());
    EXPECT_TRUE(got == text);
    EXPECT_TRUE(viewer.seen == text);
}

TEST_F(PolicyTest, ADescriptorThatIsNoneIsRefused) {
    OutputOptions options;
    options.sinks = {fd_sink(987)};
    auto output = Output::open(loop(), std::move(options));
    ASSERT_FALSE(output.ok());
    EXPECT_EQ(output.error().text(), "log fd: stat: descriptor 987: Bad file descriptor");
}

// ---- journald
// -------------------------------------------------------------------------------------------------

class JournalTest : public RelayTest {
public:
    Fd bind_journal() const {
        Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = directory_.path("journal");
        ::unlink(path.c_str());
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return socket;
    }
    SinkOptions journal() const {
        SinkOptions options;
        options.driver = Driver::journald;
        options.socket = directory_.path("journal");
        return options;
    }
};

std::string message_of(std::string_view fields) {
    std::size_t begin = fields.find("MESSAGE=", fields.find("SYSLOG_IDENTIFIER")) + 8;
    return std::string(fields.substr(begin));
}

// All messages, of datagrams and of sealed files, until `count` newlines are in.
Task<void> collect_messages(Loop& loop, int socket, std::string& into, std::size_t count) {
    std::vector<std::byte> buffer(128 << 10);
    for (std::size_t i = 0; i < count; ++i) {
        InMessage message(buffer);
        co_await recvmsg(loop, socket, message);
        std::string fields(text_of(message.data()));
        if (!message.fds().empty()) {
            Fd& file = message.fds().front();
            EXPECT_TRUE(::fcntl(file.get(), F_GET_SEALS) & F_SEAL_WRITE);
            ::lseek(file.get(), 0, SEEK_SET);
            auto text = read_all(file.get(), 1 << 20, "memfd");
            fields = text.ok() ? *text : "";
        }
        into += message_of(fields);
    }
}

Task<void> journal_all(Loop& loop, Output& output, int socket, std::string text, std::size_t count,
                       std::string& got) {
    auto [from, to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(relay_and_finish(loop, output, std::move(from)));
    nursery.spawn(say(loop, std::move(to), std::move(text)));
    // The queue of a datagram socket is short: the relay has to wait for us.
    co_await sleep(loop, 10ms);
    nursery.spawn(collect_messages(loop, socket, got, count));
    co_await nursery.join();
}

TEST_F(JournalTest, AJournalThatIsSlowGetsEveryRecordOnce) {
    Fd socket = bind_journal();
    Output& output = open({journal()});
    const std::string text = numbered_lines(2000);
    std::string got;
    ASSERT_TRUE(run(journal_all(loop(), output, socket.get(), text, 2000, got)).ok());
    EXPECT_TRUE(got == text);
}

TEST_F(JournalTest, AJournalThatWasRestartedIsConnectedAnew) {
    std::string got;
    Fd first = bind_journal();
    Output& output = open({journal()});
    ASSERT_TRUE(run(journal_all(loop(), output, first.get(), "one\n", 1, got)).ok());
    first.reset();
    Fd second = bind_journal();
    ASSERT_TRUE(run(journal_all(loop(), output, second.get(), "two\n", 1, got)).ok());
    EXPECT_EQ(got, "one\ntwo\n");
}

TEST_F(JournalTest, AJournalThatIsAwayForAWhileLosesNothing) {
    std::string got;
    Fd first = bind_journal();
    Output& output = open({journal()});
    first.reset();
    auto body = [](Loop& loop, Output& out, JournalTest& test, std::string& into) -> Task<void> {
        auto [from, to] = make_pipe();
        EXPECT_EQ(::write(to.get(), "one\ntwo\n", 8), 8);
        co_await out.drain(from.get(), Stream::out);
        Fd second = test.bind_journal();
        Nursery nursery(loop);
        nursery.spawn(collect_messages(loop, second.get(), into, 2));
        nursery.spawn(out.finish(10s));
        co_await nursery.join();
    };
    ASSERT_TRUE(run(body(loop(), output, *this, got)).ok());
    EXPECT_EQ(got, "one\ntwo\n");
}

TEST_F(JournalTest, AKernelWithoutMemoryForADatagramIsTriedAgainLaterAndNotByPoll) {
    Fd socket = bind_journal();
    files_.send_errors = {ENOBUFS, ENOMEM};
    auto target = open_journal(files_, journal());
    ASSERT_TRUE(target.ok());
    EXPECT_EQ((*target)->put("MESSAGE=x\n").error, ENOBUFS);
    EXPECT_EQ((*target)->wait_fd(), -1) << "the socket is writable, and would be polled for ever";
    EXPECT_EQ((*target)->put("MESSAGE=x\n").error, ENOMEM);
    EXPECT_EQ((*target)->put("MESSAGE=x\n").error, 0);
    std::string got;
    files_.send_errors = {ENOBUFS};
    Output& output = open({journal()});
    ASSERT_TRUE(run(journal_all(loop(), output, socket.get(), "one\ntwo\n", 3, got)).ok());
    EXPECT_TRUE(got.ends_with("one\ntwo\n")) << got;
}

TEST_F(JournalTest, ARecordThatIsTooLargeForADatagramIsSentAsASealedFile) {
    Fd socket = bind_journal();
    auto target = open_journal(files_, journal());
    ASSERT_TRUE(target.ok());
    const std::string record = "SYSLOG_IDENTIFIER=x\nMESSAGE=" + std::string(1 << 19, 'x') + '\n';
    Put put = (*target)->put(record);
    EXPECT_EQ(put.taken, record.size()) << errno_text(put.error);
    std::string got;
    ASSERT_TRUE(run(collect_messages(loop(), socket.get(), got, 1)).ok());
    EXPECT_TRUE(got == std::string(1 << 19, 'x') + '\n');
}

}  // namespace
}  // namespace urc::relay
