// The bytes of the wire format, as its specification gives them.
#include "core/criu/wire.h"

#include <gtest/gtest.h>

namespace urc::criu {
namespace {

using std::string_literals::operator""s;

TEST(WireWriter, WritesVarintsLowestGroupFirst) {
    WireWriter out;
    out.number(1, 150);
    EXPECT_EQ(out.bytes(), "\x08\x96\x01"s);
}

TEST(WireWriter, WritesANegativeNumberAsTenBytes) {
    WireWriter out;
    out.number(1, -1);
    EXPECT_EQ(out.bytes(), "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
}

TEST(WireWriter, WritesTextsAndMessagesWithTheirLength) {
    WireWriter inner;
    inner.number(1, 150);
    WireWriter out;
    out.text(2, "testing");
    out.message(3, inner);
    out.boolean(26, true);
    EXPECT_EQ(out.bytes(), "\x12\x07testing\x1a\x03\x08\x96\x01\xd0\x01\x01"s);
}

TEST(WireReader, ReadsWhatTheWriterWrites) {
    WireWriter out;
    out.number(63, -5);
    out.text(1, std::string(300, 'x'));
    out.number(2, 0);
    WireReader reader(out.bytes());
    auto first = reader.next();
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(first->field, 63u);
    EXPECT_EQ(static_cast<std::int64_t>(first->number), -5);
    auto second = reader.next();
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(second->text.size(), 300u);
    auto third = reader.next();
    ASSERT_TRUE(third.ok());
    EXPECT_FALSE(third->is_text);
    EXPECT_TRUE(reader.at_end());
}

TEST(WireReader, PassesFixedWidthsBy) {
    const std::string bytes = "\x09"s + "12345678" + "\x15" + "abcd" + "\x08\x01";
    WireReader reader(bytes);
    for (unsigned field : {1u, 2u, 1u}) {
        auto next = reader.next();
        ASSERT_TRUE(next.ok());
        EXPECT_EQ(next->field, field);
    }
    EXPECT_TRUE(reader.at_end());
}

TEST(WireReader, RefusesWhatIsNoField) {
    const std::string bad[] = {
        "\x08"s,                                          // a number without its value
        "\x08\x80"s,                                      // a varint that goes on beyond the end
        "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,  // 65 bits
        "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
        "\x12\x08testing"s,                                // a text that is longer than the message
        "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"s,  // by far
        "\x09"s + "1234567",                               // fixed widths, cut
        "\x15"s + "abc",
        "\x0b"s,
        "\x0c"s,
        "\x0e"s,
        "\x0f"s,                      // groups, and types that do not exist
        "\x00\x01"s,                  // field number 0
        "\x80\x80\x80\x80\x10\x01"s,  // field number 2^29
    };
    for (const std::string& bytes : bad) {
        WireReader reader(bytes);
        auto field = reader.next();
        ASSERT_FALSE(field.ok()) << ::testing::PrintToString(bytes);
        EXPECT_EQ(field.error().code(), EBADMSG);
    }
}

}  // namespace
}  // namespace urc::criu
