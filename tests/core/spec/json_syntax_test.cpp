#include "core/spec/json_syntax.h"

#include <gtest/gtest.h>

#include "core/spec/parse.h"
#include "tests/core/spec/documents.h"

namespace urc {
namespace {

using spec::find_syntax_error;

struct Broken {
    std::string_view text;
    std::string_view where;
};

constexpr Broken kBroken[] = {
    {"", "line 1, column 1: unexpected end of the text"},
    {" \n ", "line 2, column 2: unexpected end of the text"},
    {"{", "line 1, column 2: unexpected end of the text"},
    {"{\n\"a\": 1,\n}", "line 3, column 1: expected a key in quotes"},
    {R"({"ociVersion": "1.0.2",})", "line 1, column 24: expected a key in quotes"},
    {R"({"process": {"args": ["a" "b"]}})", "line 1, column 27: expected ',' or ']'"},
    {R"({"a": 1 "b": 2})", "line 1, column 9: expected ',' or '}'"},
    {R"({"a" 1})", "line 1, column 6: expected ':' after a key"},
    {R"({a: 1})", "line 1, column 2: expected a key in quotes"},
    {R"({"a": })", "line 1, column 7: expected a value"},
    {R"({"a": [1,]})", "line 1, column 10: expected a value"},
    {R"({"a": [1})", "line 1, column 9: expected ',' or ']'"},
    {R"({"unknown": "a": 1})", "line 1, column 16: expected ',' or '}'"},
    {R"({"hostname": "a": 1})", "line 1, column 17: expected ',' or '}'"},
    {R"({"unknown": 1: 1})", "line 1, column 14: expected ',' or '}'"},
    {R"({"a": 01})", "line 1, column 8: number with a leading zero"},
    {R"({"a": 1.})", "line 1, column 9: expected a digit"},
    {R"({"a": -})", "line 1, column 8: expected a digit"},
    {R"({"a": 1e})", "line 1, column 9: expected a digit"},
    {R"({"a": +1})", "line 1, column 7: expected a value"},
    {R"({"a": tru})", "line 1, column 7: expected a value"},
    {R"({"a": truex})", "line 1, column 11: expected ',' or '}'"},
    {R"({"a": "b)", "line 1, column 7: string without an end"},
    {"{\"a\": \"b\nc\"}", "line 1, column 9: control character in a string"},
    {"{\"hostname\": \"b\xff\"}", "line 1, column 16: not valid UTF-8"},
    {"{\"a\": \"\xc0\x80\"}", "line 1, column 8: not valid UTF-8"},
    {"{\"a\": \"\xed\xa0\x80\"}", "line 1, column 8: not valid UTF-8"},
    {"{\"a\": \"\xf4\x90\x80\x80\"}", "line 1, column 8: not valid UTF-8"},
    {R"({"hostname": "\x"})", "line 1, column 16: unknown escape in a string"},
    {R"({"hostname": "\u12g4"})", "line 1, column 19: expected four hexadecimal digits after \\u"},
    {R"({"hostname": "\ud800"})", "line 1, column 21: half of a surrogate pair in a string"},
    {R"({"hostname": "\udc00"})", "line 1, column 21: half of a surrogate pair in a string"},
    {R"({"hostname": "\ud800\u0041"})", "line 1, column 27: half of a surrogate pair in a string"},
    {R"({} {})", "line 1, column 4: more text after the end of the document"},
    {R"({}])", "line 1, column 3: more text after the end of the document"},
    {R"(// {})", "line 1, column 1: expected a value"},
    {R"({/**/})", "line 1, column 2: expected a key in quotes"},
    {"\xef\xbb\xbf{}", "line 1, column 1: expected a value"},
    {std::string_view("\0\0", 2), "line 1, column 1: expected a value"},
    {std::string_view("{}\0", 3), "line 1, column 3: more text after the end of the document"},
};

TEST(ParseSpec, NamesThePlaceWhereJsonIsBroken) {
    for (const Broken& row : kBroken) {
        auto result = parse_spec(row.text);
        ASSERT_FALSE(result.ok()) << row.text;
        EXPECT_EQ(result.error().text(), "config.json: " + std::string(row.where)) << row.text;
    }
}

TEST(ParseSpec, RefusesEveryCutOfADocument) {
    std::string whole(test::kEveryField);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        auto result = parse_spec(std::string_view(whole).substr(0, size));
        ASSERT_FALSE(result.ok()) << size;
        EXPECT_NE(result.error().text().find("config.json: line "), std::string::npos)
            << result.error().text();
    }
}

TEST(ParseSpec, RefusesDocumentsThatAreNoObject) {
    for (std::string_view text : {"[]", "\"x\"", "1", "true", "null", "[{}]"}) {
        auto result = parse_spec(text);
        ASSERT_FALSE(result.ok()) << text;
        EXPECT_EQ(result.error().text().substr(0, 31), "config.json: expected an object") << text;
    }
}

TEST(JsonSyntax, FindsNothingInWhatIsJson) {
    for (std::string_view text :
         {"{}", "[]", "0", "-0", "-1.5E+10", "\"\"", "null", "true", "false", " [ ] ", "[[],{},[{}]]",
          R"(["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"])", "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]",
          "\t{\r\n\"a\" : [ 1 , 2 ] , \"a\" : null }\n"}) {
        auto error = find_syntax_error(text);
        EXPECT_FALSE(error) << text << ": " << error->problem;
    }
    EXPECT_FALSE(find_syntax_error(test::kEveryField));
    EXPECT_FALSE(find_syntax_error(test::docker_like()));
}

TEST(JsonSyntax, BoundsNesting) {
    auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_FALSE(find_syntax_error(nested(spec::kNestingMax)));
    auto error = find_syntax_error(nested(spec::kNestingMax + 1));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->offset, spec::kNestingMax);
    EXPECT_EQ(error->problem, "nested too deeply");
}

TEST(JsonSyntax, CountsLinesAndColumnsFromOne) {
    EXPECT_EQ(spec::describe_position("ab\ncd\n", 0), "line 1, column 1");
    EXPECT_EQ(spec::describe_position("ab\ncd\n", 2), "line 1, column 3");
    EXPECT_EQ(spec::describe_position("ab\ncd\n", 3), "line 2, column 1");
    EXPECT_EQ(spec::describe_position("ab\ncd\n", 6), "line 3, column 1");
    EXPECT_EQ(spec::describe_position("ab", 99), "line 1, column 3");
}

}  // namespace
}  // namespace urc
