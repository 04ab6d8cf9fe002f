#include "container_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "uring/file.h"

namespace urc::testing {

namespace {

constexpr const char* kBusybox = "/bin/busybox";

std::string read_text(const char* path) {
    auto text = read_file_at(AT_FDCWD, path, 64u << 20);
    return text.ok() ? *text : std::string();
}

std::size_t count_fds() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

std::string quote(const std::vector<std::string>& words) {
    std::string json;
    for (const std::string& word : words) json += (json.empty() ? "\"" : ",\"") + word + "\"";
    return json;
}

}  // namespace

void ContainerTest::SetUp() {
    if (::geteuid() != 0) GTEST_SKIP() << "starting containers with these configurations needs root";
    if (::access(kBusybox, X_OK) != 0) GTEST_SKIP() << "busybox-static is not installed";
    char name[] = "/tmp/urc-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    id_ = directory_.substr(directory_.rfind('/') + 1);
    bundle_ = directory_ + "/bundle";
    root_ = directory_ + "/root";
    for (const char* sub :
         {"", "/rootfs", "/rootfs/bin", "/rootfs/etc", "/rootfs/proc", "/rootfs/dev", "/rootfs/sys"})
        ASSERT_EQ(::mkdir((bundle_ + sub).c_str(), 0755), 0) << sub;
    std::filesystem::copy_file(kBusybox, bundle_ + "/rootfs/bin/busybox");
    for (const char* applet : {"sh", "true", "sleep", "cat"})
        std::filesystem::create_symlink("busybox", bundle_ + "/rootfs/bin/" + applet);
    mountinfo_ = read_text("/proc/self/mountinfo");
    fds_ = count_fds();
}

void ContainerTest::TearDown() {
    if (directory_.empty()) return;
    EXPECT_EQ(leftovers(), "");
    std::filesystem::remove_all(directory_);
}

void ContainerTest::write_file(const std::string& path, const std::string& text) {
    auto file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(write_all(file->get(), text, path).ok());
}

void ContainerTest::write_config(const std::vector<std::string>& args, const std::string& linux_extra) {
    write_file(bundle_ + "/config.json",
               R"({"ociVersion":"1.2.0","hostname":"urc","root":{"path":"rootfs"},
 "process":{"cwd":"/","args":[)" +
                   quote(args) +
                   R"(],"env":["PATH=/bin"],"user":{"uid":0,"gid":0},"noNewPrivileges":true,
  "oomScoreAdj":100,"rlimits":[{"type":"RLIMIT_NOFILE","soft":512,"hard":512}],
  "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]}},
 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755","size=65536k"]},
  {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance","ptmxmode=0666","mode=0620"]},
  {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["ro"]}],
 "linux":{)" + linux_extra +
                   R"("resources":{"pids":{"limit":64},"devices":[{"allow":false,"access":"rwm"}]},
  "namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"cgroup"}],
  "sysctl":{"net.ipv4.ip_forward":"0"},
  "seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["swapon"],"action":"SCMP_ACT_ERRNO"}]},
  "maskedPaths":["/proc/keys"],"readonlyPaths":["/proc/sys"]}})");
}

CreateOptions ContainerTest::options() const {
    CreateOptions options;
    options.id = id_;
    options.bundle = bundle_;
    return options;
}

Result<void> ContainerTest::release(const Global& global, Launched& container, unsigned passed) const {
    URC_TRY_VOID(urc::release(global, container));
    expect_holds_nothing(container.state.init.pid, passed);
    return {};
}

Result<void> ContainerTest::start(const Global& global, std::string_view id) const {
    URC_TRY_VOID(urc::start(global, id));
    auto view = state(global, id);
    if (view.ok() && view->pid > 0) expect_holds_nothing(view->pid, 0);
    return {};
}

// The program may have opened files and pipes of its own by now, or be gone.
void ContainerTest::expect_holds_nothing(pid_t init, unsigned passed) const {
    const std::string directory = "/proc/" + std::to_string(init) + "/fd";
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(directory, gone)) {
        const unsigned fd = static_cast<unsigned>(std::stoul(entry.path().filename()));
        const std::string target = std::filesystem::read_symlink(entry.path(), gone);
        if (gone || fd < 3 + passed) continue;
        for (const char* ours : {"socket:", "anon_inode:", "/memfd:", "/sys/", directory_.c_str()})
            EXPECT_FALSE(target.starts_with(ours)) << "init's descriptor " << fd << " is " << target;
        EXPECT_FALSE(std::filesystem::is_directory(entry.path(), gone))
            << "init's descriptor " << fd << " is the directory " << target;
    }
}

std::string ContainerTest::leftovers() const {
    std::string found;
    if (::access((root_ + "/" + id_).c_str(), F_OK) == 0) found += "state directory; ";
    std::vector<std::string> places{"/sys/fs/cgroup"};
    for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/cgroup"))
        if (entry.is_directory()) places.push_back(entry.path());
    for (const std::string& place : places)
        if (::access((place + "/" + id_).c_str(), F_OK) == 0) found += place + "/" + id_ + "; ";
    if (read_text("/proc/self/mountinfo") != mountinfo_) found += "mounts; ";
    if (count_fds() != fds_) found += "descriptors: " + std::to_string(count_fds()) + "; ";
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD)
        found += "child processes; ";
    // The kernel collects a keyring soon after its last process; it does so whenever it gets to run.
    for (int tries = 0; read_text("/proc/keys").find("_ses." + id_) != std::string::npos; ++tries) {
        if (tries == 5'000) {
            found += "session keyring; ";
            break;
        }
        (void)::poll(nullptr, 0, 1);  // there is nothing to wait on; some seconds, on a busy machine
    }
    return found;
}

}  // namespace urc::testing
