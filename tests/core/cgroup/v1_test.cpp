// The real v1 hierarchies of this machine.
#include <gtest/gtest.h>

#include <grp.h>
#include <algorithm>

#include "core/cgroup/cgroup.h"
#include "tests/core/cgroup/fixture.h"

namespace urc::cgroup {
namespace {

class CgroupV1 : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto layout = Layout::detect();
        ASSERT_TRUE(layout.ok());
        if (layout->version() != Version::v1) GTEST_SKIP() << "this machine has no cgroup v1";
        layout_.emplace(std::move(*layout));
        if (!point(Controller::freezer) || !point(Controller::pids) || !point(Controller::memory))
            GTEST_SKIP() << "the usual controllers are not mounted";
        name_ = "/" + unique_name();
        fds_before_ = count_fds();
    }
    void TearDown() override {
        if (!layout_) return;
        for (const Hierarchy& hierarchy : layout_->hierarchies())
            EXPECT_FALSE(is_there(hierarchy.mount_point + name_))
                << "left: " << hierarchy.mount_point + name_;
        EXPECT_EQ(count_fds(), fds_before_);
    }
    const std::string* point(Controller controller) {
        for (const Hierarchy& hierarchy : layout_->hierarchies())
            if (hierarchy.controllers.has(controller)) return &hierarchy.mount_point;
        return nullptr;
    }
    Cgroup make(const std::string& below = "") {
        path_ = name_ + below;
        auto cgroup = Cgroup::create(*layout_, {.cgroups_path = path_, .id = "unused"});
        EXPECT_TRUE(cgroup.ok()) << cgroup.error().text();
        return std::move(*cgroup);
    }
    std::string dir(Controller controller) { return *point(controller) + path_; }
    std::string file(Controller controller, const std::string& name) {
        return slurp(dir(controller) + "/" + name);
    }

    std::optional<Layout> layout_;
    std::string name_, path_;
    std::size_t fds_before_ = 0;
};

bool attach(const Cgroup& cgroup) {
    return cgroup.attach_self(Cgroup::Birth::elsewhere).ok();
}

TEST_F(CgroupV1, AProcessThatAttachesItselfIsInEveryHierarchy) {
    Cgroup cgroup = make();
    {
        Sleeper sleeper([&] { return attach(cgroup); });
        ASSERT_TRUE(sleeper.is_ready());
        std::string lines = slurp("/proc/" + std::to_string(sleeper.pid()) + "/cgroup");
        for (const Hierarchy& hierarchy : layout_->hierarchies())
            EXPECT_EQ(slurp(hierarchy.mount_point + name_ + "/cgroup.procs"), std::to_string(sleeper.pid()));
        EXPECT_NE(lines.find(":pids:" + name_), std::string::npos) << lines;
        auto pids = cgroup.pids();
        ASSERT_TRUE(pids.ok());
        EXPECT_EQ(*pids, std::vector<pid_t>{sleeper.pid()});
    }
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, AChildClonedBeforeTheDirectoriesAreMadeCanAttach) {
    auto cgroup = Cgroup::prepare(*layout_, {.cgroups_path = name_, .id = "x"});
    ASSERT_TRUE(cgroup.ok());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = ::fork();
    if (pid == 0) {
        char byte;
        bool is_told = ::read(ends[0], &byte, 1) == 1;
        ::_exit(is_told && attach(*cgroup) &&
                        slurp("/proc/self/cgroup").find(":freezer:" + name_) != std::string::npos
                    ? 0
                    : 1);
    }
    EXPECT_EQ(cgroup->clone_into_fd(), -1);
    auto made = cgroup->make();
    EXPECT_TRUE(made.ok()) << made.error().text();
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    int status = 1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
    ::close(ends[0]);
    ::close(ends[1]);
    EXPECT_TRUE(cgroup->remove().ok());
}

TEST_F(CgroupV1, RemovingTakesNestedParentsAndWhatTheContainerMadeAndNothingElse) {
    std::string kept = *point(Controller::pids) + name_;
    ASSERT_EQ(::mkdir(kept.c_str(), 0755), 0);
    Cgroup cgroup = make("/a/b/c");
    std::filesystem::create_directories(dir(Controller::pids) + "/below/deeper");
    std::filesystem::create_directories(dir(Controller::memory) + "/below/deeper");
    ASSERT_TRUE(cgroup.remove().ok());
    EXPECT_TRUE(is_there(kept));
    EXPECT_FALSE(is_there(kept + "/a"));
    EXPECT_FALSE(is_there(*point(Controller::memory) + name_));
    EXPECT_FALSE(cgroup.exists());
    EXPECT_TRUE(cgroup.remove().ok()) << "removing twice is no error";
    EXPECT_EQ(::rmdir(kept.c_str()), 0);
}

TEST_F(CgroupV1, AParentThatAnotherContainerUsesStays) {
    Cgroup first = make("/first");
    auto second = Cgroup::create(*layout_, {.cgroups_path = name_ + "/second", .id = "x"});
    ASSERT_TRUE(second.ok());
    ASSERT_TRUE(first.remove().ok());
    EXPECT_TRUE(second->exists());
    ASSERT_TRUE(second->remove().ok());
    // The second did not make the parent, so it is still there.
    for (const Hierarchy& hierarchy : layout_->hierarchies())
        EXPECT_EQ(::rmdir((hierarchy.mount_point + name_).c_str()), 0);
}

TEST_F(CgroupV1, ContainersThatComeAndGoBelowOneParentDoNotDisturbEachOther) {
    constexpr int kProcesses = 6, kRounds = 40;
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
        pid_t pid = ::fork();
        if (pid == 0) {
            std::string path = name_ + "/shared/" + std::to_string(i);
            for (int round = 0; round < kRounds; ++round) {
                auto cgroup = Cgroup::create(*layout_, {.cgroups_path = path, .id = "x"});
                if (!cgroup.ok()) std::fprintf(stderr, "%s\n", cgroup.error().text().c_str());
                if (!cgroup.ok() || !cgroup->apply(spec::Resources{}).ok() || !cgroup->remove().ok())
                    ::_exit(1);
            }
            ::_exit(0);
        }
        children.push_back(pid);
    }
    for (pid_t pid : children) {
        int status = 1;
        ::waitpid(pid, &status, 0);
        EXPECT_EQ(status, 0);
    }
    // Who made the parents may have found them in use when it went, so they may be left.
    for (const Hierarchy& hierarchy : layout_->hierarchies()) {
        ::rmdir((hierarchy.mount_point + name_ + "/shared").c_str());
        ::rmdir((hierarchy.mount_point + name_).c_str());
    }
}

TEST_F(CgroupV1, AnOccupiedCgroupIsRefusedWithTheNumberOfProcesses) {
    Cgroup cgroup = make();
    {
        Sleeper one([&] { return attach(cgroup); });
        Sleeper two([&] { return attach(cgroup); });
        ASSERT_TRUE(one.is_ready() && two.is_ready());
        auto refused = Cgroup::create(*layout_, {.cgroups_path = name_, .id = "x"});
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().text(), "container's cgroup is not empty: 2 process(es) found");
        EXPECT_EQ(refused.error().code(), EBUSY);
        EXPECT_TRUE(cgroup.exists());
    }
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, AnEmptyExistingCgroupIsUsedAndNotRemoved) {
    Cgroup owner = make();
    Cgroup guest = make();
    EXPECT_TRUE(guest.saved().made.empty());
    EXPECT_TRUE(guest.remove().ok());
    EXPECT_TRUE(owner.exists());
    EXPECT_TRUE(owner.remove().ok());
}

TEST_F(CgroupV1, AFrozenCgroupIsRefused) {
    Cgroup cgroup = make();
    ASSERT_TRUE(cgroup.freeze().ok());
    auto refused = Cgroup::create(*layout_, {.cgroups_path = name_, .id = "x"});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().text(), "container's cgroup unexpectedly frozen");
    ASSERT_TRUE(cgroup.thaw().ok());
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, FreezingStopsAndThawingGoesOn) {
    Cgroup cgroup = make();
    {
        Sleeper sleeper([&] { return attach(cgroup); });
        ASSERT_TRUE(sleeper.is_ready());
        auto frozen = cgroup.freeze();
        ASSERT_TRUE(frozen.ok()) << frozen.error().text();
        EXPECT_TRUE(cgroup.is_frozen().value());
        EXPECT_EQ(file(Controller::freezer, "freezer.state"), "FROZEN");
        ASSERT_TRUE(cgroup.thaw().ok());
        EXPECT_FALSE(cgroup.is_frozen().value());
    }
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, KillReachesFrozenProcessesAndThoseInCgroupsBelow) {
    Cgroup cgroup = make();
    std::string below = dir(Controller::freezer) + "/below";
    ASSERT_EQ(::mkdir(below.c_str(), 0755), 0);
    Sleeper top([&] { return attach(cgroup); });
    Sleeper deep([&] {
        spit(below + "/tasks", "0");
        return true;
    });
    ASSERT_TRUE(top.is_ready() && deep.is_ready());
    EXPECT_EQ(cgroup.pids().value().size(), 2U);
    ASSERT_TRUE(cgroup.freeze().ok());
    ASSERT_TRUE(cgroup.kill(SIGKILL).ok());
    EXPECT_EQ(top.wait(), SIGKILL);
    EXPECT_EQ(deep.wait(), SIGKILL);
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, OtherSignalsReachEveryProcessOnce) {
    Cgroup cgroup = make();
    {
        Sleeper one([&] { return attach(cgroup); });
        Sleeper two([&] { return attach(cgroup); });
        ASSERT_TRUE(one.is_ready() && two.is_ready());
        ASSERT_TRUE(cgroup.kill(SIGTERM).ok());
        EXPECT_EQ(one.wait(), SIGTERM);
        EXPECT_EQ(two.wait(), SIGTERM);
    }
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, KillOutrunsAProcessThatKeepsForking) {
    Cgroup cgroup = make();
    spec::Resources resources;
    resources.pids_limit = 50;
    ASSERT_TRUE(cgroup.apply(resources).ok());
    Sleeper sleeper([&] {
        if (!attach(cgroup)) return false;
        if (::fork() == 0) {
            // Each generation ends as soon as the next one is there.
            for (;;)
                if (::fork() > 0) ::_exit(0);
        }
        return true;
    });
    ASSERT_TRUE(sleeper.is_ready());
    // The kernel refuses signals to no process; what is found alive afterwards would keep the cgroup busy.
    ASSERT_TRUE(cgroup.kill(SIGKILL).ok());
    EXPECT_EQ(sleeper.wait(), SIGKILL);
    auto removed = cgroup.remove();
    EXPECT_TRUE(removed.ok()) << removed.error().text();
}

TEST_F(CgroupV1, RemovalOfACgroupWithALiveProcessFailsAndSaysWhere) {
    Cgroup cgroup = make();
    {
        Sleeper sleeper([&] { return attach(cgroup); });
        ASSERT_TRUE(sleeper.is_ready());
        auto removed = cgroup.remove();
        ASSERT_FALSE(removed.ok());
        EXPECT_EQ(removed.error().code(), EBUSY);
        EXPECT_NE(removed.error().text().find(name_), std::string::npos);
    }
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, WhatIsSavedFindsTheCgroupAgain) {
    Saved saved = make("/deep").saved();
    auto has = [&](const std::string& key) {
        return std::any_of(saved.paths.begin(), saved.paths.end(),
                           [&](auto& one) { return one.first == key; });
    };
    EXPECT_TRUE(has("memory") && has("pids") && has("freezer"));
    auto again = Cgroup::open(saved);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->version(), Version::v1);
    EXPECT_TRUE(again->exists());
    EXPECT_FALSE(again->is_frozen().value());
    EXPECT_EQ(again->saved().paths.size(), saved.paths.size());
    EXPECT_TRUE(again->remove().ok());
    auto gone = Cgroup::open(saved);
    ASSERT_TRUE(gone.ok());
    EXPECT_FALSE(gone->exists());
    EXPECT_FALSE(gone->is_frozen().value());
    EXPECT_TRUE(gone->pids().value().empty());
    EXPECT_TRUE(gone->kill(SIGKILL).ok());
    EXPECT_TRUE(gone->remove().ok());
}

TEST_F(CgroupV1, MemoryAndSwapAreRaisedAndLoweredInTheOrderTheKernelWants) {
    Cgroup cgroup = make();
    constexpr std::int64_t kMiB = 1 << 20;
    for (auto [limit, swap] :
         {std::pair<std::int64_t, std::int64_t>{64, 96}, {200, 300}, {32, 32}, {32, 64}, {64, 64}}) {
        spec::Resources r;
        r.memory.emplace();
        r.memory->limit = limit * kMiB;
        r.memory->swap = swap * kMiB;
        auto applied = cgroup.apply(r);
        ASSERT_TRUE(applied.ok()) << applied.error().text();
        EXPECT_EQ(file(Controller::memory, "memory.limit_in_bytes"), std::to_string(limit * kMiB));
        EXPECT_EQ(file(Controller::memory, "memory.memsw.limit_in_bytes"), std::to_string(swap * kMiB));
    }
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = -1;
    ASSERT_TRUE(cgroup.apply(r).ok());
    EXPECT_GT(file(Controller::memory, "memory.memsw.limit_in_bytes").size(), 12U);
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, QuotaPeriodAndBurstFollowEachOtherInAnyDirection) {
    if (!point(Controller::cpu)) GTEST_SKIP() << "no cpu controller";
    Cgroup cgroup = make();
    struct Bandwidth {
        std::int64_t quota;
        std::uint64_t period, burst;
    };
    for (auto [quota, period, burst] : {Bandwidth{30000, 60000, 10000},
                                        {100000, 1000000, 90000},
                                        {5000, 10000, 0},
                                        {2000, 2000, 2000},
                                        {500000, 1000000, 400000},
                                        {1000, 100000, 500}}) {
        spec::Resources r;
        r.cpu.emplace();
        r.cpu->quota = quota;
        r.cpu->period = period;
        r.cpu->burst = burst;
        auto applied = cgroup.apply(r);
        ASSERT_TRUE(applied.ok()) << applied.error().text();
        EXPECT_EQ(file(Controller::cpu, "cpu.cfs_quota_us"), std::to_string(quota));
        EXPECT_EQ(file(Controller::cpu, "cpu.cfs_period_us"), std::to_string(period));
        EXPECT_EQ(file(Controller::cpu, "cpu.cfs_burst_us"), std::to_string(burst));
    }
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, TheCpusetIsTheParentsUntilAnotherIsAsked) {
    if (!point(Controller::cpuset)) GTEST_SKIP() << "no cpuset controller";
    Cgroup cgroup = make("/a/b");
    EXPECT_EQ(file(Controller::cpuset, "cpuset.cpus"), slurp(*point(Controller::cpuset) + "/cpuset.cpus"));
    EXPECT_EQ(file(Controller::cpuset, "cpuset.mems"), slurp(*point(Controller::cpuset) + "/cpuset.mems"));
    spec::Resources r;
    r.cpu.emplace();
    r.cpu->cpus = "0";
    ASSERT_TRUE(cgroup.apply(r).ok());
    EXPECT_EQ(file(Controller::cpuset, "cpuset.cpus"), "0");
    r.cpu->cpus = "4000";
    auto refused = cgroup.apply(r);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().text().find("cpuset.cpus"), std::string::npos) << refused.error().text();
    EXPECT_EQ(file(Controller::cpuset, "cpuset.cpus"), "0");
    EXPECT_TRUE(cgroup.remove().ok());
}

// 0 or the errno of opening `path` from inside the cgroup.
int open_inside(const Cgroup& cgroup, const std::string& path, int flags) {
    return in_child([&] {
        if (!attach(cgroup)) return 255;
        Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
        return fd ? 0 : errno;
    });
}

TEST_F(CgroupV1, DeviceRulesHoldAndAnUpdateWritesOnlyWhatChanges) {
    if (!point(Controller::devices)) GTEST_SKIP() << "no devices controller";
    Cgroup cgroup = make();
    spec::Resources r;
    ASSERT_TRUE(cgroup.apply(r).ok());
    EXPECT_EQ(open_inside(cgroup, "/dev/null", O_RDWR), 0);
    EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), EPERM);
    std::string before = file(Controller::devices, "devices.list");
    EXPECT_EQ(before.find("a *:* rwm"), std::string::npos);

    spec::DeviceRule kmsg{.allow = true, .type = 'c', .major = 1, .minor = 11, .read = true};
    r.devices.push_back(kmsg);
    ASSERT_TRUE(cgroup.apply(r).ok());
    EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), 0);
    EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_WRONLY), EPERM);
    EXPECT_EQ(open_inside(cgroup, "/dev/null", O_RDWR), 0);
    ASSERT_TRUE(cgroup.apply(spec::Resources{}, DeviceRules::keep).ok());
    EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_RDONLY), 0);

    ASSERT_TRUE(cgroup.apply(spec::Resources{}).ok());
    EXPECT_EQ(file(Controller::devices, "devices.list"), before);
    r.devices = {spec::DeviceRule{
        .allow = true, .type = 'a', .major = {}, .minor = {}, .read = true, .write = true, .mknod = true}};
    ASSERT_TRUE(cgroup.apply(r).ok());
    EXPECT_EQ(open_inside(cgroup, "/dev/kmsg", O_WRONLY), 0);
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, OomKillerSwappinessAndPidsAreSet) {
    Cgroup cgroup = make();
    spec::Resources r;
    r.memory.emplace();
    r.memory->limit = 64 << 20;
    r.memory->swappiness = 7;
    r.memory->disable_oom_killer = true;
    r.pids_limit = 33;
    auto applied = cgroup.apply(r);
    ASSERT_TRUE(applied.ok()) << applied.error().text();
    EXPECT_EQ(file(Controller::memory, "memory.swappiness"), "7");
    EXPECT_NE(file(Controller::memory, "memory.oom_control").find("oom_kill_disable 1"), std::string::npos);
    EXPECT_EQ(file(Controller::pids, "pids.max"), "33");
    r.memory->disable_oom_killer = false;
    r.pids_limit = -1;
    ASSERT_TRUE(cgroup.apply(r).ok());
    EXPECT_NE(file(Controller::memory, "memory.oom_control").find("oom_kill_disable 0"), std::string::npos);
    EXPECT_EQ(file(Controller::pids, "pids.max"), "max");
    EXPECT_TRUE(cgroup.remove().ok());
}

TEST_F(CgroupV1, AFailureInTheMiddleLeavesNoDirectory) {
    // The last hierarchy is not there: every mkdir before it has to be undone.
    std::vector<Hierarchy> hierarchies = layout_->hierarchies();
    hierarchies.push_back({Controller::rdma, "/proc/nowhere"});
    auto failed =
        Cgroup::create(Layout(Version::v1, hierarchies), {.cgroups_path = name_ + "/a/b", .id = "x"});
    ASSERT_FALSE(failed.ok());
    EXPECT_NE(failed.error().text().find("mkdir"), std::string::npos) << failed.error().text();
}

TEST_F(CgroupV1, ARootlessContainerGoesWithoutTheHierarchiesThatRefuse) {
    std::vector<Hierarchy> hierarchies = layout_->hierarchies();
    int status = in_child([&] {
        if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) return 2;
        Layout layout(Version::v1, hierarchies);
        EXPECT_FALSE(Cgroup::create(layout, {.cgroups_path = name_, .id = "x"}).ok());
        auto cgroup = Cgroup::create(layout, {.cgroups_path = name_, .id = "x", .is_rootless = true});
        EXPECT_TRUE(cgroup.ok());
        EXPECT_FALSE(cgroup->exists());
        EXPECT_TRUE(cgroup->attach_self(Cgroup::Birth::elsewhere).ok());
        spec::Resources r;
        EXPECT_TRUE(cgroup->apply(r).ok());
        r.pids_limit = 5;
        auto applied = cgroup->apply(r);
        EXPECT_FALSE(applied.ok());
        EXPECT_NE(applied.error().text().find("could not join or create cgroup"), std::string::npos);
        return 0;
    });
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace urc::cgroup
