#include "core/child/mount_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>

#include "core/child/mount_plan.h"

namespace urc::child {
namespace {

TEST(MountOptions, LaterWordsWin) {
    auto parsed = parse_mount_options({"ro", "nosuid", "rw"});
    EXPECT_EQ(parsed.attributes.set, std::uint64_t{MOUNT_ATTR_NOSUID});
    EXPECT_EQ(parsed.attributes.clear, std::uint64_t{MOUNT_ATTR_RDONLY});
    parsed = parse_mount_options({"suid", "nosuid"});
    EXPECT_EQ(parsed.attributes.set, std::uint64_t{MOUNT_ATTR_NOSUID});
    EXPECT_EQ(parsed.attributes.clear, 0U);
}

TEST(MountOptions, AtimeIsOneFieldOfWhichTheLastValueStays) {
    auto parsed = parse_mount_options({"noatime", "strictatime"});
    EXPECT_EQ(parsed.attributes.set, std::uint64_t{MOUNT_ATTR_STRICTATIME});
    EXPECT_EQ(parsed.attributes.clear, std::uint64_t{MOUNT_ATTR__ATIME});
    parsed = parse_mount_options({"strictatime", "noatime", "ro"});
    EXPECT_EQ(parsed.attributes.set, std::uint64_t{MOUNT_ATTR_NOATIME | MOUNT_ATTR_RDONLY});
    EXPECT_EQ(parsed.attributes.clear, std::uint64_t{MOUNT_ATTR__ATIME});
    parsed = parse_mount_options({"noatime", "relatime"});
    EXPECT_EQ(parsed.attributes.set, 0U);
}

TEST(MountOptions, RecursiveWordsAreKeptApart) {
    auto parsed = parse_mount_options({"rro", "rnoexec", "dev"});
    EXPECT_EQ(parsed.recursive.set, std::uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC});
    EXPECT_EQ(parsed.attributes.set, 0U);
    EXPECT_EQ(parsed.attributes.clear, std::uint64_t{MOUNT_ATTR_NODEV});
}

TEST(MountOptions, PropagationsKeepTheirOrder) {
    auto parsed = parse_mount_options({"rslave", "shared"});
    ASSERT_EQ(parsed.propagation.size(), 2U);
    EXPECT_EQ(parsed.propagation[0].type, std::uint64_t{MS_SLAVE});
    EXPECT_TRUE(parsed.propagation[0].is_recursive);
    EXPECT_EQ(parsed.propagation[1].type, std::uint64_t{MS_SHARED});
    EXPECT_FALSE(parsed.propagation[1].is_recursive);
}

TEST(MountOptions, AnythingElseIsDataOfTheFileSystem) {
    auto parsed = parse_mount_options({"size=64m", "newinstance", "context=a=b", "sync", "defaults", ""});
    ASSERT_EQ(parsed.data.size(), 3U);
    EXPECT_EQ(parsed.data[0].key, "size");
    EXPECT_EQ(parsed.data[0].value, "64m");
    EXPECT_FALSE(parsed.data[1].has_value);
    EXPECT_EQ(parsed.data[2].value, "a=b");
    ASSERT_EQ(parsed.superblock.size(), 1U);
    EXPECT_EQ(parsed.superblock[0].key, "sync");
}

TEST(MountOptions, RbindIsABind) {
    auto parsed = parse_mount_options({"rbind"});
    EXPECT_TRUE(parsed.is_bind && parsed.is_recursive_bind);
    parsed = parse_mount_options({"bind"});
    EXPECT_TRUE(parsed.is_bind && !parsed.is_recursive_bind);
}

TEST(MountOptions, EveryWordOfTheSpecificationIsKnown) {
    auto known = known_mount_options();
    for (std::string_view word : {"async",        "atime",        "bind",
                                  "defaults",     "dev",          "diratime",
                                  "dirsync",      "exec",         "iversion",
                                  "lazytime",     "loud",         "mand",
                                  "noatime",      "nodev",        "nodiratime",
                                  "noexec",       "noiversion",   "nolazytime",
                                  "nomand",       "norelatime",   "nostrictatime",
                                  "nosuid",       "nosymfollow",  "rbind",
                                  "relatime",     "remount",      "ro",
                                  "rw",           "silent",       "strictatime",
                                  "suid",         "symfollow",    "sync",
                                  "private",      "rprivate",     "slave",
                                  "rslave",       "shared",       "rshared",
                                  "unbindable",   "runbindable",  "rro",
                                  "rrw",          "rnosuid",      "rsuid",
                                  "rnodev",       "rdev",         "rnoexec",
                                  "rexec",        "rnodiratime",  "rdiratime",
                                  "rrelatime",    "rnorelatime",  "rnoatime",
                                  "ratime",       "rstrictatime", "rnostrictatime",
                                  "rnosymfollow", "rsymfollow",   "tmpcopyup",
                                  "idmap",        "ridmap"})
        EXPECT_TRUE(std::binary_search(known.begin(), known.end(), word)) << word;
}

TEST(CleanAbsolute, StopsAtTheRoot) {
    EXPECT_EQ(clean_absolute(""), "/");
    EXPECT_EQ(clean_absolute("/"), "/");
    EXPECT_EQ(clean_absolute("a"), "/a");
    EXPECT_EQ(clean_absolute("/a//b/./c/"), "/a/b/c");
    EXPECT_EQ(clean_absolute("/a/../../b"), "/b");
    EXPECT_EQ(clean_absolute("../../.."), "/");
    EXPECT_EQ(clean_absolute("/proc/../etc"), "/etc");
}

}  // namespace
}  // namespace urc::child
