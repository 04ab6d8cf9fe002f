#include "core/child/labels.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

spec::Process labelled(std::string profile, std::string label) {
    spec::Process process;
    process.apparmor_profile = std::move(profile);
    process.selinux_label = std::move(label);
    return process;
}

TEST(Labels, WithoutAnyThereIsNothingToCheckOrToSet) {
    EXPECT_FALSE(has_labels(labelled("", "")));
    EXPECT_TRUE(has_labels(labelled("p", "")));
    EXPECT_TRUE(has_labels(labelled("", "l")));
    EXPECT_TRUE(check_labels(labelled("", "")).ok());
}

TEST(Labels, AProfileIsRefusedWhereAppArmorIsOff) {
    if (is_apparmor_enabled()) GTEST_SKIP() << "AppArmor is on";
    auto checked = check_labels(labelled("docker-default", ""));
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().text(),
              "unable to apply apparmor profile docker-default: apparmor is not enabled on this host");
    EXPECT_TRUE(check_labels(labelled("unconfined", "")).ok()) << "nothing confines anybody";
}

TEST(Labels, ALabelIsRefusedWhereSelinuxIsOff) {
    if (is_selinux_enabled()) GTEST_SKIP() << "SELinux is on";
    auto checked = check_labels(labelled("", "system_u:system_r:container_t:s0"));
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().text(),
              "selinux label is specified in config, but selinux is disabled or not supported");
}

TEST(Labels, UnconfinedAsksForNothingWhereAppArmorIsOff) {
    if (is_apparmor_enabled()) GTEST_SKIP() << "AppArmor is on";
    if (::geteuid() != 0) GTEST_SKIP() << "a private procfs needs root";
    auto procfs = Procfs::open();
    ASSERT_TRUE(procfs.ok());
    EXPECT_TRUE(set_labels(*procfs, labelled("unconfined", "")).ok());
}

TEST(Labels, WhatTheKernelDoesNotTakeIsToldWithTheFile) {
    if (::geteuid() != 0) GTEST_SKIP() << "a private procfs needs root";
    auto procfs = Procfs::open();
    ASSERT_TRUE(procfs.ok());
    if (!is_selinux_enabled()) {
        auto set = set_labels(*procfs, labelled("", "no:such:label"));
        ASSERT_FALSE(set.ok());
        EXPECT_TRUE(set.error().text().starts_with(
            "unable to set process label no:such:label: write to `/proc/self/attr/exec`: "))
            << set.error().text();
        auto keys = set_key_label(*procfs, "no:such:label");
        ASSERT_FALSE(keys.ok());
        EXPECT_TRUE(keys.error().text().starts_with(
            "unable to set the label of keys: write to `/proc/self/attr/keycreate`: "))
            << keys.error().text();
    }
    auto set = set_labels(*procfs, labelled("urc-no-such-profile", ""));
    ASSERT_FALSE(set.ok());
    EXPECT_TRUE(set.error().text().starts_with(
        "unable to apply apparmor profile urc-no-such-profile: write to `/proc/self/attr/"))
        << set.error().text();
}

// CVE-2019-16884: a volume over /proc made the label end up in a file of the container's.
TEST(Labels, AreNeverWrittenToWhatCoversProc) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string name = "/tmp/urc-labels-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const std::string trap = name + "/trap";
    spill(trap, "");
    pid_t child = ::fork();
    if (child == 0) {
        bool is_covered = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                          ::mount(trap.c_str(), "/proc/self/attr/exec", nullptr, MS_BIND, nullptr) == 0;
        if (!is_covered) ::_exit(2);
        Fd mounted(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
        auto visible = Procfs::on_mount(mounted.get());
        if (!visible.ok()) ::_exit(3);
        auto set = set_labels(*visible, labelled("", "label"));
        if (set.ok() || set.error().code() != EXDEV) ::_exit(4);
        auto hidden = Procfs::open();
        if (!hidden.ok()) ::_exit(5);
        set = set_labels(*hidden, labelled("", "label"));
        ::_exit(!set.ok() && set.error().code() != EXDEV ? 0 : 6);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "exit status " << WEXITSTATUS(status);
    EXPECT_EQ(slurp(trap), "");
    std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace urc::child::testing
