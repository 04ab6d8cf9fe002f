#include "core/terminal/detach_keys.h"

#include <gtest/gtest.h>

namespace urc::terminal {
namespace {

DetachKeys keys(std::string_view text) {
    auto parsed = DetachKeys::parse(text);
    EXPECT_TRUE(parsed) << parsed.error().text();
    return parsed ? std::move(*parsed) : DetachKeys();
}
std::string typed(DetachKeys& keys, std::string_view text, bool expect_end = false) {
    std::string for_container;
    EXPECT_EQ(keys.filter(std::as_bytes(std::span(text)), for_container), expect_end) << text;
    return for_container;
}

TEST(DetachKeys, EverythingElseGoesOn) {
    auto detach = keys(kDefaultDetachKeys);
    EXPECT_EQ(typed(detach, "ls -l\n"), "ls -l\n");
    EXPECT_EQ(detach.held(), "");
}

TEST(DetachKeys, TheSequenceEndsAlsoWhenItComesInPieces) {
    auto detach = keys("ctrl-p,ctrl-q");
    EXPECT_EQ(typed(detach, "a\x10"), "a");
    EXPECT_EQ(detach.held(), "\x10");
    EXPECT_EQ(typed(detach, "\x11 behind", true), "");
}

TEST(DetachKeys, WhatTurnsOutToBeOtherKeysIsGivenOn) {
    auto detach = keys("ctrl-p,ctrl-q");
    EXPECT_EQ(typed(detach, "\x10"), "");
    EXPECT_EQ(typed(detach, "x"), "\x10x");
    EXPECT_EQ(typed(detach, "\x10\x10"), "\x10");
    EXPECT_EQ(typed(detach, "\x11", true), "");
}

TEST(DetachKeys, AHeldBeginningMayBeginAgainInItself) {
    auto detach = keys("a,a,b");
    EXPECT_EQ(typed(detach, "aaa"), "a");
    EXPECT_EQ(typed(detach, "c"), "aac");
    EXPECT_EQ(typed(detach, "xaab", true), "x");
}

TEST(DetachKeys, NoKeysHoldNothingBack) {
    auto detach = keys("");
    EXPECT_EQ(typed(detach, "\x10\x11"), "\x10\x11");
}

TEST(DetachKeys, ControlKeysAreThoseOfAscii) {
    auto detach = keys("ctrl-@,ctrl-a,ctrl-z,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_");
    EXPECT_EQ(typed(detach, std::string_view("\0\1\x1a\x1b\x1c\x1d\x1e\x1f", 8), true), "");
    auto comma = keys(",,a");
    EXPECT_EQ(typed(comma, ",a", true), "");
}

TEST(DetachKeys, UnknownKeysAreRefusedByName) {
    for (const char* wrong : {"ctrl-", "ctrl-A", "ctrl-1", "ab", "alt-x", "a,", "a,,b", "ctrl-p,foo"})
        EXPECT_FALSE(DetachKeys::parse(wrong)) << wrong;
    auto refused = DetachKeys::parse("ctrl-p,foo");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), "--detach-keys: unknown key \"foo\"");
}

}  // namespace
}  // namespace urc::terminal
