#include "core/process/user_namespace.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "uring/file.h"

namespace urc::process {
namespace {

std::size_t open_descriptors() {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class UserNamespace : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "writing these maps needs root";
        fds_ = open_descriptors();
    }
    void TearDown() override {
        if (fds_ == 0) return;
        EXPECT_EQ(open_descriptors(), fds_);
        EXPECT_TRUE(::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) << "a helper was left";
    }
    std::size_t fds_ = 0;
};

TEST_F(UserNamespace, MapsOfAMadeOneAreReadBack) {
    const std::vector<spec::IdMapping> uids{{0, 100000, 10}, {10, 5, 1}}, gids{{0, 200000, 65536}};
    auto made = make_user_namespace({uids, gids});
    ASSERT_TRUE(made.ok()) << made.error().text();
    auto read = read_id_maps(made->get());
    ASSERT_TRUE(read.ok()) << read.error().text();
    EXPECT_TRUE(is_same_map(read->uids, uids));
    EXPECT_TRUE(is_same_map(read->gids, gids));
}

TEST_F(UserNamespace, MapsThatTheKernelRefusesAreAnError) {
    const std::vector<spec::IdMapping> twice{{0, 100000, 10}, {5, 200000, 10}};
    auto made = make_user_namespace({twice, twice});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code(), EINVAL);
}

TEST_F(UserNamespace, MapsOfAnotherKindOfNamespaceCannotBeRead) {
    auto network = open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY);
    ASSERT_TRUE(network.ok());
    auto read = read_id_maps(network->get());
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().text(), "setns: Invalid argument");
}

TEST_F(UserNamespace, MapsOfAJoinedOneAreFilledInOrMustBeItsOwn) {
    const std::vector<spec::IdMapping> map{{0, 100000, 10}, {10, 5, 1}};
    auto made = make_user_namespace({map, map});
    ASSERT_TRUE(made.ok()) << made.error().text();
    spec::Linux linux;
    ASSERT_TRUE(take_id_maps(made->get(), "/x", linux).ok());
    EXPECT_TRUE(is_same_map(linux.uid_mappings, map) && is_same_map(linux.gid_mappings, map));
    linux.uid_mappings = {{10, 5, 1}, {0, 100000, 10}};
    EXPECT_TRUE(take_id_maps(made->get(), "/x", linux).ok());
    linux.gid_mappings.pop_back();
    auto taken = take_id_maps(made->get(), "/x", linux);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().text(),
              "config.json: linux.gidMappings: not those of the user namespace that is joined: /x");
}

TEST(IdMaps, OrderOfRangesMeansNothing) {
    const std::vector<spec::IdMapping> one{{0, 100, 5}, {5, 7, 1}}, other{{5, 7, 1}, {0, 100, 5}};
    EXPECT_TRUE(is_same_map(one, other));
    EXPECT_FALSE(is_same_map(one, {{0, 100, 5}}));
    EXPECT_FALSE(is_same_map(one, {{0, 100, 5}, {5, 8, 1}}));
    EXPECT_FALSE(is_same_map(one, {}));
}

}  // namespace
}  // namespace urc::process
