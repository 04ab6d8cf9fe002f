#include "core/logs/printer.h"

#include <gtest/gtest.h>

namespace urc::logs {
namespace {

class LogPrinter : public testing::Test {
protected:
    Printer printer(bool has_timestamps = false, Filter filter = {}) {
        return Printer(filter, has_timestamps, [this](Stream stream, std::string_view bytes) -> Result<void> {
            ++calls_;
            said_ += (stream == Stream::err ? "E:" : "O:") + std::string(bytes);
            if (fails_) return Error(EPIPE, "write");
            return {};
        });
    }
    static Record record(Stream stream = Stream::out, std::uint64_t offset = 0) {
        Record one;
        one.begin = {0, offset};
        one.stream = stream;
        one.time = parse_instant("2026-01-31T09:05:00.5Z");
        return one;
    }
    std::string said_;
    int calls_ = 0;
    bool fails_ = false;
};

TEST_F(LogPrinter, HandsOnManyPiecesAtOnceAndTheStreamsInTheirOrder) {
    Printer out = printer();
    ASSERT_TRUE(out.piece(record(), "a\n") && out.piece(record(), "b\n"));
    EXPECT_EQ(calls_, 0);
    ASSERT_TRUE(out.piece(record(Stream::err), "c\n") && out.piece(record(), "d\n") && out.flush());
    EXPECT_EQ(said_, "O:a\nb\nE:c\nO:d\n");
    ASSERT_TRUE(out.flush());
    EXPECT_EQ(calls_, 3);
}

TEST_F(LogPrinter, NeverKeepsMoreThanItMay) {
    Printer out = printer();
    const std::string large(100'000, 'x');
    ASSERT_TRUE(out.piece(record(), "front ") && out.piece(record(), large));
    EXPECT_EQ(said_, "O:front O:" + large);
    said_.clear();
    const std::string half(40'000, 'y');
    ASSERT_TRUE(out.piece(record(), half) && out.piece(record(), half));
    EXPECT_EQ(said_, "O:" + half);
}

TEST_F(LogPrinter, ATimestampStandsInFrontOfALineAndNotOfItsParts) {
    Printer out = printer(true);
    const std::string stamp = "2026-01-31T09:05:00.500000000Z ";
    ASSERT_TRUE(out.piece(record(), "a") && out.piece(record(), "b\n") && out.piece(record(), "c\n"));
    ASSERT_TRUE(out.flush());
    EXPECT_EQ(said_, "O:" + stamp + "ab\n" + stamp + "c\n");
    said_.clear();
    // Parts of the other stream lie between those of a line.
    ASSERT_TRUE(out.piece(record(), "d") && out.piece(record(Stream::err), "x\n") &&
                out.piece(record(), "e\n") && out.flush());
    EXPECT_EQ(said_, "O:" + stamp + "dE:" + stamp + "x\nO:e\n");
    said_.clear();
    Record damaged = record();
    damaged.time.reset();
    ASSERT_TRUE(out.piece(damaged, "f\n") && out.flush());
    EXPECT_EQ(said_, "O:f\n");
}

TEST_F(LogPrinter, ShowsOnlyWhatTheFilterTakes) {
    Filter filter;
    filter.since = parse_instant("2026-01-31T09:05:00.5Z");
    filter.until = filter.since;
    filter.takes_err = false;
    Printer out = printer(false, filter);
    Record early = record(), late = record(), damaged = record();
    early.time = *early.time - std::chrono::nanoseconds(1);
    late.time = *late.time + std::chrono::nanoseconds(1);
    damaged.time.reset();
    for (const Record& other : {early, late, damaged, record(Stream::err)})
        ASSERT_TRUE(out.piece(other, "x"));
    ASSERT_TRUE(out.piece(record(), "this\n") && out.flush());
    EXPECT_EQ(said_, "O:this\n");
}

TEST_F(LogPrinter, EachStreamBeginsWhereItsTailDoes) {
    Printer out = printer();
    out.start_at(Stream::out, {0, 10});
    out.start_at(Stream::err, {1, 0});
    ASSERT_TRUE(out.piece(record(Stream::out, 9), "1") && out.piece(record(Stream::out, 10), "2") &&
                out.piece(record(Stream::err, 11), "3") && out.flush());
    EXPECT_EQ(said_, "O:2");
}

TEST_F(LogPrinter, AnErrorOfTheSinkIsHandedUp) {
    Printer out = printer();
    fails_ = true;
    ASSERT_TRUE(out.piece(record(), "a"));
    auto flushed = out.flush();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error().code(), EPIPE);
    EXPECT_FALSE(out.piece(record(), std::string(100'000, 'x')));
    ASSERT_TRUE(out.piece(record(), "b"));
    EXPECT_FALSE(out.piece(record(Stream::err), "c"));
}

}  // namespace
}  // namespace urc::logs
