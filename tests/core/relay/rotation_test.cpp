// Files: rotation, and disks that refuse.
#include <gtest/gtest.h>

#include "core/log.h"
#include "tests/core/relay/relay_fixture.h"

namespace urc::relay {
namespace {

class FileTest : public RelayTest {
protected:
    // The rotated files and the current one, oldest first.
    std::string all_text(unsigned files_max) const {
        std::string text;
        for (unsigned number = files_max - 1; number > 0; --number)
            text += directory_.text("log." + std::to_string(number));
        return text + directory_.text("log");
    }
    SinkOptions rotated(Driver driver, std::uint64_t size_max, unsigned files_max) const {
        auto sink = file_sink(driver, directory_.path("log"));
        sink.size_max = size_max;
        sink.files_max = files_max;
        return sink;
    }
};

TEST_F(FileTest, IsRotatedBetweenRecordsAndNothingIsLost) {
    const std::string text = numbered_lines(1000);
    for (Driver driver : {Driver::k8s_file, Driver::raw_file}) {
        SCOPED_TRACE(driver_word(driver));
        Output& output = open({rotated(driver, 5000, 100)});
        ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
        std::size_t files = directory_.names().size();
        EXPECT_GT(files, 5U);
        const std::string all = all_text(100);
        EXPECT_EQ(driver == Driver::raw_file ? all : k8s_text(all), text);
        for (const std::string& name : directory_.names()) {
            const std::string part = directory_.text(name);
            EXPECT_LE(part.size(), 5000U) << name;
            EXPECT_GT(part.size(), name == "log" ? 0U : 4800U) << name;
            EXPECT_EQ(part.back(), '\n') << name << " ends with a whole line";
            ::unlink(directory_.path(name).c_str());
        }
    }
}

TEST_F(FileTest, KeepsAsManyAsItMay) {
    Output& output = open({rotated(Driver::raw_file, 100, 3)});
    ASSERT_TRUE(run(relay_text(loop(), output, numbered_lines(100))).ok());
    EXPECT_EQ(directory_.names(), (std::vector<std::string>{"log", "log.1", "log.2"}));
    const std::string all = all_text(3), text = numbered_lines(100);
    EXPECT_EQ(all, text.substr(text.size() - all.size())) << "the newest, in order";
}

TEST_F(FileTest, IsEmptiedWhenThereIsNoPlaceForAnOldOne) {
    Output& output = open({rotated(Driver::raw_file, 100, 1)});
    const std::string text = numbered_lines(100);
    ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
    EXPECT_EQ(directory_.names(), std::vector<std::string>{"log"});
    const std::string last = directory_.text("log");
    EXPECT_LE(last.size(), 100U);
    EXPECT_FALSE(last.empty());
    EXPECT_EQ(last, text.substr(text.size() - last.size()));
}

TEST_F(FileTest, TakesARecordThatIsLargerThanAFile) {
    Output& output = open({rotated(Driver::k8s_file, 60, 5)});
    const std::string text = std::string(500, 'a') + "\nb\n" + std::string(500, 'c') + "\n";
    ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
    EXPECT_EQ(k8s_text(all_text(5)), text);
    EXPECT_EQ(directory_.names().size(), 3U);
}

TEST_F(FileTest, CountsWhatWasThereBefore) {
    ASSERT_TRUE(write_all(open_at(AT_FDCWD, directory_.path("log").c_str(), O_CREAT | O_WRONLY, 0600)->get(),
                          std::string(90, 'x') + '\n', "log")
                    .ok());
    Output& output = open({rotated(Driver::raw_file, 100, 2)});
    ASSERT_TRUE(run(relay_text(loop(), output, "one two three\n")).ok());
    EXPECT_EQ(directory_.text("log.1").size(), 91U);
    EXPECT_EQ(directory_.text("log"), "one two three\n");
}

TEST_F(FileTest, OneThatCannotBeRotatedIsWrittenOn) {
    const std::string text = numbered_lines(50);
    for (bool is_open_refused : {false, true}) {
        Output& output = open({rotated(Driver::raw_file, 100, 3)});
        (is_open_refused ? files_.open_error : files_.rename_error) = EACCES;
        ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
        EXPECT_EQ(directory_.text("log"), text);
        EXPECT_EQ(directory_.names(), std::vector<std::string>{"log"});
        files_.open_error = files_.rename_error = 0;
        ::unlink(directory_.path("log").c_str());
    }
}

Task<void> rotate_between(Loop& loop, Output& output) {
    co_await relay_text(loop, output, "one\n");
    output.rotate();
    co_await relay_text(loop, output, "two\n");
    output.rotate();
    output.rotate();
    co_await relay_text(loop, output, "three\n");
}

TEST_F(FileTest, RotatesWhenAsked) {
    Output& output = open({rotated(Driver::raw_file, 1000, 3)});
    ASSERT_TRUE(run(rotate_between(loop(), output)).ok());
    EXPECT_EQ(directory_.text("log.2"), "one\n");
    EXPECT_EQ(directory_.text("log.1"), "two\n");
    EXPECT_EQ(directory_.text("log"), "three\n");
}

TEST_F(FileTest, IsOpenedAnewWhenSomebodyElseHasTakenItAway) {
    Output& output = open({file_sink(Driver::raw_file, directory_.path("log"))});
    ASSERT_TRUE(run(relay_text(loop(), output, "one\n")).ok());
    ASSERT_EQ(::rename(directory_.path("log").c_str(), directory_.path("old").c_str()), 0);
    ASSERT_TRUE(run(relay_text(loop(), output, "two\n")).ok());
    output.rotate();
    ASSERT_TRUE(run(relay_text(loop(), output, "three\n")).ok());
    EXPECT_EQ(directory_.text("old"), "one\ntwo\n");
    EXPECT_EQ(directory_.text("log"), "three\n");
    // And when it cannot be: the old one is better than none.
    files_.open_error = EMFILE;
    output.rotate();
    ASSERT_TRUE(run(relay_text(loop(), output, "four\n")).ok());
    EXPECT_EQ(directory_.text("log"), "three\nfour\n");
}

// ---- disks
// -----------------------------------------------------------------------------------------------------

TEST_F(FileTest, ADiskThatIsFullForLongHoldsUpTheStream) {
    files_.moods.assign(2, {0, ENOSPC});
    auto sink = file_sink(Driver::raw_file, directory_.path("log"));
    sink.buffer_size = 4096;
    Output& output = open({sink});
    const std::string text = numbered_lines(6000);
    ASSERT_TRUE(run(relay_text(loop(), output, text)).ok());
    EXPECT_EQ(directory_.text("log"), text);
    EXPECT_EQ(files_.refused, 2U);
}

Task<void> give_up(Loop& loop, Output& output) {
    auto [from, to] = make_pipe();
    CO_ASSERT(::write(to.get(), "lost\n", 5) == 5);
    co_await output.drain(from.get(), Stream::out);
    co_await output.finish(20ms);
    co_await nop(loop);
}

TEST_F(FileTest, WhatIsNotTakenInTimeIsGivenUpWithAWarning) {
    files_.moods.assign(1000, {0, ENOSPC});
    Output& output = open({file_sink(Driver::raw_file, directory_.path("log"))});
    ::testing::internal::CaptureStderr();
    ASSERT_TRUE(run(give_up(loop(), output)).ok());
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("write: No space left on device"), said.npos) << said;
    EXPECT_NE(said.find("5 bytes: not written"), said.npos) << said;
}

}  // namespace
}  // namespace urc::relay
