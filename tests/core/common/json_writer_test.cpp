#include "core/json_writer.h"

#include <gtest/gtest.h>

namespace urc {
namespace {

std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(JsonWriter, EscapesWhatJsonDoesNotAllowInAString) {
    using namespace std::literals;
    EXPECT_EQ(quoted("a\"b\\c\n\r\t\x01\x1f\0"sv), R"("a\"b\\c\n\r\t\u0001\u001f\u0000")");
    EXPECT_EQ(quoted("/\x7f"), "\"/\x7f\"");
}

TEST(JsonWriter, KeepsUtf8AndReplacesWhatIsNone) {
    const char* kReplaced = "\xEF\xBF\xBD";
    EXPECT_EQ(quoted("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3"),
              "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3\"");
    for (const char* bad : {"\xff", "\x80", "\xc0\xaf", "\xe0\x80", "\xed\xa0", "\xf5", "\xc3"}) {
        std::string expected = "\"";
        for (const char* c = bad; *c; ++c) expected += kReplaced;
        EXPECT_EQ(quoted(bad), expected + "\"") << static_cast<int>(bad[0]);
    }
    EXPECT_EQ(quoted("\xe2\x82"), std::string("\"") + kReplaced + kReplaced + "\"") << "cut off";
}

void write_sample(JsonWriter& json) {
    json.begin_object();
    json.key("a").number(-1);
    json.key("b").begin_array();
    json.string("x");
    json.boolean(true);
    json.begin_object();
    json.end_object();
    json.end_array();
    json.key("c").begin_array();
    json.end_array();
    json.end_object();
}

TEST(JsonWriter, PutsCommasBetweenAndNowhereElse) {
    std::string out;
    JsonWriter json(out);
    write_sample(json);
    EXPECT_EQ(out, R"({"a":-1,"b":["x",true,{}],"c":[]})");
}

TEST(JsonWriter, IndentsByTwoBlanks) {
    std::string out;
    JsonWriter json(out, JsonLayout::indented);
    write_sample(json);
    EXPECT_EQ(out, "{\n  \"a\": -1,\n  \"b\": [\n    \"x\",\n    true,\n    {}\n  ],\n  \"c\": []\n}");
}

TEST(JsonWriter, HundredthsAreAsShortAsTheyCanBe) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (std::uint32_t value : {0u, 1u, 10u, 100u, 1250u, 1234u, 10000u}) json.hundredths(value);
    json.null();
    json.end_array();
    EXPECT_EQ(out, "[0,0.01,0.1,1,12.5,12.34,100,null]");
}

}  // namespace
}  // namespace urc
