// A container of which only its state and its log are there, a process that stands for its monitor, and a
// reader in another process whose output is looked at through a pipe: it is driven by what happens to the
// log, and waited for by what it says.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "core/log.h"
#include "core/runtime.h"
#include "tests/core/state/state_fixture.h"
#include "uring/fd.h"
#include "uring/file.h"

namespace urc::logs_test {

inline std::string k8s(std::string_view text, std::string_view stream = "stdout",
                       std::string_view tag = "F") {
    return "2026-01-31T09:05:00.000000000Z " + std::string(stream) + " " + std::string(tag) + " " +
           std::string(text) + "\n";
}

// read_logs() in a child. Its exit status is the Error's code.
class Reader {
public:
    // `reads`: of `output_fd`, the test's end, which the child must not hold.
    Reader(const Global& global, const std::string& id, LogsOptions options, int reads = -1) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        Fd writer(ends[1]);
        said_ = Fd(ends[0]);
        pid_ = ::fork();
        if (pid_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (reads >= 0) ::close(reads);
        const int fd = writer.get();
        auto read = read_logs(global, id, options, [fd](relay::Stream stream, std::string_view bytes) {
            const std::string front = stream == relay::Stream::err ? "E:" : "";
            return write_all(fd, front + std::string(bytes), "the test");
        });
        ::_exit(read.ok() ? 0 : read.error().code());
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            (void)wait();
        }
    }

    // What it says, up to where that ends with `text`; or to its end.
    std::string until(std::string_view text) {
        std::string got;
        char byte;
        while ((text.empty() || !got.ends_with(text)) && ::read(said_.get(), &byte, 1) == 1) got += byte;
        return got;
    }
    std::string to_end() { return until({}); }
    // Between the two nothing is seen by it, and then everything at once.
    void stop() {
        ::kill(pid_, SIGSTOP);
        siginfo_t info;
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED);
    }
    void go_on() { ::kill(pid_, SIGCONT); }
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t pid_ = -1;
    Fd said_;
};

class ContainerLogsTest : public state_test::StateTest {
protected:
    ContainerLogsTest() : log_path_(base_ + "/log") {
        LogOptions options;
        options.path = base_ + "/warnings";
        options.level = LogLevel::warning;
        auto opened = Log::open(options);
        EXPECT_TRUE(opened.ok());
        if (opened.ok()) warnings_ = std::move(*opened);
    }
    ~ContainerLogsTest() override { warnings_ = Log(); }

    Global global() const { return Global{.root = root_, .log = warnings_}; }
    static relay::SinkOptions sink(relay::Driver driver, std::string path) {
        relay::SinkOptions options;
        options.driver = driver;
        options.path = std::move(path);
        return options;
    }
    // monitor 0: none.
    void put_container(std::vector<relay::SinkOptions> sinks, pid_t monitor) {
        auto store = Store::open(root_);
        ASSERT_TRUE(store);
        auto dir = store->reserve("c1");
        ASSERT_TRUE(dir) << dir.error().text();
        State state = sample("c1", 0);
        state.init = {1 << 22, 1, 0};  // nobody's
        state.sinks = std::move(sinks);
        if (monitor > 0) {
            auto process = identify(monitor, -1);
            ASSERT_TRUE(process);
            state.monitor = *process;
        }
        ASSERT_TRUE(dir->save(state));
    }
    void put_file_container(pid_t monitor) {
        put_container({sink(relay::Driver::k8s_file, log_path_)}, monitor);
    }
    void delete_container() {
        auto store = Store::open(root_);
        ASSERT_TRUE(store);
        auto dir = store->find("c1");
        ASSERT_TRUE(dir && dir->lock(10'000) && dir->remove());
    }
    void append(const std::string& text) {
        auto file = open_at(AT_FDCWD, log_path_.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
        ASSERT_TRUE(file && write_all(file->get(), text, "the log"));
    }
    std::string warnings() const { return state_test::slurp(base_ + "/warnings"); }

    // In this process, all that is there.
    Result<std::string> read_all_logs(const LogsOptions& options = {}) {
        std::string text;
        auto read = read_logs(global(), "c1", options, [&](relay::Stream stream, std::string_view bytes) {
            text += (stream == relay::Stream::err ? "E:" : "") + std::string(bytes);
            return Result<void>{};
        });
        if (!read.ok()) return std::move(read).error();
        return text;
    }

    const std::string log_path_;
    Log warnings_;
};

inline LogsOptions followed() {
    LogsOptions options;
    options.follow = true;
    return options;
}

}  // namespace urc::logs_test
