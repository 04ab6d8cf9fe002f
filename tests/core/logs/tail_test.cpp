// --tail against the plain meaning of it: everything read forwards, the last lines of that.
#include "core/logs/tail.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>

#include "tests/core/logs/plain_logs.h"
#include "uring/file.h"

namespace urc::logs {
namespace {

using logs_test::decode;
using logs_test::last_lines;
using logs_test::Shown;
using logs_test::shown_from_tail;
using logs_test::split_raw;

std::vector<File> files_of(const std::vector<std::string>& texts) {
    std::vector<File> files;
    for (const std::string& text : texts) {
        File& file = files.emplace_back();
        file.fd = Fd(::memfd_create("log", MFD_CLOEXEC));
        EXPECT_TRUE(write_all(file.fd.get(), text, "log"));
        file.size = text.size();
    }
    return files;
}

void expect_same(Format format, const std::vector<std::string>& texts, const Filter& filter = {}) {
    const auto files = files_of(texts);
    const auto records = format == Format::raw ? split_raw(texts) : decode(format, texts, 1 << 16);
    for (std::size_t lines : {0, 1, 2, 3, 5, 10, 1000}) {
        Tail::Options options;
        options.format = format;
        options.filter = filter;
        options.lines = lines;
        auto shown = shown_from_tail(files, records, options);
        ASSERT_TRUE(shown) << shown.error().text();
        const Shown wanted = last_lines(records, filter, lines);
        EXPECT_EQ(shown->out, wanted.out) << lines;
        EXPECT_EQ(shown->err, wanted.err) << lines;
    }
}

std::string k8s(std::string_view stream, std::string_view tag, std::string_view text, int second = 0) {
    const std::string digits = std::to_string(10 + second);
    return "2026-01-31T09:05:" + digits + ".0Z " + std::string(stream) + " " + std::string(tag) + " " +
           std::string(text) + "\n";
}

TEST(LogTail, CountsLinesNotRecords) {
    expect_same(Format::k8s, {k8s("stdout", "F", "1") + k8s("stdout", "P", "2") + k8s("stdout", "P", "2") +
                              k8s("stdout", "F", "2") + k8s("stdout", "F", "3")});
}

TEST(LogTail, PartsOfALineMayLieBetweenThoseOfTheOtherStream) {
    expect_same(Format::k8s, {k8s("stdout", "P", "a") + k8s("stderr", "F", "x") + k8s("stdout", "F", "b") +
                              k8s("stderr", "P", "y") + k8s("stdout", "P", "c")});
}

TEST(LogTail, AStreamWithoutALineBeginsWithWhatIsStillToCome) {
    const std::vector<std::string> texts{k8s("stdout", "F", "1"), k8s("stderr", "F", "2")};
    const auto files = files_of(texts);
    Tail::Options options;
    options.lines = 1;
    auto begin = Tail(files, options).find();
    ASSERT_TRUE(begin);
    EXPECT_EQ(begin->out, (Position{1, texts[1].size()}));
    EXPECT_EQ(begin->err, (Position{1, 0}));
}

TEST(LogTail, GoesOnInTheFilesBefore) {
    expect_same(Format::k8s, {k8s("stdout", "F", "1") + k8s("stdout", "P", "2"), "", k8s("stdout", "F", "2"),
                              k8s("stderr", "F", "3")});
    expect_same(Format::raw, {"1\n2\n3", "3\n4\n", "5"});
    expect_same(Format::raw, {"", ""});
}

TEST(LogTail, CountsWhatIsShownOnly) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += k8s(i % 3 ? "stdout" : "stderr", i % 4 ? "F" : "P", "x", i);
    Filter filter;
    filter.takes_out = false;
    expect_same(Format::k8s, {text}, filter);
    filter = {};
    filter.since = parse_instant("2026-01-31T09:05:20Z");
    filter.until = parse_instant("2026-01-31T09:05:30Z");
    expect_same(Format::k8s, {text}, filter);
}

TEST(LogTail, LinesMayBeLongerThanABlock) {
    const std::string many(200'000, 'x');
    expect_same(Format::k8s, {k8s("stdout", "F", many) + k8s("stdout", "F", "1") + k8s("stderr", "F", many)});
    expect_same(Format::raw, {many + "\n" + many + "\n1\n"});
    expect_same(Format::k8s, {std::string(200'000, '\0') + k8s("stdout", "F", "1") + many});
}

TEST(LogTail, ReadsOnlyTheEndOfALongLog) {
    std::string text;
    while (text.size() < 32u << 20) text += k8s("stdout", "F", std::string(1000, 'x'));
    auto files = files_of({text});
    // Whatever lies before the last MiB is not even there.
    ASSERT_EQ(::fallocate(files[0].fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                          static_cast<off_t>(text.size() - (1 << 20))),
              0);
    Tail::Options options;
    options.lines = 10;
    auto begin = Tail(files, options).find();
    ASSERT_TRUE(begin);
    EXPECT_EQ(begin->out.offset, text.size() - 10 * k8s("stdout", "F", std::string(1000, 'x')).size());
}

// Whole and cut lines of all kinds, in an order that a seed gives.
TEST(LogTail, IsTheEndOfAForwardReadWhateverTheLinesAre) {
    const std::string json = R"("time":"2026-01-31T09:05:00Z"})";
    const std::vector<std::string> parts[] = {
        {k8s("stdout", "F", "a"), k8s("stdout", "P", "b"), k8s("stderr", "F", "c"), k8s("stderr", "P", "d"),
         "garbage\n", "\n", std::string("\0\0\0", 3), "2026-01-31T09:05:10Z stdo",
         std::string(130, 'z') + "\n", k8s("stdout", "F", ""), k8s("stderr", "F", std::string(200, 'e')),
         "x"},
        {R"({"log":"a\n","stream":"stdout",)" + json + "\n", R"({"log":"b","stream":"stdout",)" + json + "\n",
         R"({"log":"c\n","stream":"stderr",)" + json + "\n", R"({"log":"d","stream":"stderr",)" + json + "\n",
         R"({"log":"cut)", "garbage\n", "\n", std::string("\0\0", 2)},
        {"a\n", "b", "\n", std::string("\0", 1)}};
    const Format formats[] = {Format::k8s, Format::json, Format::raw};
    for (unsigned seed = 0; seed < 400; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        const auto& some = parts[seed % 3];
        std::vector<std::string> texts(1 + random() % 3);
        for (std::string& text : texts)
            for (auto count = random() % 12; count > 0; --count) text += some[random() % some.size()];
        Filter filter;
        filter.takes_out = random() % 4 != 0;
        expect_same(formats[seed % 3], texts, filter);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace urc::logs
