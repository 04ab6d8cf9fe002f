#include "core/spec/names.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>

namespace urc::spec {
namespace {

TEST(Names, CapabilitiesGoBothWays) {
    EXPECT_EQ(capability_count(), CAP_LAST_CAP + 1);
    for (int number = 0; number < capability_count(); ++number)
        EXPECT_EQ(capability_number(capability_name(number)), number) << capability_name(number);
    EXPECT_EQ(capability_number("CAP_CHOWN"), CAP_CHOWN);
    EXPECT_EQ(capability_number("CAP_NET_BIND_SERVICE"), CAP_NET_BIND_SERVICE);
    EXPECT_EQ(capability_number("CAP_SETFCAP"), CAP_SETFCAP);
    EXPECT_EQ(capability_number("CAP_AUDIT_READ"), CAP_AUDIT_READ);
    EXPECT_EQ(capability_number("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
}

TEST(Names, UnknownCapabilitiesHaveNoNumber) {
    for (const char* name : {"", "CHOWN", "cap_chown", "CAP_", "CAP_CHOWNX", "CAP_ZZZ", "AAA"})
        EXPECT_EQ(capability_number(name), std::nullopt) << name;
    EXPECT_EQ(capability_name(-1), "");
    EXPECT_EQ(capability_name(capability_count()), "");
}

TEST(Names, AllResourceLimitsOfTheKernelHaveNames) {
    for (int resource = 0; resource < static_cast<int>(RLIM_NLIMITS); ++resource) {
        EXPECT_FALSE(rlimit_name(resource).empty()) << resource;
        EXPECT_EQ(rlimit_number(rlimit_name(resource)), resource);
    }
    EXPECT_EQ(rlimit_number("NOFILE"), std::nullopt);
}

TEST(Names, NamespacesGoBothWays) {
    for (const char* name : {"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"}) {
        ASSERT_TRUE(namespace_type(name)) << name;
        EXPECT_EQ(namespace_name(*namespace_type(name)), name);
    }
    EXPECT_EQ(namespace_type("mnt"), std::nullopt);
}

TEST(Names, ListsHoldExactlyTheWordsThatAreKnown) {
    EXPECT_EQ(namespace_names().size(), 8u);
    for (std::string_view name : namespace_names()) EXPECT_TRUE(namespace_type(name)) << name;
    EXPECT_EQ(memory_policy_mode_names().size(), 7u);
    for (std::string_view name : memory_policy_mode_names()) EXPECT_TRUE(memory_policy_mode(name)) << name;
    EXPECT_EQ(memory_policy_flag_names().size(), 3u);
    for (std::string_view name : memory_policy_flag_names()) EXPECT_TRUE(memory_policy_flag(name)) << name;
    EXPECT_EQ(memory_policy_mode("MPOL_F_STATIC_NODES"), std::nullopt);
}

}  // namespace
}  // namespace urc::spec
