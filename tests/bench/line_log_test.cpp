#include "bench/line_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "bench/bundle.h"
#include "uring/file.h"

namespace urc::bench {
namespace {

constexpr Lines kThree{.count = 3, .size = 16, .has_terminal = false};

class LineLog : public ::testing::Test {
protected:
    void SetUp() override {
        auto directory = TempDirectory::create();
        ASSERT_TRUE(directory.ok());
        directory_.emplace(std::move(*directory));
        path_ = directory_->path() + "/log";
    }

    std::string problem(std::string_view bytes, LogFormat format, const Lines& lines = kThree) {
        auto fd = open_at(AT_FDCWD, path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (!fd.ok() || !write_all(fd->get(), bytes, path_).ok()) return "not written";
        const auto result = check_log(path_, format, lines);
        return result.ok() ? std::string() : result.error().text();
    }

    bool is_complete(const Lines& lines = kThree) {
        auto fd = open_at(AT_FDCWD, path_.c_str(), O_RDONLY);
        return fd.ok() && has_last_line(fd->get(), lines);
    }

    std::optional<TempDirectory> directory_;
    std::string path_;
};

TEST_F(LineLog, RawLinesInOrderAreRight) {
    EXPECT_EQ(problem("abcde0000000000\nabcde0000000001\nabcde0000000002\n", LogFormat::raw), "");
    EXPECT_TRUE(is_complete());
}

TEST_F(LineLog, AMissingADoubledAndASwappedLineAreNamed) {
    EXPECT_EQ(problem("abcde0000000000\nabcde0000000002\n", LogFormat::raw),
              "log: line 2 stands where line 1 should be");
    EXPECT_EQ(problem("abcde0000000000\nabcde0000000000\n", LogFormat::raw),
              "log: line 0 stands where line 1 should be");
    EXPECT_EQ(problem("abcde0000000001\nabcde0000000000\n", LogFormat::raw),
              "log: line 1 stands where line 0 should be");
}

TEST_F(LineLog, AnEndTooEarlyOrTooLateIsNamed) {
    EXPECT_EQ(problem("abcde0000000000\n", LogFormat::raw), "log: 1 lines of 3");
    EXPECT_FALSE(is_complete());
    EXPECT_EQ(problem("abcde0000000000\nabcde0000000001\nabcde0000000002\nabcde0000000003\n", LogFormat::raw),
              "log: 4 lines of 3");
    EXPECT_EQ(problem("abcde0000000000\nabcde0000000001\nabcde0000000002\nab", LogFormat::raw),
              "log: something without a newline at the end");
    EXPECT_FALSE(is_complete());
    EXPECT_EQ(problem("", LogFormat::raw), "log: 0 lines of 3");
}

TEST_F(LineLog, DamageInsideALineIsFound) {
    EXPECT_EQ(problem("abcdf0000000000\n", LogFormat::raw),
              "log: line 0 is damaged (15 bytes): abcdf0000000000");
    EXPECT_EQ(problem("abcde000000000\n", LogFormat::raw),
              "log: line 0 is damaged (14 bytes): abcde000000000");
    EXPECT_EQ(problem("abcde00000x0000\n", LogFormat::raw),
              "log: line 0 is damaged (15 bytes): abcde00000x0000");
}

TEST_F(LineLog, RecordsOfTheCriAreJoined) {
    EXPECT_EQ(problem("2026-01-02T03:04:05.000000001+00:00 stdout F abcde0000000000\n"
                      "2026-01-02T03:04:05.000000001+00:00 stdout P abcde00\n"
                      "2026-01-02T03:04:05.000000002+00:00 stdout P 0000\n"
                      "2026-01-02T03:04:05.000000002+00:00 stdout F 0001\n"
                      "2026-01-02T03:04:05.000000002+00:00 stdout P abcde0000000002\n"
                      "2026-01-02T03:04:05.000000002+00:00 stdout F \n",
                      LogFormat::k8s),
              "");
}

TEST_F(LineLog, RecordsThatAreNoneAreFound) {
    EXPECT_EQ(problem("T stderr F abcde0000000000\n", LogFormat::k8s),
              "log: after line 0: not a record of stdout: T stderr F abcde0000000000");
    EXPECT_EQ(problem("T stdout X abcde0000000000\n", LogFormat::k8s),
              "log: after line 0: a record with the tag X");
    EXPECT_EQ(problem("T stdout F\n", LogFormat::k8s),
              "log: after line 0: not a record of stdout: T stdout F");
    EXPECT_EQ(problem("T stdout P abcde\n", LogFormat::k8s), "log: line 0 has no end");
}

TEST_F(LineLog, ATerminalsReturnIsNotPartOfTheLine) {
    const Lines lines{.count = 1, .size = 16, .has_terminal = true};
    EXPECT_EQ(problem("abcde0000000000\r\n", LogFormat::raw, lines), "");
    EXPECT_TRUE(is_complete(lines));
    EXPECT_NE(problem("abcde0000000000\r\n", LogFormat::raw, {.count = 1, .size = 16, .has_terminal = false}),
              "");
}

TEST_F(LineLog, ALogLargerThanABufferIsCheckedAcrossTheSeams) {
    std::string bytes;
    for (int i = 0; i < 200'000; ++i) {
        std::string digits = std::to_string(i);
        bytes += "abc" + std::string(10 - digits.size(), '0') + digits + "\n";
    }
    const Lines lines{.count = 200'000, .size = 14, .has_terminal = false};
    EXPECT_EQ(problem(bytes, LogFormat::raw, lines), "");
    bytes[bytes.size() / 2] = '!';
    EXPECT_NE(problem(bytes, LogFormat::raw, lines), "");
}

}  // namespace
}  // namespace urc::bench
