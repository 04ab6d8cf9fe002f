// The formats, to the byte.
#include "core/relay/format.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/core/relay/relay_fixture.h"

namespace urc::relay {
namespace {

const std::string kOut = std::string(kTime) + "+00:00 stdout ";
const std::string kErr = std::string(kTime) + "+00:00 stderr ";

std::unique_ptr<Format> format_of(Driver driver, const std::string& id = "c1") {
    SinkOptions options;
    options.driver = driver;
    return make_format(options, id);
}

std::string records_of(Format& format, Stream stream, std::string_view text, WallTime time = kWallTime) {
    static std::vector<char> memory(256 << 10);
    std::string records;
    while (!text.empty()) {
        Room room;
        room.memory = memory;
        room.size_max = static_cast<std::size_t>(-1);
        Chunk chunk;
        chunk.stream = stream;
        chunk.time = time;
        chunk.bytes = text;
        Formatted done = format.format(chunk, room);
        EXPECT_GT(done.consumed + done.size, 0U);
        records.append(memory.data(), done.size);
        text.remove_prefix(done.consumed);
    }
    return records;
}

std::string end_of(Format& format, Stream stream, Ending ending) {
    std::vector<char> memory(format.record_bound());
    return {memory.data(), format.end_line(stream, kWallTime, ending, memory)};
}

TEST(K8sFormat, ALineIsARecordWithNineDigitsAndANumericZone) {
    auto format = format_of(Driver::k8s_file);
    EXPECT_EQ(records_of(*format, Stream::out, "one\n\ntwo\n"),
              kOut + "F one\n" + kOut + "F \n" + kOut + "F two\n");
    EXPECT_EQ(records_of(*format, Stream::err, "oops\n"), kErr + "F oops\n");
}

TEST(K8sFormat, ALineThatReadsHaveCutIsOneRecord) {
    auto format = format_of(Driver::k8s_file);
    EXPECT_EQ(records_of(*format, Stream::out, "on"), "");
    EXPECT_TRUE(format->has_unfinished(Stream::out));
    EXPECT_EQ(records_of(*format, Stream::err, "er"), "");
    EXPECT_EQ(records_of(*format, Stream::out, "e\n"), kOut + "F one\n");
    EXPECT_FALSE(format->has_unfinished(Stream::out));
    EXPECT_EQ(records_of(*format, Stream::err, "r\n"), kErr + "F err\n");
}

TEST(K8sFormat, AnUnfinishedLineIsPartialWhenShownAndFullAtTheEnd) {
    auto format = format_of(Driver::k8s_file);
    (void)records_of(*format, Stream::out, "login: ");
    EXPECT_EQ(end_of(*format, Stream::out, Ending::partial), kOut + "P login: \n");
    EXPECT_EQ(end_of(*format, Stream::out, Ending::partial), "");
    EXPECT_EQ(records_of(*format, Stream::out, "root\n"), kOut + "F root\n");
    EXPECT_EQ(end_of(*format, Stream::out, Ending::full), "");
    (void)records_of(*format, Stream::out, "bye");
    EXPECT_EQ(end_of(*format, Stream::out, Ending::full), kOut + "F bye\n");
}

TEST(K8sFormat, AShownLineThatNeverEndsIsClosedByAnEmptyFullRecord) {
    auto format = format_of(Driver::k8s_file);
    (void)records_of(*format, Stream::out, "login: ");
    (void)end_of(*format, Stream::out, Ending::partial);
    EXPECT_EQ(end_of(*format, Stream::out, Ending::full), kOut + "F \n");
    EXPECT_EQ(end_of(*format, Stream::out, Ending::full), "");
}

TEST(K8sFormat, ALongLineIsCutIntoPartialRecordsOf16KiB) {
    auto format = format_of(Driver::k8s_file);
    const std::string full(kRecordSizeMax, 'x');
    EXPECT_EQ(records_of(*format, Stream::out, full + '\n'), kOut + "F " + full + '\n');
    EXPECT_EQ(records_of(*format, Stream::out, full + "y\n"), kOut + "P " + full + '\n' + kOut + "F y\n");
    EXPECT_EQ(records_of(*format, Stream::out, full + full + '\n'),
              kOut + "P " + full + '\n' + kOut + "F " + full + '\n');
}

TEST(JsonFormat, WritesWhatDockerWrites) {
    auto format = format_of(Driver::json_file);
    EXPECT_EQ(records_of(*format, Stream::out, "a\"b\\c\t<&>\x01\r\n", 1767323045s),
              "{\"log\":\"a\\\"b\\\\c\\u0009\\u003c\\u0026\\u003e\\u0001\\r\\n\",\"stream\":\"stdout\","
              "\"time\":\"2026-01-02T03:04:05Z\"}\n");
    EXPECT_EQ(records_of(*format, Stream::err, "x\n", 1767323045s + 120ms),
              "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05.12Z\"}\n");
}

std::string json_log(const std::string& text) {
    auto format = format_of(Driver::json_file);
    std::string record = records_of(*format, Stream::out, text + '\n');
    std::size_t begin = std::string_view("{\"log\":\"").size();
    return record.substr(begin, record.find("\\n\",\"stream") - begin);
}

TEST(JsonFormat, WhatIsNoUtf8BecomesTheReplacementCharacter) {
    EXPECT_EQ(json_log("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8b"),
              "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8b");
    EXPECT_EQ(json_log("a\xff"), "a\\ufffd");
    EXPECT_EQ(json_log("\xc0\xaf"), "\\ufffd\\ufffd");             // a long form of '/'
    EXPECT_EQ(json_log("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");  // a surrogate
    EXPECT_EQ(json_log("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
    EXPECT_EQ(json_log("\xe2\x82"), "\\ufffd\\ufffd");
    EXPECT_EQ(json_log("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
}

TEST(JsonFormat, APartialRecordHasNoNewlineAndDoesNotCutACharacter) {
    auto format = format_of(Driver::json_file);
    std::string line = std::string(kRecordSizeMax - 1, 'x') + "\xe2\x82\xac";
    std::string records = records_of(*format, Stream::out, line + '\n');
    const std::string end = ",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.000000006Z\"}\n";
    EXPECT_EQ(records, "{\"log\":\"" + std::string(kRecordSizeMax - 1, 'x') + '"' + end +
                           "{\"log\":\"\xe2\x82\xac\\n\"" + end);
    (void)records_of(*format, Stream::out, "\xe2");
    EXPECT_FALSE(format->has_unfinished(Stream::out)) << "half a character";
    EXPECT_EQ(end_of(*format, Stream::out, Ending::partial), "");
}

TEST(JournalFormat, IsOneDatagramOfFields) {
    SinkOptions options;
    options.driver = Driver::journald;
    options.tag = "web";
    auto format = make_format(options, "c1");
    EXPECT_EQ(records_of(*format, Stream::err, "oops\n"),
              "PRIORITY=3\nCONTAINER_ID=c1\nCONTAINER_ID_FULL=c1\nCONTAINER_NAME=c1\n"
              "SYSLOG_IDENTIFIER=web\nMESSAGE=oops\n");
    (void)records_of(*format, Stream::out, "login: ");
    EXPECT_EQ(end_of(*format, Stream::out, Ending::partial),
              "PRIORITY=6\nCONTAINER_ID=c1\nCONTAINER_ID_FULL=c1\nCONTAINER_NAME=c1\n"
              "SYSLOG_IDENTIFIER=web\nCONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=login: \n");
}

TEST(JournalFormat, AValueWithNewlinesIsWrittenWithItsLength) {
    std::string field;
    append_journal_field(field, "A", "b");
    append_journal_field(field, "TWO", "1\n2");
    EXPECT_EQ(field, std::string("A=b\nTWO\n\x03\0\0\0\0\0\0\0"
                                 "1\n2\n",
                                 4 + 4 + 8 + 4));
}

// The records of a text that comes in two reads, or as many as the seed says, are those of one read.
void check_splits(Driver driver, const std::string& text) {
    auto whole = format_of(driver);
    std::string expected = records_of(*whole, Stream::out, text);
    expected += end_of(*whole, Stream::out, Ending::full);
    for (std::size_t cut = 1; cut<text.size(); cut += text.size()> 1000 ? 97 : 1) {
        auto format = format_of(driver);
        std::string records = records_of(*format, Stream::out, text.substr(0, cut));
        records += records_of(*format, Stream::out, text.substr(cut));
        records += end_of(*format, Stream::out, Ending::full);
        ASSERT_TRUE(records == expected) << driver_word(driver) << ": cut at " << cut;
    }
    std::mt19937 random(1);
    const int rounds = text.size() > 1000 ? 20 : 200;
    for (int round = 0; round < rounds; ++round) {
        auto format = format_of(driver);
        std::string records;
        std::string_view rest = text;
        while (!rest.empty()) {
            std::string_view part = rest.substr(0, 1 + random() % (round % 2 ? text.size() / 10 : 20000));
            records += records_of(*format, Stream::out, part);
            rest.remove_prefix(part.size());
        }
        records += end_of(*format, Stream::out, Ending::full);
        ASSERT_TRUE(records == expected) << driver_word(driver) << ": round " << round;
    }
}

TEST(Formats, DoNotDependOnHowTheReadsCutTheText) {
    const std::string text = "one\n\n\ngr\xc3\xbc\xc3\x9f \xe2\x82\xac\xff\ntwo \"x\"\nlast";
    const std::string large = std::string(kRecordSizeMax, 'a') + '\n' + std::string(kRecordSizeMax + 1, 'b') +
                              "\nshort\n" + std::string(kRecordSizeMax - 2, 'c') + "\xe2\x82\xac more\n" +
                              std::string(3 * kRecordSizeMax, 'd');
    for (Driver driver : {Driver::k8s_file, Driver::json_file, Driver::journald}) {
        check_splits(driver, text);
        check_splits(driver, large);
    }
}

TEST(Formats, StopBeforeTheRecordThatWouldNotFit) {
    auto format = format_of(Driver::k8s_file);
    std::vector<char> memory(format->record_bound());
    const std::string record = kOut + "F one\n";
    Chunk chunk;
    chunk.time = kWallTime;
    chunk.bytes = "one\ntwo\n";
    Room room;
    room.memory = memory;
    room.size_max = record.size() * 2 - 1;
    Formatted done = format->format(chunk, room);
    EXPECT_EQ(done.consumed, 4U);
    EXPECT_EQ(std::string_view(memory.data(), done.size), record);
    room.size_max = record.size() - 1;
    room.takes_one_at_least = false;
    done = format->format(chunk, room);
    EXPECT_EQ(done.consumed, 0U);
    EXPECT_EQ(done.size, 0U);
    room.takes_one_at_least = true;
    EXPECT_EQ(format->format(chunk, room).consumed, 4U);
}

TEST(TimeText, IsExactAtTheEdgesOfASecond) {
    TimeText text;
    auto at = [&](WallTime time) { return std::string(text.at(time), TimeText::kSize); };
    EXPECT_EQ(at(0ns), "1970-01-01T00:00:00.000000000");
    EXPECT_EQ(at(1767323045s + 999'999'999ns), "2026-01-02T03:04:05.999999999");
    EXPECT_EQ(at(1767323046s), "2026-01-02T03:04:06.000000000");
    EXPECT_EQ(at(1767323045s + 1ns), "2026-01-02T03:04:05.000000001");
}

}  // namespace
}  // namespace urc::relay
