#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "core/child/launch.h"
#include "uring/file.h"

namespace urc::child {
namespace {

std::vector<Join> own_namespaces() {
    std::vector<Join> joins;
    for (auto [type, path] : {std::pair{spec::NamespaceType::network, "/proc/self/ns/net"},
                              {spec::NamespaceType::uts, "/proc/self/ns/uts"}}) {
        auto opened = open_at(AT_FDCWD, path, O_RDONLY);
        if (opened.ok()) joins.push_back({.type = type, .path = path, .fd = std::move(*opened)});
    }
    return joins;
}

// A pid or time namespace needs a stage that joins everything and clones the init, which then runs all steps.
TEST(JoinNamespaces, WhatAStageHasJoinedIsNotJoinedAgain) {
    if (::geteuid() != 0) GTEST_SKIP() << "setns needs root";
    auto joins = own_namespaces();
    ASSERT_EQ(joins.size(), 2U);
    auto first = join_namespaces(joins);
    ASSERT_TRUE(first.ok()) << first.error().text();
    EXPECT_FALSE(joins[0].fd.is_open());
    auto second = join_namespaces(joins);
    EXPECT_TRUE(second.ok()) << second.error().text();
}

TEST(JoinNamespaces, SaysWhichNamespaceItCannotEnter) {
    std::vector<Join> joins;
    auto null = open_at(AT_FDCWD, "/dev/null", O_RDONLY);
    ASSERT_TRUE(null.ok());
    joins.push_back({.type = spec::NamespaceType::network, .path = "/dev/null", .fd = std::move(*null)});
    auto joined = join_namespaces(joins);
    ASSERT_FALSE(joined.ok());
    EXPECT_EQ(joined.error().text(), "join namespace: /dev/null: Invalid argument");
}

}  // namespace
}  // namespace urc::child
