// A disk that does not give back what was spilled to it.
#include "core/relay/backlog.h"

#include <gtest/gtest.h>

#include "core/relay/sink.h"
#include "tests/core/relay/relay_fixture.h"

namespace urc::relay {
namespace {

class BacklogTest : public ::testing::Test {
protected:
    BacklogTest() {
        options_.policy = Policy::spill;
        options_.buffer_size = 100;
        options_.spill_size = 10000;
        options_.spill_directory = directory_.path("");
    }
    static Chunk chunk(std::string_view bytes) {
        Chunk chunk;
        chunk.time = kWallTime;
        chunk.bytes = bytes;
        return chunk;
    }
    // The first one stays in memory, the others are in the file.
    void spill(Backlog& backlog) {
        backlog.push(chunk(first_));
        for (int i = 0; i < 3; ++i) backlog.push(chunk(spilled_));
    }
    static std::string all_of(Backlog& backlog) {
        std::string text;
        while (!backlog.empty()) {
            const Chunk front = backlog.front();
            if (front.bytes.empty()) break;
            text += front.bytes;
            backlog.pop(front.bytes.size());
        }
        return text;
    }

    Directory directory_;
    MoodyFiles files_;
    SinkOptions options_;
    const std::string first_ = std::string(80, 'a'), spilled_ = std::string(1000, 'b');
};

TEST_F(BacklogTest, GivesBackWhatWasSpilled) {
    Backlog backlog(files_, options_);
    spill(backlog);
    EXPECT_EQ(all_of(backlog), first_ + spilled_ + spilled_ + spilled_);
    EXPECT_EQ(backlog.take_lost(), 0U);
}

TEST_F(BacklogTest, CountsWhatTheDiskDoesNotGiveBack) {
    Backlog backlog(files_, options_);
    spill(backlog);
    files_.read_error = EIO;
    EXPECT_EQ(all_of(backlog), first_);
    EXPECT_TRUE(backlog.empty());
    EXPECT_EQ(backlog.take_lost(), 3000U);
    EXPECT_EQ(backlog.take_lost(), 0U) << "told once";
    files_.read_error = 0;
    backlog.push(chunk("more"));
    EXPECT_EQ(all_of(backlog), "more") << "it goes on";
}

TEST_F(BacklogTest, AFileThatHasBecomeShorterIsGivenUpAndNotReadForEver) {
    Backlog backlog(files_, options_);
    spill(backlog);
    files_.read_max = 500;
    EXPECT_EQ(all_of(backlog), first_);
    EXPECT_EQ(backlog.take_lost(), 3000U);
}

TEST_F(BacklogTest, WhatIsBehindTheFileIsNotLostWithIt) {
    options_.spill_size = 3060;
    Backlog backlog(files_, options_);
    spill(backlog);
    backlog.push(chunk("behind the file"));
    EXPECT_TRUE(backlog.is_full());
    files_.read_error = EIO;
    EXPECT_EQ(all_of(backlog), first_ + "behind the file");
    EXPECT_EQ(backlog.take_lost(), 3000U);
    EXPECT_TRUE(backlog.empty());
}

TEST_F(BacklogTest, ASinkTellsHowMuchTheDiskHasKept) {
    LogOptions log_options;
    log_options.path = directory_.path("warnings");
    log_options.level = LogLevel::warning;
    auto log = Log::open(log_options);
    ASSERT_TRUE(log.ok());
    options_.driver = Driver::fifo;
    options_.path = directory_.path("fifo");
    auto sink = Sink::open(files_, options_, "c1", &*log);
    ASSERT_TRUE(sink.ok()) << sink.error().text();
    auto reader = open_at(AT_FDCWD, options_.path.c_str(), O_RDONLY | O_NONBLOCK);
    ASSERT_TRUE(reader.ok());
    const std::string full(1 << 20, 'x');
    for (int i = 0; i < 3; ++i) (*sink)->take(chunk(full));
    ASSERT_TRUE((*sink)->is_stalled());
    // Too much for the file as well; the first chunk's rest is in memory or behind it. What fits is in the
    // file.
    (*sink)->abandon();
    (*sink)->take(chunk(full.substr(0, 50)));
    for (int i = 0; i < 3; ++i) (*sink)->take(chunk(spilled_));
    files_.read_error = EIO;
    std::string drained(2 << 20, '\0');
    while (::read(reader->get(), drained.data(), drained.size()) > 0 || (*sink)->is_stalled())
        (void)(*sink)->retry();
    EXPECT_NE(directory_.text("warnings").find("the spill file does not give them back"), std::string::npos)
        << directory_.text("warnings");
}

}  // namespace
}  // namespace urc::relay
