// What is said about a child that cannot say it itself.
#include "core/lifecycle/await.h"

#include <gtest/gtest.h>

namespace urc {
namespace {

TEST(Await, AChildThatDiedBeforeItsLastWordIsNoBrokenPipe) {
    auto pair = process::Channel::make();
    ASSERT_TRUE(pair);
    pair->child.close();
    Log log;
    auto said = say_go(log, pair->parent, {});
    ASSERT_FALSE(said);
    EXPECT_EQ(said.error().code(), ECHILD) << "which is what the hint about the memory limit goes by";
    EXPECT_EQ(said.error().text(), process::child_died().text());
}

TEST(Await, WhatTheChildSaidComesFirst) {
    auto pair = process::Channel::make();
    ASSERT_TRUE(pair);
    ASSERT_TRUE(pair->child.send_error(Error(EIO, "mount", "/proc")));
    pair->child.close();
    Log log;
    auto said = say_go(log, pair->parent, {});
    ASSERT_FALSE(said);
    EXPECT_EQ(said.error().text(), "mount: /proc: Input/output error");
}

}  // namespace
}  // namespace urc
