// Lines of k8s-file and json-file, whole, in pieces and damaged.
#include "core/logs/decoder.h"

#include <gtest/gtest.h>

#include "tests/core/logs/plain_logs.h"

namespace urc::logs {
namespace {

using logs_test::decode;
using logs_test::Shown;

constexpr std::size_t kSteps[] = {1, 2, 3, 7, 64, 127, 128, 129, 1 << 20};
constexpr const char* kTime = "2026-01-31T09:05:00.000000001+01:00 ";

// What is shown of `text`, however it is cut into pieces.
Shown shown(Format format, const std::string& text) {
    std::vector<Shown> all;
    for (std::size_t step : kSteps) {
        Shown& one = all.emplace_back();
        for (const auto& record : decode(format, {text}, step)) one.of(record.record.stream) += record.bytes;
        EXPECT_EQ(one, all.front()) << step;
    }
    return all.front();
}

std::uint64_t damaged(Format format, const std::string& text) {
    Decoder decoder(format, Stream::out, [](const Record&, std::string_view) -> Result<void> { return {}; });
    decoder.begin({});
    EXPECT_TRUE(decoder.feed(text));
    EXPECT_TRUE(decoder.finish());
    return decoder.damaged();
}

std::string timed(const char* rest) {
    return kTime + std::string(rest) + "\n";
}

TEST(LogDecoder, K8sRecordsAreTheBytesOfTheirStream) {
    const std::string text = timed("stdout F one") + timed("stderr F  two ") + timed("stdout P thr") +
                             timed("stdout F ee") + timed("stdout F ") + timed("stdout F:tag:x four") +
                             timed("stderr F");
    EXPECT_EQ(shown(Format::k8s, text), (Shown{"one\nthree\n\nfour\n", " two \n\n"}));
    EXPECT_EQ(damaged(Format::k8s, text), 0u);
}

TEST(LogDecoder, ARecordHasItsTimeAndPlace) {
    const auto records = decode(Format::k8s, {"", timed("stdout F a") + timed("stderr P b")}, 5);
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(instant_text(*records[0].record.time), "2026-01-31T08:05:00.000000001Z");
    EXPECT_EQ(records[1].record.begin, (Position{1, timed("stdout F a").size()}));
    EXPECT_TRUE(records[1].record.is_partial);
}

TEST(LogDecoder, ALongK8sRecordGoesThroughAsItComes) {
    std::size_t longest = 0, sum = 0;
    Decoder decoder(Format::k8s, Stream::out, [&](const Record&, std::string_view bytes) -> Result<void> {
        longest = std::max(longest, bytes.size());
        sum += bytes.size();
        return {};
    });
    decoder.begin({});
    ASSERT_TRUE(decoder.feed(kTime + std::string("stdout F ")));
    const std::string block(4096, 'x');
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(decoder.feed(block));
    ASSERT_TRUE(decoder.feed("\n"));
    EXPECT_EQ(sum, 4096u * 1000 + 1);
    EXPECT_LE(longest, 4096u);
}

TEST(LogDecoder, DamagedK8sLinesAreShownAsFarAsTheyCanBe) {
    EXPECT_EQ(shown(Format::k8s, "garbage\n" + timed("stdout F a")), (Shown{"garbage\na\n", ""}));
    EXPECT_EQ(shown(Format::k8s, timed("stdout F a") + kTime + "std"), (Shown{"a\n", ""}));
    EXPECT_EQ(shown(Format::k8s, kTime + std::string("stdout F cut")), (Shown{"cut\n", ""}));
    EXPECT_EQ(shown(Format::k8s, kTime + std::string("stdout P cut")), (Shown{"cut", ""}));
    EXPECT_EQ(shown(Format::k8s, "\n" + timed("stdout F a")), (Shown{"a\n", ""}));
    EXPECT_EQ(shown(Format::k8s, std::string(5000, '\0') + timed("stderr F a")), (Shown{"", "a\n"}));
    EXPECT_EQ(shown(Format::k8s, std::string(5000, 'y') + "\n"), (Shown{std::string(5000, 'y') + "\n", ""}));
    EXPECT_EQ(shown(Format::k8s, timed("stdin F a")), (Shown{timed("stdin F a"), ""}));
    EXPECT_EQ(shown(Format::k8s, timed("stdout X a")), (Shown{timed("stdout X a"), ""}));
    EXPECT_EQ(damaged(Format::k8s, "garbage\n\n" + timed("stdout F a") + kTime), 3u);
    EXPECT_EQ(damaged(Format::k8s, kTime + std::string("stdout F cut")), 1u);
    EXPECT_EQ(damaged(Format::k8s, std::string(3, '\0')), 1u);
}

std::string json(const std::string& log, const char* stream = "stdout") {
    return R"({"log":")" + log + R"(","stream":")" + stream + R"(","time":"2026-01-31T09:05:00Z"})" + "\n";
}

TEST(LogDecoder, JsonRecordsAreTheBytesOfTheirStream) {
    const std::string text =
        json(R"(one\n)") + json("thr") + json(R"(two\u00e9\t\"\\\n)", "stderr") + json(R"(ee\n)");
    EXPECT_EQ(shown(Format::json, text), (Shown{"one\nthree\n", "two\xc3\xa9\t\"\\\n"}));
    EXPECT_EQ(damaged(Format::json, text), 0u);
    EXPECT_EQ(shown(Format::json, R"({"time":"2026-01-31T09:05:00Z","attrs":{"a":[1]},"stream":"stderr",)"
                                  R"("log":"x\n"})"),
              (Shown{"", "x\n"}));
}

TEST(LogDecoder, DamagedJsonLinesAreShownAsFarAsTheyCanBe) {
    EXPECT_EQ(shown(Format::json, R"({"log":"hal\u00e9 \ud83d\ude00)"),
              (Shown{"hal\xc3\xa9 \xf0\x9f\x98\x80\n", ""}));
    EXPECT_EQ(shown(Format::json, R"({"log":"a\u12)"), (Shown{"a\n", ""}));
    EXPECT_EQ(shown(Format::json, R"({"log":"a\)"), (Shown{"a\n", ""}));
    EXPECT_EQ(shown(Format::json, R"({"log":"a\ud800b\n","stream":"stderr")"), (Shown{"",
                                                                                      "a\xef\xbf\xbd"
                                                                                      "b\n"}));
    EXPECT_EQ(shown(Format::json, R"({"log":"cut)" + json("next")), (Shown{"cut{\n", ""}));
    EXPECT_EQ(shown(Format::json, "{\"log\":\"\xff\\n\",\"stream\":\"stderr\"}\n"), (Shown{"", "\xff\n"}));
    EXPECT_EQ(shown(Format::json, "garbage\n" + json(R"(a\n)")), (Shown{"garbage\na\n", ""}));
    EXPECT_EQ(shown(Format::json, R"({"lo)"), (Shown{"", ""}));
    EXPECT_EQ(damaged(Format::json, "garbage\n" + json("x", "stdin") + "{\"log\":\"x"), 3u);
}

TEST(LogDecoder, OfAnEndlessJsonLineOnlyTheBeginningIsKept) {
    const std::string text = R"({"log":")" + std::string(3 << 20, 'x') + "\n" + json(R"(a\n)");
    const auto records = decode(Format::json, {text}, 1 << 16);
    ASSERT_EQ(records.size(), 2u);
    EXPECT_LE(records[0].bytes.size(), kJsonLineSizeMax);
    EXPECT_EQ(records[1].bytes, "a\n");
}

TEST(LogDecoder, AnErrorOfTheSinkEndsIt) {
    for (const std::string& text : {timed("stdout F a"), std::string("x\n"), timed("stdout P a")}) {
        Decoder decoder(Format::k8s, Stream::out, [](const Record&, std::string_view) -> Result<void> {
            return Error(EPIPE, "write");
        });
        decoder.begin({});
        EXPECT_EQ(decoder.feed(text).error().code(), EPIPE);
    }
}

}  // namespace
}  // namespace urc::logs
