// The lines of journalctl --output=json.
#include <gtest/gtest.h>

#include "core/logs/journal_log.h"

namespace urc::logs {
namespace {

TEST(JournalLine, IsARecordWithItsBytes) {
    auto entry = parse_journal_line(
        R"({"MESSAGE":[104,255],"PRIORITY":"3","__REALTIME_TIMESTAMP":"1700000000000001","__CURSOR":"s=1",)"
        R"("CONTAINER_PARTIAL_MESSAGE":"true","_PID":["1","2"]})");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->message, "h\xff");
    EXPECT_EQ(entry->record.stream, Stream::err);
    EXPECT_TRUE(entry->record.is_partial);
    EXPECT_EQ(entry->cursor, "s=1");
    EXPECT_EQ(instant_text(*entry->record.time), "2023-11-14T22:13:20.000001000Z");
}

TEST(JournalLine, WhatIsNoEntryIsNone) {
    for (const char* line : {"", "[]", "{", R"({"MESSAGE":[256]})", R"({"MESSAGE":7})",
                             R"({"__REALTIME_TIMESTAMP":"x"})", R"({"PRIORITY":3})"})
        EXPECT_FALSE(parse_journal_line(line)) << line;
}

}  // namespace
}  // namespace urc::logs
