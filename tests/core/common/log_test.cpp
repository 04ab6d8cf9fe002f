#include "core/log.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

namespace urc {
namespace {

class LogTest : public testing::Test {
protected:
    LogTest() {
        char pattern[] = "/tmp/urc-log-XXXXXX";
        base_ = ::mkdtemp(pattern);
        path_ = base_ + "/log";
    }
    ~LogTest() override { std::filesystem::remove_all(base_); }

    std::string file() const {
        std::ifstream stream(path_);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    Log open(LogFormat format, std::optional<LogLevel> level = {}) {
        auto log = Log::open({.path = path_, .format = format, .level = level});
        EXPECT_TRUE(log);
        return std::move(log).value();
    }
    std::string base_, path_;
};

TEST_F(LogTest, AnErrorIsOneLogrusLineInTheFileAndOneLineOnStderr) {
    Log log = open(LogFormat::text);
    testing::internal::CaptureStderr();
    log.error("create c1: \"x\"\nsecond");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "urc: create c1: \"x\"\\nsecond\n");
    const std::regex line(
        R"re(time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=error msg="create c1: \\"x\\"\\nsecond"\n)re");
    EXPECT_TRUE(std::regex_match(file(), line)) << file();
}

TEST_F(LogTest, WhatATerminalObeysIsSpelledOut) {
    Log log = open(LogFormat::text);
    testing::internal::CaptureStderr();
    log.error(std::string("a\x1b[31m\r\n\t\x7f\0z", 12));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "urc: a\\x1b[31m\\r\\n\\x09\\x7f\\x00z\n");
    const std::string text = file();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_EQ(std::count_if(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' ' && c != '\n'; }),
              0);
}

TEST_F(LogTest, InJsonAnErrorIsOneObjectWithLevelMsgAndTime) {
    Log log = open(LogFormat::json);
    testing::internal::CaptureStderr();
    log.error("create c1: \xff");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "urc: create c1: \xff\n");
    const std::string text = file();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    simdjson::dom::parser parser;
    simdjson::dom::element json = parser.parse(text);
    EXPECT_EQ(std::string_view(json["level"]), "error");
    EXPECT_EQ(std::string_view(json["msg"]), "create c1: \xEF\xBF\xBD");
    EXPECT_TRUE(std::regex_match(std::string(std::string_view(json["time"])),
                                 std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
}

TEST_F(LogTest, WithoutAFileThereIsOneLineOnStderr) {
    testing::internal::CaptureStderr();
    Log().error("x");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "urc: x\n");
    auto json = Log::open({.path = "", .format = LogFormat::json, .level = {}});
    ASSERT_TRUE(json);
    testing::internal::CaptureStderr();
    json->error("x");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.starts_with(R"({"level":"error","msg":"x","time":)")) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(LogTest, StderrByItsPathIsStderr) {
    auto log = Log::open({.path = "/dev/stderr", .format = LogFormat::text, .level = {}});
    ASSERT_TRUE(log);
    testing::internal::CaptureStderr();
    log->error("x");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "urc: x\n");
}

TEST_F(LogTest, WarningsAreOnStderrByDefaultAndInAFileWhenAskedFor) {
    auto plain = Log::open({.path = "", .format = LogFormat::text, .level = {}});
    ASSERT_TRUE(plain);
    testing::internal::CaptureStderr();
    plain->warning("poststop hook #", 1);
    plain->debug("d");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(std::regex_match(text, std::regex(R"(time="[^"]*" level=warning msg="poststop hook #1"\n)")))
        << text;
    testing::internal::CaptureStderr();
    open(LogFormat::json, LogLevel::warning).warning("w");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_TRUE(file().starts_with(R"({"level":"warning","msg":"w")")) << file();
    auto silent = Log::open({.path = "", .format = LogFormat::text, .level = LogLevel::error});
    ASSERT_TRUE(silent);
    testing::internal::CaptureStderr();
    silent->warning("w");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// podman reads the whole file as one JSON object, and engines hand the container's stderr to us.
TEST_F(LogTest, WhatIsBelowTheLevelIsNotWritten) {
    Log log = open(LogFormat::json);
    EXPECT_FALSE(log.is_on(LogLevel::warning));
    testing::internal::CaptureStderr();
    log.warning("w");
    log.debug("d ", 1);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(file(), "");
}

TEST_F(LogTest, DebugGoesToTheFileOnlyAndCarriesTheMonotonicClock) {
    Log log = open(LogFormat::json, LogLevel::debug);
    testing::internal::CaptureStderr();
    log.debug("phase: mounted, ", 3, " mounts");
    log.debug("phase: ready");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    simdjson::dom::parser parser;
    std::int64_t last = 0;
    int lines = 0;
    std::istringstream text(file());
    for (std::string line; std::getline(text, line); ++lines) {
        simdjson::dom::element json = parser.parse(line);
        EXPECT_EQ(std::string_view(json["level"]), "debug");
        EXPECT_EQ(std::string_view(json["msg"]), lines == 0 ? "phase: mounted, 3 mounts" : "phase: ready");
        EXPECT_GE(std::int64_t(json["monotonic_us"]), last);
        last = std::int64_t(json["monotonic_us"]);
    }
    EXPECT_EQ(lines, 2);
    EXPECT_GT(last, 0);
}

TEST_F(LogTest, TheFileIsAppendedToAndMadeWith0644) {
    std::ofstream(path_) << "first\n";
    std::filesystem::permissions(path_, std::filesystem::perms(0600));
    testing::internal::CaptureStderr();
    open(LogFormat::text).error("second");
    (void)testing::internal::GetCapturedStderr();
    EXPECT_EQ(file().substr(0, 11), "first\ntime=");
    std::filesystem::remove(path_);
    const mode_t before = ::umask(022);
    (void)open(LogFormat::text);
    ::umask(before);
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0644u);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsAnError) {
    auto log = Log::open({.path = base_ + "/none/log", .format = LogFormat::text, .level = {}});
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code(), ENOENT);
}

}  // namespace
}  // namespace urc
