// exec into a container whose processes may trace: they have CAP_SYS_PTRACE and no user namespace of their
// own, so not being dumpable hides nothing from them. What shows up beside them must have nothing of the
// host's.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/lifecycle/exec.h"
#include "live_container.h"
#include "uring/file.h"

namespace urc {
namespace {

constexpr std::uint64_t kCapabilities = std::uint64_t{1} << CAP_KILL | std::uint64_t{1} << CAP_SYS_PTRACE;
constexpr const char* kCapabilityNames = R"("CAP_KILL","CAP_SYS_PTRACE")";

// A process of the container that looks at every other again and again, and writes down what it should not
// see.
class Watcher {
public:
    Watcher(const Pidfd& init, std::string host_file, std::string host_variable)
        : host_file_(std::move(host_file)), host_variable_(std::move(host_variable)) {
        EXPECT_EQ(::pipe2(stop_, O_CLOEXEC), 0);
        EXPECT_EQ(::pipe2(found_, O_CLOEXEC), 0);
        stage_ = ::fork();
        if (stage_ == 0) enter(init);
        ::close(stop_[0]);
        ::close(found_[1]);
        char ready;
        EXPECT_EQ(::read(found_[0], &ready, 1), 1);
    }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // What it found, a line each; the last one tells at how many processes it looked.
    std::string end() {
        ::close(stop_[1]);
        std::string text;
        char buffer[4096];
        for (ssize_t got; (got = ::read(found_[0], buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(got));
        ::close(found_[0]);
        ::waitpid(stage_, nullptr, 0);
        return text;
    }

private:
    [[noreturn]] void enter(const Pidfd& init) {
        constexpr int kAll =
            CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
        ::close(stop_[1]);
        if (::setns(init.get(), kAll) < 0) ::_exit(1);
        pid_t watcher = ::fork();
        if (watcher == 0) watch();
        ::close(stop_[0]);
        ::close(found_[1]);
        ::waitpid(watcher, nullptr, 0);
        ::_exit(0);
    }

    [[noreturn]] void watch() {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct data[2]{};
        data[0].effective = data[0].permitted = static_cast<std::uint32_t>(kCapabilities);
        if (::syscall(SYS_capset, &header, data) < 0) ::_exit(1);
        if (::write(found_[1], "!", 1) != 1) ::_exit(1);
        std::set<std::string> seen, reports;
        const std::string own = std::to_string(::getpid());
        for (pollfd stop{stop_[0], POLLIN, 0}; ::poll(&stop, 1, 0) == 0;) {
            std::error_code gone;
            for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
                std::string pid = entry.path().filename();
                if (pid.find_first_not_of("0123456789") != std::string::npos || pid == "1" || pid == own)
                    continue;
                seen.insert(pid);
                look_at(pid, reports);
            }
        }
        std::string text;
        for (const std::string& report : reports) text += report + "\n";
        text += "looked at " + std::to_string(seen.size()) + "\n";
        ::_exit(::write(found_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }

    void look_at(const std::string& pid, std::set<std::string>& reports) const {
        const std::string directory = "/proc/" + pid;
        if (::access((directory + "/root" + host_file_).c_str(), F_OK) == 0)
            reports.insert("the host's root");
        if (::access((directory + "/cwd" + host_file_).c_str(), F_OK) == 0) reports.insert("the host as cwd");
        std::error_code gone;
        std::string exe = std::filesystem::read_symlink(directory + "/exe", gone);
        if (!gone && exe != "/bin/busybox" && !exe.starts_with("/memfd:")) reports.insert("exe " + exe);
        for (const auto& fd : std::filesystem::directory_iterator(directory + "/fd", gone)) {
            std::string number = fd.path().filename();
            std::string target = std::filesystem::read_symlink(fd.path(), gone);
            if (gone || (number.size() == 1 && number < "3")) continue;
            if (!target.starts_with("socket:") && !target.starts_with("/memfd:"))
                reports.insert("fd " + target);
        }
        std::ifstream status(directory + "/status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with("CapPrm:") && std::stoull(line.substr(7), nullptr, 16) & ~kCapabilities)
                reports.insert(line);
        if (has_host_variable(directory, std::stoi(pid))) reports.insert("the host's environment");
    }

    // In its stack, by the right with which it could also be attached to (ptrace(2), PTRACE_MODE_ATTACH).
    bool has_host_variable(const std::string& directory, pid_t pid) const {
        std::ifstream maps(directory + "/maps");
        for (std::string line; std::getline(maps, line);) {
            if (!line.ends_with("[stack]")) continue;
            std::size_t dash = 0;
            auto begin = std::stoull(line, &dash, 16), end = std::stoull(line.substr(dash + 1), nullptr, 16);
            std::string stack(end - begin, '\0');
            iovec local{stack.data(), stack.size()}, remote{reinterpret_cast<void*>(begin), stack.size()};
            if (::process_vm_readv(pid, &local, 1, &remote, 1, 0) <= 0) return false;
            return stack.find(host_variable_) != std::string::npos;
        }
        return false;
    }

    std::string host_file_, host_variable_;
    int stop_[2]{}, found_[2]{};
    pid_t stage_ = -1;
};

class ExecTraceTest : public testing::LiveContainerTest {
protected:
    void edit(const std::string& from, const std::string& to) {
        auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
        ASSERT_TRUE(text.ok());
        std::string config = *text;
        std::size_t at = config.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        for (; at != std::string::npos; at = config.find(from, at + to.size()))
            config.replace(at, from.size(), to);
        write_file(bundle_ + "/config.json", config);
    }
    // The output and the exit status of an executed shell script.
    std::string run(const std::string& script, int status = 0) {
        ExecOptions options;
        options.id = id_;
        options.args = {"/bin/sh", "-c", script + " >/out 2>&1"};
        auto started = start_exec(global(), options);
        EXPECT_TRUE(started.ok()) << started.error().text();
        if (!started.ok()) return {};
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(started->process.get()), &info, WEXITED);
        EXPECT_EQ(info.si_status, status) << script;
        auto text = read_file_at(AT_FDCWD, (bundle_ + "/rootfs/out").c_str());
        return text.ok() ? *text : text.error().text();
    }
};

TEST_F(ExecTraceTest, CVE_2016_9962_ATracerFindsNothingOfTheHost) {
    const char* path = ::getenv("PATH");
    ASSERT_TRUE(path && std::string_view(path) != "/bin") << "something of the host to be looked for";
    write_file(directory_ + "/secret", "of the host");
    write_config({"/bin/sleep", "1000"});
    edit(R"(["CAP_KILL"])", std::string("[") + kCapabilityNames + "]");
    edit("\"oomScoreAdj\":100,", "");
    for (bool no_new_privileges : {true, false}) {
        if (!no_new_privileges) edit(R"("noNewPrivileges":true)", R"("noNewPrivileges":false)");
        make(StartedBy::channel);
        Watcher watcher(init_, directory_ + "/secret", "PATH=" + std::string(path));
        ExecOptions options;
        options.id = id_;
        options.args = {"/bin/true"};
        for (int tries = 0; tries < 100; ++tries) {
            auto started = start_exec(global(), options);
            ASSERT_TRUE(started.ok()) << started.error().text();
            siginfo_t info{};
            ::waitid(P_PIDFD, static_cast<id_t>(started->process.get()), &info, WEXITED);
        }
        std::string found = watcher.end();
        ASSERT_TRUE(found.starts_with("looked at ")) << found;
        EXPECT_GT(std::stoi(found.substr(10)), 10) << "it saw too few of the 100";
        ASSERT_TRUE(remove(global(), id_, {.force = true}).ok());
        kill_and_reap(init_);
    }
}

// Where the filter is loaded depends on what it forbids and on the right to load one; the program must not
// notice.
TEST_F(ExecTraceTest, TheFilterAndTheCapabilitiesAreThoseThatWereAskedFor) {
    const std::string script =
        "grep -E '^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\n\\t '";
    std::filesystem::create_symlink("busybox", bundle_ + "/rootfs/bin/grep");
    std::filesystem::create_symlink("busybox", bundle_ + "/rootfs/bin/tr");
    const std::string caps =
        "CapPrm:0000000000000020CapEff:0000000000000020CapBnd:0000000000000020CapAmb:0000000000000000";
    make(StartedBy::channel);
    EXPECT_EQ(run(script), caps + "NoNewPrivs:1Seccomp:2");
    edit(R"("noNewPrivileges":true)", R"("noNewPrivileges":false)");
    EXPECT_EQ(run(script), caps + "NoNewPrivs:0Seccomp:2");
    // Only calls that the program itself has no use for.
    edit(R"(["swapon"])", R"(["swapon","setsid","readv"])");
    EXPECT_EQ(run(script), caps + "NoNewPrivs:0Seccomp:2");
    edit(R"(["CAP_KILL"])", R"(["CAP_KILL","CAP_SYS_ADMIN"])");
    EXPECT_EQ(run(script),
              "CapPrm:0000000000200020CapEff:0000000000200020CapBnd:0000000000200020CapAmb:0000000000000000"
              "NoNewPrivs:0Seccomp:2");
}

TEST_F(ExecTraceTest, ALimitOfOneProcessLeavesRoomForTheProgram) {
    edit(R"("rlimits":[)", R"("rlimits":[{"type":"RLIMIT_NPROC","soft":1,"hard":1},)");
    edit(R"("uid":0)", R"("uid":61234)");
    write_file(bundle_ + "/rootfs/out", "");
    ASSERT_EQ(::chmod((bundle_ + "/rootfs/out").c_str(), 0666), 0);
    make(StartedBy::channel);
    ASSERT_EQ(run("exec /bin/busybox id -u"), "61234\n");
}

TEST_F(ExecTraceTest, ItLeadsASessionOfItsOwn) {
    make(StartedBy::channel);
    // proc(5), stat: pid, comm, state, ppid, pgrp, session.
    EXPECT_EQ(run("set -- $(/bin/cat /proc/$$/stat); [ $1 = $$ ] && [ $4 = 0 ] && [ $5 = $$ ] && [ $6 = $$ ] "
                  "&& echo leads"),
              "leads\n");
}

TEST_F(ExecTraceTest, PathsThatOnlyTheProgramHasAreLeftToExecve) {
    make(StartedBy::channel);
    ExecOptions options;
    options.id = id_;
    options.args = {"/proc/self/root/bin/true"};
    auto started = start_exec(global(), options);
    ASSERT_TRUE(started.ok()) << started.error().text();
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(started->process.get()), &info, WEXITED);
    EXPECT_EQ(info.si_status, 0);
    options.args = {"/proc/self/root/bin/nope"};
    started = start_exec(global(), options);
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().text(), "exec /proc/self/root/bin/nope: no such file or directory");
}

}  // namespace
}  // namespace urc
