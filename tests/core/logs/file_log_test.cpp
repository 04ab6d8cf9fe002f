// A log in files while its monitor writes it, rotates it and ends.
#include "core/logs/file_log.h"

#include <gtest/gtest.h>

#include "tests/core/logs/container_logs.h"

namespace urc::logs {
namespace {

using logs_test::followed;
using logs_test::k8s;
using logs_test::Reader;
using state_test::Sleeper;
using state_test::spit;

class FollowedLog : public logs_test::ContainerLogsTest {
protected:
    FollowedLog() {
        append(k8s("one"));
        put_file_container(monitor_.pid());
    }
    void rename(const std::string& from, const std::string& to) {
        ASSERT_EQ(::rename((log_path_ + from).c_str(), (log_path_ + to).c_str()), 0);
    }
    Sleeper monitor_;
};

TEST_F(FollowedLog, ShowsWhatIsThereAndWhatComes) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    append(k8s("two") + k8s("three", "stderr"));
    EXPECT_EQ(reader.until("three\n"), "two\nE:three\n");
    append("2026-01-31T09:05:00Z std");
    append("out F four\n");
    EXPECT_EQ(reader.until("\n"), "four\n");
}

TEST_F(FollowedLog, EndsAfterItsMonitorWithTheLastWordOfIt) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    append(k8s("two") + "2026-01-31T09:05:00Z stdout F cut");
    monitor_.end();
    EXPECT_EQ(reader.to_end(), "two\ncut\n");
    EXPECT_EQ(reader.wait(), 0);
}

TEST_F(FollowedLog, OfAContainerWithoutAMonitorIsReadToItsEnd) {
    monitor_.end();
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.to_end(), "one\n");
    EXPECT_EQ(reader.wait(), 0);
}

TEST_F(FollowedLog, EndsWhenItsContainerIsDeleted) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    append(k8s("two"));
    delete_container();
    EXPECT_EQ(reader.to_end(), "two\n");
    EXPECT_EQ(reader.wait(), 0);
}

TEST_F(FollowedLog, GoesOnInTheNextFileAfterARotation) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    // The last records come while the file already has its new name.
    rename("", ".1");
    auto old = open_at(AT_FDCWD, (log_path_ + ".1").c_str(), O_WRONLY | O_APPEND);
    ASSERT_TRUE(old && write_all(old->get(), k8s("two"), "the log"));
    append(k8s("three"));
    EXPECT_EQ(reader.until("three\n"), "two\nthree\n");
    append(k8s("four"));
    EXPECT_EQ(reader.until("four\n"), "four\n");
}

TEST_F(FollowedLog, MissesNoneOfSeveralRotations) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    reader.stop();
    std::string wanted;
    for (int round = 0; round < 4; ++round) {
        for (int number = round; number > 0; --number)
            rename("." + std::to_string(number), "." + std::to_string(number + 1));
        rename("", ".1");
        const std::string text = "round " + std::to_string(round) + "\n";
        append(k8s(text.substr(0, text.size() - 1)));
        wanted += text;
    }
    reader.go_on();
    EXPECT_EQ(reader.until("round 3\n"), wanted);
}

TEST_F(FollowedLog, GoesOnWithWhatIsLeftWhenItsFileFellOffTheEnd) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    reader.stop();
    append(k8s("two"));
    for (const char* text : {"three", "four", "five"}) {
        if (std::filesystem::exists(log_path_ + ".1")) rename(".1", ".2");
        rename("", ".1");
        append(k8s(text));
    }
    reader.go_on();
    EXPECT_EQ(reader.until("five\n"), "two\nthree\nfour\nfive\n");
}

TEST_F(FollowedLog, BeginsAnewWhereItIsTruncatedInPlace) {
    append(k8s("a second line, so that what comes next is shorter"));
    Reader reader(global(), "c1", followed());
    EXPECT_TRUE(reader.until("shorter\n").starts_with("one\n"));
    ASSERT_EQ(::truncate(log_path_.c_str(), 0), 0);
    append(k8s("new"));
    EXPECT_EQ(reader.until("new\n"), "new\n");
    append(k8s("newer"));
    EXPECT_EQ(reader.until("newer\n"), "newer\n");
}

TEST_F(FollowedLog, GoesOnWhenItsFileIsRemovedAndMadeAnew) {
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    ASSERT_EQ(::unlink(log_path_.c_str()), 0);
    append(k8s("two"));
    EXPECT_EQ(reader.until("two\n"), "two\n");
}

TEST_F(FollowedLog, ShowsTheOlderFilesBeforeAndTheTailOfThemOnRequest) {
    rename("", ".1");
    append(k8s("two") + k8s("three"));
    Reader all(global(), "c1", followed());
    EXPECT_EQ(all.until("three\n"), "one\ntwo\nthree\n");
    LogsOptions options = followed();
    options.tail = 2;
    Reader last(global(), "c1", options);
    EXPECT_EQ(last.until("three\n"), "two\nthree\n");
    append(k8s("four"));
    EXPECT_EQ(last.until("four\n"), "four\n");
    options.tail = 0;
    Reader none(global(), "c1", options);
    monitor_.end();
    EXPECT_EQ(none.to_end(), "");
    EXPECT_EQ(none.wait(), 0);
}

TEST_F(FollowedLog, EndsWhenItIsLaterThanItsUntil) {
    LogsOptions options = followed();
    options.until = parse_instant("2026-01-31T09:05:00Z");
    Reader past(global(), "c1", options);
    EXPECT_EQ(past.to_end(), "one\n");
    EXPECT_EQ(past.wait(), 0);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    options.until = Instant(std::chrono::seconds(now.tv_sec + 1));
    Reader soon(global(), "c1", options);
    EXPECT_EQ(soon.to_end(), "one\n");
    EXPECT_EQ(soon.wait(), 0);
}

TEST_F(FollowedLog, EndsWhenNobodyReadsItsOutputAnyMore) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Fd reads(ends[0]), writes(ends[1]);
    LogsOptions options = followed();
    options.output_fd = writes.get();
    Reader reader(global(), "c1", options, reads.get());
    EXPECT_EQ(reader.until("one\n"), "one\n");
    reads.reset();
    EXPECT_EQ(reader.to_end(), "");
    EXPECT_EQ(reader.wait(), EPIPE);
}

TEST_F(FollowedLog, AnErrorOfTheReaderEndsIt) {
    auto read = read_logs(global(), "c1", followed(),
                          [](Stream, std::string_view) -> Result<void> { return Error(ENOSPC, "write"); });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), ENOSPC);
}

TEST_F(FollowedLog, WithoutFollowingALineThatIsBeingWrittenIsLeftOut) {
    append("2026-01-31T09:05:00Z stdout F");
    auto live = read_all_logs();
    ASSERT_TRUE(live) << live.error().text();
    EXPECT_EQ(*live, "one\n");
    EXPECT_EQ(warnings(), "");
    append(" cut");
    monitor_.end();
    auto dead = read_all_logs();
    ASSERT_TRUE(dead) << dead.error().text();
    EXPECT_EQ(*dead, "one\ncut\n");
}

TEST_F(FollowedLog, DamageIsToldOnce) {
    append("garbage\n\n" + k8s("two"));
    auto text = read_all_logs();
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, "one\ngarbage\ntwo\n");
    EXPECT_NE(warnings().find("the log has 2 damaged lines: " + log_path_), std::string::npos) << warnings();
}

TEST_F(FollowedLog, AMissingFileIsNamed) {
    ASSERT_EQ(::unlink(log_path_.c_str()), 0);
    auto text = read_all_logs();
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().text(), "open: " + log_path_ + ": No such file or directory");
}

}  // namespace
}  // namespace urc::logs
