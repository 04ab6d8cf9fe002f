// The floor is only worth comparing with when its containers are as isolated as a runtime's. One shell script
// looks at everything that can be seen from inside, under the floor and under an installed runtime, in both
// cgroup layouts; what it prints must be the same, but for the differences that the two runtimes have between
// each other.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <sstream>

#include "bench/bundle.h"
#include "bench/runner.h"
#include "bench/view.h"
#include "uring/file.h"

namespace urc::bench {
namespace {

// Prints `topic value` lines. $1 to $8: the host's namespaces, in the order of the list below.
constexpr const char* kProbe = R"probe(
b() { /bin/busybox "$@"; }
b awk '{for(i=7;i<=NF;i++) if($i=="-") t=$(i+1); print "mount",$5,t,$6}' /proc/self/mountinfo
b grep -E '^(Umask|Uid|Gid|Groups|NSpid|NSpgid|NSsid|Cap...|NoNewPrivs|Seccomp|Seccomp_filters):' /proc/$$/status |
    b sed 's/^/status /'
b awk 'NR>1{print "limit",$0}' /proc/self/limits
b sed -E 's#:/(.*/)?(floor|probe)-[0-9]+$#:/self#; s/^[0-9]+/cgroup/' /proc/self/cgroup
for n in cgroup ipc mnt net pid time user uts; do
    [ "$(b readlink /proc/self/ns/$n)" = "$1" ] && echo "namespace $n host" || echo "namespace $n own"; shift
done
for f in /dev/* /dev/pts/*; do echo "device $(b stat -c '%n %A %u:%g %t:%T' $f) $(b readlink $f)"; done
for f in /proc/$$/fd/*; do echo "fd ${f##*/}"; done
for f in /sys/class/net/*; do echo "interface ${f##*/} $(b cat $f/flags)"; done
for f in kernel/hostname net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range; do
    echo "sysctl $f $(b cat /proc/sys/$f)"; done
echo "oom $(b cat /proc/self/oom_score_adj)"
b env | b grep -vE '^(PWD|SHLVL)=' | b sed 's/^/env /'
for f in /proc/self/root /proc/self/cwd; do echo "link $f $(b readlink $f)"; done
b mknod /tmp/probe c 1 1 2>/dev/null &&
    { (: </tmp/probe) 2>/dev/null && echo "device-rule mem open" || echo "device-rule mem closed"; }
(: >/dev/null) 2>/dev/null && echo "device-rule null open"
(: >/probe) 2>/dev/null && echo "root writable" || echo "root read-only"
(echo 1 >/proc/sys/net/ipv4/ip_forward) 2>/dev/null && echo "sysctl writable" || echo "sysctl read-only"
for f in memory/memory.limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max \
         cpuset/cpuset.cpus cpuset/cpuset.mems; do
    [ -e /sys/fs/cgroup/$f ] && echo "limit $f $(b cat /sys/fs/cgroup/$f)"; done
b sed 's/^/allowed /' /sys/fs/cgroup/devices/devices.list 2>/dev/null
true
)probe";

enum class Program { floor, runc, crun };

struct Case {
    std::string config;
    View view;
};

std::vector<std::string> probe_arguments() {
    std::vector<std::string> args{"/bin/sh", "-c", kProbe, "probe"};
    for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
        char target[64] = {};
        const std::string path = std::string("/proc/self/ns/") + name;
        if (::readlink(path.c_str(), target, sizeof target - 1) > 0) args.emplace_back(target);
    }
    return args;
}

Command command_for(Program program, const Case& wanted, const Bundle& bundle,
                    const std::vector<std::string>& args) {
    if (program == Program::floor) {
        std::vector<std::string> words{URC_FLOOR, wanted.config, bundle.rootfs};
        if (wanted.config == "docker") words.push_back(bundle.filter_path);
        words.insert(words.end(), args.begin(), args.end());
        return {words, {}};
    }
    const std::string id = "probe-" + std::to_string(::getpid());
    Command command{{program == Program::runc ? "runc" : "crun", "--root", bundle.directory.path() + "/state",
                     "run", "--bundle", bundle.path, id},
                    {}};
    if (program == Program::crun) command.environment.emplace_back(std::string("LD_PRELOAD=") + URC_MEMLOCK);
    return command;
}

std::set<std::string> lines_of(const std::string& text) {
    std::set<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.insert(line);
    return lines;
}

// A line that begins with "error:" says why there is nothing else.
std::set<std::string> probe_here(Program program, const Case& wanted) {
    auto unusable = resources_without_controller();
    if (!unusable.ok()) return {"error: " + unusable.error().text()};
    BundleOptions options;
    options.config = wanted.config;
    options.stamp = URC_STAMP;
    options.args = probe_arguments();
    options.unusable_resources = *unusable;
    auto bundle = make_bundle(options);
    if (!bundle.ok()) return {"error: " + bundle.error().text()};
    auto output = run_for_output(command_for(program, wanted, *bundle, options.args));
    if (!output.ok()) return {"error: " + output.error().text()};
    return lines_of(*output);
}

// Runs `body` in a process of its own, because entering a view cannot be undone. "skip:" when it cannot be
// entered.
std::set<std::string> in_view(View view, const std::function<std::set<std::string>()>& body) {
    auto directory = TempDirectory::create();
    if (!directory.ok()) return {"error: " + directory.error().text()};
    const std::string path = directory->path() + "/lines";
    const pid_t pid = ::fork();
    if (pid == 0) {
        auto entered = enter_view(view);
        const auto lines = entered.ok() ? body() : std::set<std::string>{"skip: " + entered.error().text()};
        std::string text;
        for (const std::string& line : lines) text += line + "\n";
        auto fd = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT, 0600);
        ::_exit(fd.ok() && write_all(fd->get(), text, path).ok() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    auto text = read_file_at(AT_FDCWD, path.c_str());
    if (status != 0 || !text.ok()) return {"error: the process in the view failed"};
    return lines_of(*text);
}

std::set<std::string> probe(Program program, const Case& wanted) {
    return in_view(wanted.view, [&] { return probe_here(program, wanted); });
}

bool starts_with_any(const std::string& line, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view p) { return line.starts_with(p); });
}

std::string only_in(const std::set<std::string>& a, const std::set<std::string>& b,
                    std::initializer_list<std::string_view> ignored) {
    std::string text;
    for (const std::string& line : a)
        if (!b.contains(line) && !starts_with_any(line, ignored)) text += "  " + line + "\n";
    return text;
}

void expect_same(Program program, const Case& wanted, std::initializer_list<std::string_view> ignored) {
    const std::set<std::string> floor = probe(Program::floor, wanted);
    if (floor.begin()->starts_with("skip:")) GTEST_SKIP() << *floor.begin();
    const std::set<std::string> runtime = probe(program, wanted);
    ASSERT_GT(floor.size(), 60U) << *floor.begin();
    ASSERT_GT(runtime.size(), 60U) << *runtime.begin();
    EXPECT_EQ(only_in(floor, runtime, ignored), "") << "only under the floor";
    EXPECT_EQ(only_in(runtime, floor, ignored), "") << "only under the runtime";
}

bool is_installed(const char* name) {
    return run_for_output({{name, "--version"}, {}}).ok();
}

class FloorEndState : public testing::TestWithParam<Case> {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        if (::access("/bin/busybox", X_OK) != 0) GTEST_SKIP() << "busybox-static is not installed";
        if (GetParam().view == View::v1 && ::access("/sys/fs/cgroup/memory", F_OK) != 0)
            GTEST_SKIP() << "no cgroup v1 here";
    }
};

TEST_P(FloorEndState, IsThatOfRunc) {
    if (!is_installed("runc")) GTEST_SKIP() << "runc is not installed";
    // runc makes /dev/core only where /proc/kcore can be read, and still lets every container open
    // /dev/net/tun.
    expect_same(Program::runc, GetParam(), {"device /dev/core", "allowed c 10:200"});
}

TEST_P(FloorEndState, IsThatOfCrun) {
    if (!is_installed("crun")) GTEST_SKIP() << "crun is not installed";
    // crun binds the host's /dev/null over masked files, its read-only binds below /proc forget nosuid, nodev
    // and noexec, and it lets every container open /dev/console.
    expect_same(Program::crun, GetParam(), {"mount /proc/", "allowed c 5:1"});
}

TEST_P(FloorEndState, GivesTheStatusAndLeavesNoCgroup) {
    const auto lines = in_view(GetParam().view, []() -> std::set<std::string> {
        BundleOptions options;
        options.stamp = URC_STAMP;
        auto bundle = make_bundle(options);
        if (!bundle.ok()) return {"error: " + bundle.error().text()};
        const Outcome outcome =
            run_once({{URC_FLOOR, "default", bundle->rootfs, "/bin/sh", "-c", "exit 7"}, {}});
        std::set<std::string> found{outcome.failure};
        const std::string name = "floor-" + std::to_string(outcome.pid);
        std::error_code error;
        for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/cgroup", error)) {
            if (entry.path().filename() == name) found.insert("left: " + entry.path().string());
            if (std::filesystem::exists(entry.path() / name))
                found.insert("left in: " + entry.path().string());
        }
        return found;
    });
    if (lines.begin()->starts_with("skip:")) GTEST_SKIP() << *lines.begin();
    EXPECT_EQ(lines, std::set<std::string>{"status 7"});
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
    return info.param.config + "_" + std::string(view_name(info.param.view));
}

INSTANTIATE_TEST_SUITE_P(Both, FloorEndState,
                         testing::Values(Case{"default", View::v1}, Case{"default", View::v2},
                                         Case{"docker", View::v1}, Case{"docker", View::v2}),
                         case_name);

}  // namespace
}  // namespace urc::bench
