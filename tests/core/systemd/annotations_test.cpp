#include <gtest/gtest.h>

#include "tests/core/systemd/properties_test.h"

namespace urc::systemd {
namespace {

Result<Properties> read(const std::string& name, const std::string& text) {
    return annotated_properties({{"org.systemd.property." + name, text}});
}

// The one property that the annotation stands for.
Property one(const std::string& name, const std::string& text) {
    auto properties = read(name, text);
    EXPECT_TRUE(properties.ok()) << text << ": " << (properties.ok() ? "" : properties.error().text());
    if (!properties.ok() || properties->size() != 1) return {};
    return properties->front();
}

using test::number;

TEST(AnnotatedProperties, HaveTheTypeOfTheirText) {
    EXPECT_EQ(one("SendSIGHUP", "true"), (Property{"SendSIGHUP", "b", {true}}));
    EXPECT_EQ(one("CollectMode", "'inactive-or-failed'"),
              (Property{"CollectMode", "s", {std::string("inactive-or-failed")}}));
    EXPECT_EQ(one("KillSignal", "9"), (Property{"KillSignal", "i", {number(9)}}));
    EXPECT_EQ(one("Nice", "-5"), (Property{"Nice", "i", {std::int64_t{-5}}}));
    EXPECT_EQ(one("TasksMax", "uint64 5"), (Property{"TasksMax", "t", {number(5)}}));
    EXPECT_EQ(one("Real", "1.5"), (Property{"Real", "d", {1.5}}));
    EXPECT_EQ(one("Hex", "byte 0x1f"), (Property{"Hex", "y", {number(31)}}));
    EXPECT_EQ(one("Text", "\"it's \\\"x\\\"\""), (Property{"Text", "s", {std::string("it's \"x\"")}}));
}

TEST(AnnotatedProperties, MayBeArrays) {
    EXPECT_EQ(one("After", "['a.service', 'b.service']"),
              (Property{"After", "as", {std::string("a.service"), std::string("b.service")}}));
    EXPECT_EQ(one("After", "@as []"), (Property{"After", "as", {}}));
    EXPECT_EQ(one("Some", "[uint32 1, 2]"), (Property{"Some", "au", {number(1), number(2)}}));
    EXPECT_EQ(one("Some", "@au [1, 2]"), (Property{"Some", "au", {number(1), number(2)}}));
}

TEST(AnnotatedProperties, AreInMicrosecondsWhereUnitFilesHaveSeconds) {
    EXPECT_EQ(one("TimeoutStopSec", "7"), (Property{"TimeoutStopUSec", "t", {number(7'000'000)}}));
    EXPECT_EQ(one("TimeoutStopSec", "0.25"), (Property{"TimeoutStopUSec", "t", {number(250'000)}}));
    EXPECT_EQ(one("TimeoutStopUSec", "uint64 7"), (Property{"TimeoutStopUSec", "t", {number(7)}}));
    EXPECT_FALSE(read("TimeoutStopSec", "'7'").ok());
    EXPECT_FALSE(read("TimeoutStopSec", "-1").ok());
    EXPECT_FALSE(read("TimeoutStopSec", "[7]").ok());
}

TEST(AnnotatedProperties, AreRefusedWhenTheyCannotBeRead) {
    for (const char* text :
         {"",           "word",  "'open",   "[1",        "[1,]",   "[1 2]",       "[1, 'a']", "1 2",
          "true false", "@as",   "@as 'a'", "@b [true]", "[]",     "99999999999", "byte 256", "uint64 -1",
          "int32 1.5",  "@zz 1", "''x",     "nan",       "uint32", "'\\x41'"})
        EXPECT_FALSE(read("Some", text).ok()) << text;
    auto failed = read("Some", "word");
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().text(), "annotation org.systemd.property.Some: not a value of a property: word");
    for (const char* name : {"", "ab", "A1b", "Foo.Bar", "Foo bar"})
        EXPECT_FALSE(read(name, "1").ok()) << name;
}

TEST(AnnotatedProperties, LeaveOtherAnnotationsAlone) {
    auto properties = annotated_properties({{"org.systemd.propertyX", "1"}, {"some", "thing"}});
    ASSERT_TRUE(properties.ok());
    EXPECT_TRUE(properties->empty());
}

}  // namespace
}  // namespace urc::systemd
