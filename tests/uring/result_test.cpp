#include "uring/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace urc {
namespace {

Result<std::unique_ptr<int>> make(bool works) {
    if (!works) return Error(ENOENT, "open", "/nowhere");
    return std::make_unique<int>(7);
}

Result<int> doubled(bool works) {
    URC_TRY(auto number, make(works));
    return *number * 2;
}

TEST(Result, CarriesAMoveOnlyValue) {
    auto result = doubled(true);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(*result, 14);
}

TEST(Result, TryReturnsTheErrorOfTheCallee) {
    auto result = doubled(false);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), ENOENT);
    EXPECT_EQ(result.error().text(), "open: /nowhere: No such file or directory");
}

TEST(Error, ContextGoesInFront) {
    EXPECT_EQ(Error(EPERM, "mount", "/proc").context("rootfs").text(),
              "rootfs: mount: /proc: Operation not permitted");
}

TEST(Error, AMessageStandsAlone) {
    Error error = Error::message("container not running", ESRCH);
    EXPECT_EQ(error.text(), "container not running");
    EXPECT_EQ(error.code(), ESRCH);
}

}  // namespace
}  // namespace urc
