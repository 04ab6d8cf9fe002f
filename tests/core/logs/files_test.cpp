// Which files a log is, while they are renamed under the reader's hands.
#include "core/logs/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/core/state/state_fixture.h"

namespace urc::logs {
namespace {

class LogFiles : public state_test::StateTest {
protected:
    LogFiles() : path_(base_ + "/log") {}
    void put(const std::string& suffix, const std::string& text) { state_test::spit(path_ + suffix, text); }
    void rename(const std::string& from, const std::string& to) {
        ASSERT_EQ(::rename((path_ + from).c_str(), (path_ + to).c_str()), 0);
    }
    static std::string text_of(const File& file) {
        std::string text(100, '\0');
        auto got = read_at(file, 0, text.data(), text.size());
        EXPECT_TRUE(got);
        text.resize(got ? *got : 0);
        return text;
    }
    static std::vector<std::string> texts_of(Result<std::vector<File>> files) {
        EXPECT_TRUE(files) << files.error().text();
        std::vector<std::string> texts;
        if (files)
            for (const File& file : *files) texts.push_back(text_of(file));
        return texts;
    }
    using Texts = std::vector<std::string>;
    const std::string path_;
};

TEST_F(LogFiles, AreInTheOrderTheyWereWritten) {
    put("", "new");
    put(".1", "older");
    put(".2", "oldest");
    put(".4", "behind a gap: of another time");
    auto files = open_files(path_);
    ASSERT_TRUE(files);
    EXPECT_EQ(files->back().size, 3U);
    EXPECT_EQ(texts_of(std::move(files)), (Texts{"oldest", "older", "new"}));
}

TEST_F(LogFiles, MayLackTheNewestBetweenTwoRenames) {
    put(".1", "old");
    EXPECT_EQ(texts_of(open_files(path_)), Texts{"old"});
    ASSERT_EQ(::unlink((path_ + ".1").c_str()), 0);
    auto none = open_files(path_);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), ENOENT);
}

TEST_F(LogFiles, AreRegularFiles) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    auto fifo = open_files(path_);
    ASSERT_FALSE(fifo);
    EXPECT_EQ(fifo.error().text(), path_ + " is no regular file");
    ASSERT_EQ(::unlink(path_.c_str()), 0);
    ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
    EXPECT_FALSE(open_files(path_));
}

TEST_F(LogFiles, WhatWasBegunAfterOneIsFoundByTheFileNotByItsName) {
    put("", "1");
    auto files = open_files(path_);
    ASSERT_TRUE(files);
    const File& first = files->front();
    EXPECT_EQ(is_file_at(path_, first), std::optional(true));
    EXPECT_EQ(texts_of(open_files_after(path_, first)), Texts{});
    rename("", ".1");
    EXPECT_EQ(is_file_at(path_, first), std::nullopt);
    put("", "2");
    EXPECT_EQ(is_file_at(path_, first), std::optional(false));
    EXPECT_EQ(texts_of(open_files_after(path_, first)), Texts{"2"});
    rename(".1", ".2");
    rename("", ".1");
    put("", "3");
    EXPECT_EQ(texts_of(open_files_after(path_, first)), (Texts{"2", "3"}));
    ASSERT_EQ(::unlink((path_ + ".2").c_str()), 0);
    EXPECT_EQ(texts_of(open_files_after(path_, first)), (Texts{"2", "3"}));
    EXPECT_EQ(text_of(first), "1") << "it is open";
}

TEST_F(LogFiles, AFileThatGotANameOfAnotherKindIsFollowedByTheNewestAlone) {
    put("", "1");
    put(".1", "0");
    auto files = open_files(path_);
    ASSERT_TRUE(files);
    rename("", "-20260131");
    put("", "2");
    EXPECT_EQ(texts_of(open_files_after(path_, files->back())), Texts{"2"});
}

TEST_F(LogFiles, AreReadWhereTheyEndAndBehindIt) {
    put("", "abc");
    auto files = open_files(path_);
    ASSERT_TRUE(files);
    char buffer[8];
    EXPECT_EQ(*read_at(files->front(), 1, buffer, sizeof buffer), 2U);
    EXPECT_EQ(*read_at(files->front(), 3, buffer, sizeof buffer), 0U);
    EXPECT_EQ(*read_at(files->front(), 1000, buffer, sizeof buffer), 0U);
}

}  // namespace
}  // namespace urc::logs
