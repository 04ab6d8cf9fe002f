// The verb as a whole: which sink it reads, what it refuses, and the question to a monitor.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "core/monitor/client.h"
#include "core/process/start_socket.h"
#include "tests/core/logs/container_logs.h"

namespace urc {
namespace {

using logs_test::k8s;
using relay::Driver;
using state_test::spit;

class ReadLogs : public logs_test::ContainerLogsTest {
protected:
    std::string refusal(const LogsOptions& options = {}) {
        auto text = read_all_logs(options);
        return text ? "it was not refused: " + *text : text.error().text();
    }
    std::string text(const LogsOptions& options = {}) {
        auto text = read_all_logs(options);
        return text ? *text : text.error().text();
    }
    static LogsOptions only(relay::Stream stream) {
        LogsOptions options;
        options.wants_out = stream == relay::Stream::out;
        options.wants_err = !options.wants_out;
        return options;
    }
};

TEST_F(ReadLogs, AreOfTheFirstSinkThatKeepsThem) {
    spit(log_path_, k8s("first"));
    spit(base_ + "/other", "second\n");
    auto pipe = sink(Driver::fifo, base_ + "/fifo");
    put_container({pipe, sink(Driver::null, ""), sink(Driver::k8s_file, log_path_),
                   sink(Driver::raw_file, base_ + "/other")},
                  0);
    EXPECT_EQ(text(), "first\n");
}

TEST_F(ReadLogs, OfTwoRawFilesTheOneOfThatStreamIsRead) {
    auto out = sink(Driver::raw_file, base_ + "/out"), err = sink(Driver::raw_file, base_ + "/err");
    out.takes_err = err.takes_out = false;
    spit(out.path, "out\n");
    spit(err.path, "err\n");
    put_container({out, err}, 0);
    EXPECT_EQ(text(only(relay::Stream::out)), "out\n");
    EXPECT_EQ(text(only(relay::Stream::err)), "E:err\n");
}

TEST_F(ReadLogs, WhatIsNotKeptCannotBeRead) {
    put_container({sink(Driver::null, ""), sink(Driver::fifo, base_ + "/fifo")}, 0);
    EXPECT_EQ(refusal(), "the container's output is not kept: no --log-driver that can be read back");
}

TEST_F(ReadLogs, AStreamThatIsNotKeptIsRefusedByThatName) {
    auto out = sink(Driver::k8s_file, log_path_);
    out.takes_err = false;
    put_container({out}, 0);
    EXPECT_EQ(refusal(only(relay::Stream::err)), "that stream of the container's output is not kept");
}

TEST_F(ReadLogs, ARawFileHasNoTimesAndNoStreams) {
    spit(log_path_, "one\ntwo");
    put_container({sink(Driver::raw_file, log_path_)}, 0);
    const std::string no_times = "raw-file keeps no times: neither --since nor --until nor --timestamps";
    LogsOptions options;
    options.since = logs::parse_instant("2026-01-31");
    EXPECT_EQ(refusal(options), no_times);
    options = {};
    options.until = logs::parse_instant("2026-01-31");
    EXPECT_EQ(refusal(options), no_times);
    options = {};
    options.has_timestamps = true;
    EXPECT_EQ(refusal(options), no_times);
    const std::string no_streams = "raw-file keeps both streams as one: neither --stdout nor --stderr";
    EXPECT_EQ(refusal(only(relay::Stream::out)), no_streams);
    EXPECT_EQ(refusal(only(relay::Stream::err)), no_streams);
    EXPECT_EQ(text(), "one\ntwo");
}

TEST_F(ReadLogs, NobodyHasALogThatIsNotThere) {
    auto read = read_all_logs();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().text(), "container does not exist");
    EXPECT_EQ(rotate_logs(global(), "c1").error().text(), "container does not exist");
}

// A process that accepts one connection, reads a packet and gives `answer`; none: it just ends.
class RotateLogs : public ReadLogs {
protected:
    std::string rotate_beside(const std::string& answer) {
        put_file_container(0);
        auto directory = open_at(AT_FDCWD, (root_ + "/c1").c_str(), O_PATH | O_DIRECTORY);
        auto listener = process::listen_at(directory->get(), monitor::kMonitorSocket);
        EXPECT_TRUE(listener.ok());
        const pid_t pid = ::fork();
        if (pid == 0) {
            char question[100];
            const int client = ::accept(listener->get(), nullptr, nullptr);
            const ssize_t got = ::recv(client, question, sizeof question, 0);
            const bool is_asked = got == 1 && question[0] == static_cast<char>(monitor::Kind::rotate);
            if (!answer.empty()) (void)::send(client, answer.data(), answer.size(), 0);
            ::_exit(is_asked ? 0 : 1);
        }
        listener->reset();
        auto rotated = rotate_logs(global(), "c1");
        int status = 0;
        ::waitpid(pid, &status, 0);
        EXPECT_EQ(status, 0) << "it was asked for something else";
        return rotated.ok() ? "done" : rotated.error().text();
    }
    static std::string word(monitor::Kind kind) { return std::string(1, static_cast<char>(kind)); }
};

TEST_F(RotateLogs, IsDone) {
    EXPECT_EQ(rotate_beside(word(monitor::Kind::done)), "done");
}

TEST_F(RotateLogs, IsRefusedWithTheMonitorsReason) {
    EXPECT_EQ(rotate_beside(word(monitor::Kind::refused) + "the container has no log"),
              "the container has no log");
}

TEST_F(RotateLogs, FindsAMonitorThatDiesMeanwhile) {
    EXPECT_EQ(rotate_beside(""), "the container's monitor has ended");
}

TEST_F(RotateLogs, FindsNoMonitor) {
    put_file_container(0);
    EXPECT_EQ(rotate_logs(global(), "c1").error().text(), "nobody monitors the container");
}

}  // namespace
}  // namespace urc
