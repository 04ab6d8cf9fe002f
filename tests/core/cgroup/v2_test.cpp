// Real cgroup2. Where the machine is hybrid, each test runs in a child with a mount namespace in which
// cgroup2 alone is at /sys/fs/cgroup; its controllers are few there, but the core is the same.
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/sched.h>

#include <algorithm>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"
#include "core/cgroup/device_bpf.h"
#include "tests/core/cgroup/fixture.h"

namespace urc::cgroup {
namespace {

constexpr const char* kRoot = "/sys/fs/cgroup";

bool enter_v2_view() {
    auto layout = Layout::detect();
    if (layout.ok() && layout->version() == Version::v2) return true;
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("cgroup2", kRoot, "cgroup2", 0, nullptr) == 0;
}

// 0 in the child.
pid_t clone_into(const Cgroup& cgroup) {
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<__u64>(cgroup.clone_into_fd());
    return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

// Born in the cgroup, waits for a signal.
pid_t sleeper_in(const Cgroup& cgroup) {
    pid_t pid = clone_into(cgroup);
    if (pid == 0)
        for (;;) ::pause();
    return pid;
}

int signal_that_ended(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// 0 or the errno of opening `path` from inside the cgroup.
int open_inside(const Cgroup& cgroup, const char* path, int flags) {
    pid_t pid = clone_into(cgroup);
    if (pid == 0) {
        int fd = ::open(path, flags | O_CLOEXEC);
        ::_exit(fd >= 0 ? 0 : errno);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

int count_programs(const Cgroup& cgroup) {
    __u32 ids[64]{};
    bpf_attr attr{};
    attr.query.target_fd = static_cast<__u32>(cgroup.clone_into_fd());
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = reinterpret_cast<std::uintptr_t>(ids);
    attr.query.prog_cnt = 64;
    if (::syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr) != 0) return -1;
    return static_cast<int>(attr.query.prog_cnt);
}

class CgroupV2 : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        if (in_child([] { return enter_v2_view() ? 0 : 1; }) != 0)
            GTEST_SKIP() << "no cgroup2 can be mounted here";
        name_ = "/" + unique_name();
    }

    // Runs `body` in the v2 view and checks that it left neither cgroup nor descriptor.
    void in_view(const std::function<void()>& body) {
        int status = in_child([&] {
            if (!enter_v2_view()) return 2;
            std::size_t before = count_fds();
            body();
            EXPECT_EQ(count_fds(), before);
            EXPECT_FALSE(is_there(kRoot + name_)) << "left: " << kRoot + name_;
            return 0;
        });
        EXPECT_EQ(status, 0);
    }
    Cgroup make(const std::string& below = "") {
        path_ = kRoot + name_ + below;
        auto layout = Layout::detect();
        EXPECT_EQ(layout->version(), Version::v2);
        auto cgroup = Cgroup::create(*layout, {.cgroups_path = name_ + below, .id = "unused"});
        EXPECT_TRUE(cgroup.ok()) << cgroup.error().text();
        return std::move(*cgroup);
    }
    std::string file(const std::string& name) { return slurp(path_ + "/" + name); }
    static bool has_controller(const char* name) {
        std::string all = " " + slurp(std::string(kRoot) + "/cgroup.controllers") + " ";
        return all.find(" " + std::string(name) + " ") != std::string::npos;
    }

    std::string name_, path_;
};

TEST_F(CgroupV2, ACloneIsBornInTheCgroup) {
    in_view([&] {
        Cgroup cgroup = make();
        EXPECT_EQ(cgroup.version(), Version::v2);
        pid_t pid = sleeper_in(cgroup);
        ASSERT_GT(pid, 0);
        EXPECT_EQ(file("cgroup.procs"), std::to_string(pid));
        EXPECT_EQ(cgroup.pids().value(), std::vector<pid_t>{pid});
        auto refused = Cgroup::create(*Layout::detect(), {.cgroups_path = name_, .id = "x"});
        EXPECT_EQ(refused.error().text(), "container's cgroup is not empty: 1 process(es) found");
        EXPECT_TRUE(cgroup.kill(SIGKILL).ok());
        EXPECT_EQ(signal_that_ended(pid), SIGKILL);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, AttachingOneselfIsTheFallback) {
    in_view([&] {
        Cgroup cgroup = make();
        EXPECT_EQ(in_child([&] {
                      EXPECT_TRUE(cgroup.attach_self(Cgroup::Birth::in_cgroup2).ok());
                      EXPECT_NE(slurp("/proc/self/cgroup").find(name_) != std::string::npos, true);
                      EXPECT_TRUE(cgroup.attach_self(Cgroup::Birth::elsewhere).ok());
                      EXPECT_NE(slurp("/proc/self/cgroup").find(name_), std::string::npos);
                      return 0;
                  }),
                  0);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, RemovingTakesNestedParentsAndWhatTheContainerMadeAndNothingElse) {
    in_view([&] {
        ASSERT_EQ(::mkdir((kRoot + name_).c_str(), 0755), 0);
        Cgroup cgroup = make("/a/b/c");
        EXPECT_EQ(cgroup.saved().made.size(), 3U);
        std::filesystem::create_directories(path_ + "/below/deeper");
        auto again = Cgroup::open(cgroup.saved());
        ASSERT_TRUE(again.ok());
        EXPECT_EQ(again->version(), Version::v2);
        ASSERT_TRUE(again->remove().ok());
        EXPECT_FALSE(is_there(kRoot + name_ + "/a"));
        EXPECT_EQ(::rmdir((kRoot + name_).c_str()), 0);
    });
}

TEST_F(CgroupV2, FreezeKillAndThaw) {
    in_view([&] {
        Cgroup cgroup = make();
        ASSERT_EQ(::mkdir((path_ + "/below").c_str(), 0755), 0);
        pid_t one = sleeper_in(cgroup);
        auto frozen = cgroup.freeze();
        ASSERT_TRUE(frozen.ok()) << frozen.error().text();
        EXPECT_TRUE(cgroup.is_frozen().value());
        EXPECT_TRUE(cgroup.thaw().ok());
        EXPECT_FALSE(cgroup.is_frozen().value());
        ASSERT_TRUE(cgroup.kill(SIGTERM).ok());
        EXPECT_EQ(signal_that_ended(one), SIGTERM);

        pid_t two = sleeper_in(cgroup);
        ASSERT_EQ(try_write(AT_FDCWD, (path_ + "/below/cgroup.procs").c_str(), std::to_string(two)), 0);
        ASSERT_TRUE(cgroup.freeze().ok());
        ASSERT_TRUE(cgroup.kill(SIGKILL).ok());
        EXPECT_EQ(signal_that_ended(two), SIGKILL);
        auto refused = Cgroup::create(*Layout::detect(), {.cgroups_path = name_, .id = "x"});
        EXPECT_EQ(refused.error().text(), "container's cgroup unexpectedly frozen");
        // Somebody else removes it between the kill and the thaw.
        ASSERT_EQ(::rmdir((path_ + "/below").c_str()), 0);
        ASSERT_EQ(::rmdir(path_.c_str()), 0);
        EXPECT_TRUE(cgroup.thaw().ok());
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, ControllersAreEnabledDownThePathOnlyWhenALimitNeedsThem) {
    in_view([&] {
        if (!has_controller("hugetlb")) return;
        Cgroup cgroup = make("/a/b");
        std::string above = kRoot + name_ + "/a/cgroup.subtree_control";
        EXPECT_EQ(slurp(above), "");
        spec::Resources r;
        r.pids_limit = -1;  // no limit: whether there is a pids controller does not matter
        EXPECT_TRUE(cgroup.apply(r).ok());
        EXPECT_EQ(slurp(above), "");
        r = {};
        r.hugepage_limits.push_back({"2MB", 4194304});
        auto applied = cgroup.apply(r);
        ASSERT_TRUE(applied.ok()) << applied.error().text();
        EXPECT_EQ(slurp(above), "hugetlb");
        EXPECT_EQ(file("hugetlb.2MB.max"), "4194304");
        EXPECT_EQ(file("hugetlb.2MB.rsvd.max"), "4194304");
        r.unified = {{"hugetlb.2MB.max", "max"}};
        EXPECT_TRUE(cgroup.apply(r).ok());
        EXPECT_EQ(file("hugetlb.2MB.max"), "max");
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, AControllerThatTheHostLacksIsNamed) {
    in_view([&] {
        Cgroup cgroup = make();
        for (const char* file : {"nonsense.max", "rdma.max"}) {
            std::string controller(file, std::string_view(file).find('.'));
            if (has_controller(controller.c_str())) continue;
            spec::Resources r;
            r.unified = {{file, "1"}};
            auto applied = cgroup.apply(r);
            EXPECT_FALSE(applied.ok());
            EXPECT_NE(applied.error().text().find("controller \"" + controller + "\" not available"),
                      std::string::npos)
                << applied.error().text();
        }
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, AParentWithProcessesCannotHandDownAController) {
    in_view([&] {
        if (!has_controller("hugetlb")) return;
        Cgroup parent = make();
        Cgroup cgroup = make("/child");
        pid_t pid = sleeper_in(parent);
        spec::Resources r;
        r.hugepage_limits.push_back({"2MB", 0});
        auto applied = cgroup.apply(r);
        EXPECT_FALSE(applied.ok());
        EXPECT_EQ(applied.error().code(), EBUSY);
        EXPECT_NE(applied.error().text().find("processes of its own"), std::string::npos)
            << applied.error().text();
        ::kill(pid, SIGKILL);
        (void)signal_that_ended(pid);
        EXPECT_TRUE(cgroup.remove().ok());
        EXPECT_TRUE(parent.remove().ok());
    });
}

TEST_F(CgroupV2, BelowAThreadedCgroupTheCloneIsRepaired) {
    in_view([&] {
        Cgroup top = make();
        Cgroup threaded = make("/threaded");
        ASSERT_EQ(try_write(threaded.clone_into_fd(), "cgroup.type", "threaded"), 0);
        Cgroup cgroup = make("/threaded/c");
        EXPECT_EQ(file("cgroup.type"), "domain invalid");
        ASSERT_EQ(clone_into(cgroup), -1);
        ASSERT_EQ(errno, EOPNOTSUPP);
        auto repaired = cgroup.repair_for_clone(EOPNOTSUPP);
        ASSERT_TRUE(repaired.ok()) << repaired.error().text();
        pid_t pid = sleeper_in(cgroup);
        EXPECT_GT(pid, 0);
        ::kill(pid, SIGKILL);
        (void)signal_that_ended(pid);
        EXPECT_FALSE(cgroup.repair_for_clone(EOPNOTSUPP).ok()) << "once is all that can be done";
        EXPECT_FALSE(cgroup.repair_for_clone(EAGAIN).ok());
        EXPECT_TRUE(cgroup.remove().ok());
        EXPECT_TRUE(threaded.remove().ok());
        EXPECT_TRUE(top.remove().ok());
    });
}

TEST_F(CgroupV2, DelegationGivesTheDirectoryAndItsFilesAway) {
    in_view([&] {
        Cgroup cgroup = make();
        auto delegated = cgroup.delegate(1234, 5678);
        ASSERT_TRUE(delegated.ok()) << delegated.error().text();
        auto owner = [&](const std::string& name) {
            struct stat status {};
            EXPECT_EQ(::stat((path_ + name).c_str(), &status), 0);
            return std::pair(status.st_uid, status.st_gid);
        };
        std::pair<uid_t, gid_t> given(1234, 5678), kept(0, 0);
        EXPECT_EQ(owner(""), given);
        EXPECT_EQ(owner("/cgroup.procs"), given);
        EXPECT_EQ(owner("/cgroup.subtree_control"), given);
        EXPECT_EQ(owner("/cgroup.freeze"), kept);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, TheDeviceProgramHoldsAndIsReplacedInOneStep) {
    in_view([&] {
        Cgroup cgroup = make();
        spec::Resources r;
        auto applied = cgroup.apply(r);
        ASSERT_TRUE(applied.ok()) << applied.error().text();
        EXPECT_EQ(count_programs(cgroup), 1);
        EXPECT_EQ(open_inside(cgroup, "/dev/null", O_RDWR), 0);
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), EPERM);

        r.devices.push_back({.allow = true, .type = 'c', .major = 1, .minor = 11, .read = true});
        ASSERT_TRUE(cgroup.apply(r).ok());
        EXPECT_EQ(count_programs(cgroup), 1);
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), 0);
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_WRONLY), EPERM);
        EXPECT_EQ(open_inside(cgroup, "/dev/null", O_RDWR), 0);

        ASSERT_TRUE(cgroup.apply(spec::Resources{}, DeviceRules::keep).ok());
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), 0);
        auto again = Cgroup::open(cgroup.saved());
        ASSERT_TRUE(again->apply(spec::Resources{}).ok());
        EXPECT_EQ(count_programs(cgroup), 1);
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), EPERM);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, SeveralProgramsBecomeOne) {
    in_view([&] {
        Cgroup cgroup = make();
        for (int i = 0; i < 3; ++i) {
            auto program = load_device_program(compile_device_program(complete_rules({})));
            ASSERT_TRUE(program.ok());
            ASSERT_TRUE(
                attach_device_program(cgroup.clone_into_fd(), program->get(), Attached::nothing_yet).ok());
        }
        EXPECT_EQ(count_programs(cgroup), 3);
        auto again = Cgroup::open(cgroup.saved());
        ASSERT_TRUE(again->apply(spec::Resources{}).ok());
        EXPECT_EQ(count_programs(cgroup), 1);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, AllowingEverythingNeedsNoProgram) {
    in_view([&] {
        Cgroup cgroup = make();
        spec::Resources r;
        r.devices.push_back({.allow = true,
                             .type = 'a',
                             .major = {},
                             .minor = {},
                             .read = true,
                             .write = true,
                             .mknod = true});
        ASSERT_TRUE(cgroup.apply(r).ok());
        EXPECT_EQ(count_programs(cgroup), 0);
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), 0);
        // Now that it is not new, a program has to be replaced, also by one that allows everything.
        ASSERT_TRUE(cgroup.apply(spec::Resources{}).ok());
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), EPERM);
        ASSERT_TRUE(cgroup.apply(r).ok());
        EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), 0);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, TheKernelTakesEveryProgramThatRulesCanMake) {
    in_view([&] {
        std::vector<spec::DeviceRule> rules;
        for (unsigned bits = 0; bits < 16; ++bits) {
            bool allow = bits & 8;
            for (char type : {'b', 'c'}) {
                rules.push_back(
                    {allow, type, 4000 + bits, {}, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
                rules.push_back(
                    {allow, type, {}, 4000000000 + bits, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
                rules.push_back({allow, type, {}, {}, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
            }
        }
        for (std::size_t count = 0; count <= rules.size(); count += 8) {
            std::vector<spec::DeviceRule> some(rules.end() - static_cast<std::ptrdiff_t>(count), rules.end());
            auto loaded = load_device_program(compile_device_program(complete_rules(some)));
            EXPECT_TRUE(loaded.ok()) << count << ": " << loaded.error().text();
        }
    });
}

TEST_F(CgroupV2, InAUserNamespaceDeviceRulesAreNotEnforced) {
    in_view([&] {
        Cgroup cgroup = make();
        ASSERT_TRUE(cgroup.delegate(1234, 1234).ok());
        EXPECT_EQ(in_child([&] {
                      if (::setgroups(0, nullptr) != 0 || ::setgid(1234) != 0 || ::setuid(1234) != 0)
                          return 2;
                      if (::unshare(CLONE_NEWUSER) != 0) return 3;
                      auto applied = cgroup.apply(spec::Resources{});
                      EXPECT_TRUE(applied.ok()) << applied.error().text();
                      return 0;
                  }),
                  0);
        EXPECT_EQ(count_programs(cgroup), 0);
        EXPECT_TRUE(cgroup.remove().ok());
    });
}

TEST_F(CgroupV2, WithoutPermissionOnlyARootlessContainerGoesOn) {
    in_view([&] {
        EXPECT_EQ(in_child([&] {
                      if (::setgid(1234) != 0 || ::setuid(1234) != 0) return 2;
                      auto layout = Layout::detect();
                      EXPECT_FALSE(Cgroup::create(*layout, {.cgroups_path = name_, .id = "x"}).ok());
                      auto cgroup =
                          Cgroup::create(*layout, {.cgroups_path = name_, .id = "x", .is_rootless = true});
                      EXPECT_TRUE(cgroup.ok());
                      EXPECT_EQ(cgroup->clone_into_fd(), -1);
                      EXPECT_TRUE(cgroup->apply(spec::Resources{}).ok());
                      spec::Resources r;
                      r.pids_limit = 3;
                      EXPECT_FALSE(cgroup->apply(r).ok());
                      return 0;
                  }),
                  0);
    });
}

TEST(CgroupHybrid, HugepagesAndDevicesGoToCgroup2WhenV1LacksTheirControllers) {
    auto layout = Layout::detect();
    ASSERT_TRUE(layout.ok());
    const Hierarchy *unified = nullptr, *pids = nullptr;
    for (const Hierarchy& hierarchy : layout->hierarchies()) {
        if (hierarchy.is_v2()) unified = &hierarchy;
        if (hierarchy.controllers.has(Controller::pids)) pids = &hierarchy;
    }
    if (::geteuid() != 0 || layout->version() != Version::v1 || !unified || !pids)
        GTEST_SKIP() << "needs root on a hybrid host";
    std::string name = "/" + unique_name();
    Layout part(Version::v1, {*unified, *pids});
    auto cgroup = Cgroup::create(part, {.cgroups_path = name, .id = "x"});
    ASSERT_TRUE(cgroup.ok()) << cgroup.error().text();
    spec::Resources r;
    r.pids_limit = 7;
    if (is_there(unified->mount_point + name + "/hugetlb.2MB.max"))
        r.hugepage_limits.push_back({"2MB", 2097152});
    auto applied = cgroup->apply(r);
    EXPECT_TRUE(applied.ok()) << applied.error().text();
    EXPECT_EQ(slurp(pids->mount_point + name + "/pids.max"), "7");
    if (!r.hugepage_limits.empty()) {
        EXPECT_EQ(slurp(unified->mount_point + name + "/hugetlb.2MB.max"), "2097152");
    }
    EXPECT_EQ(count_programs(*cgroup), 1);
    EXPECT_EQ(open_inside(*cgroup, "/dev/kmsg", O_RDONLY), EPERM);
    EXPECT_TRUE(cgroup->remove().ok());
    EXPECT_FALSE(is_there(unified->mount_point + name));
}

}  // namespace
}  // namespace urc::cgroup
