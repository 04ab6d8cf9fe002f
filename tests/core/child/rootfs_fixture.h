// A bundle in a temporary directory, and a forked child that goes through the steps of rootfs.h in namespaces
// of its own. What the child finds wrong comes back as text; nothing of it may stay on the host.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "core/child/rootfs.h"

namespace urc::child::testing {

inline std::string slurp(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

inline void spill(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

// What the child does beside the steps themselves; each returns "" or what is wrong.
using Check = std::function<std::string(RootfsPlan&)>;

struct Course {
    unsigned namespaces =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
    bool has_userns = false;
    std::string uid_map = "0 0 4294967295";
    std::function<std::string()> outer_setup;  // before the user namespace
    Check host_setup;                          // in the new mount namespace, before anything of urc
    Check before_pivot;                        // after prepare_rootfs
    Check inside;                              // at the end, with the container's root
};

class RootfsTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        ASSERT_TRUE(be_like_a_systemd_host());
        mountinfo_ = slurp("/proc/self/mountinfo");
        std::string name = "/tmp/urc-rootfs-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        ::chmod(name.c_str(), 0755);
        bundle_ = name;
        rootfs_ = bundle_ + "/rootfs";
        std::filesystem::create_directory(rootfs_);
        spec_.root = spec::Root{"rootfs", false};
        using enum spec::NamespaceType;
        for (auto type : {mount, pid, ipc, uts, network, cgroup})
            spec_.linux.namespaces.push_back({type, ""});
        options_.bundle = bundle_;
    }

    void TearDown() override {
        if (bundle_.empty()) return;
        EXPECT_EQ(slurp("/proc/self/mountinfo"), mountinfo_) << "something stayed mounted on the host";
        std::error_code ignored;
        std::filesystem::remove_all(bundle_, ignored);
    }

    spec::Mount& mount(std::string destination, std::string type, std::string source,
                       std::vector<std::string> options = {}) {
        spec_.mounts.push_back(
            {std::move(destination), std::move(type), std::move(source), std::move(options), {}, {}});
        return spec_.mounts.back();
    }
    spec::Mount& bind(const std::string& source, const std::string& destination,
                      std::vector<std::string> options = {}) {
        options.insert(options.begin(), "bind");
        return mount(destination, "bind", source, std::move(options));
    }
    void mount_dev() {
        mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
    }
    void mount_devpts() {
        mount("/dev/pts", "devpts", "devpts",
              {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
    }
    void mount_proc() { mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}); }
    void mount_sys() { mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}); }

    void docker_like() {
        mount_proc();
        mount_dev();
        mount_devpts();
        mount_sys();
        mount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"});
        mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
        mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"});
        spec_.linux.masked_paths = {"/proc/asound",     "/proc/acpi",        "/proc/keys",
                                    "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
                                    "/proc/scsi",       "/sys/firmware",     "/proc/keys"};
        spec_.linux.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                      "/proc/sysrq-trigger"};
    }

    // "" when all went well; else the Error's text, or what the checks returned.
    std::string run(const Course& how) {
        auto plan = plan_rootfs(spec_, options_);
        if (!plan.ok()) return plan.error().text();
        if (auto opened = open_sources(*plan); !opened.ok()) return opened.error().text();
        std::array<int, 2> report{}, ready{}, mapped{};
        if (::pipe2(report.data(), O_CLOEXEC) || ::pipe2(ready.data(), O_CLOEXEC) ||
            ::pipe2(mapped.data(), O_CLOEXEC))
            return "pipe";
        pid_t child = ::fork();
        if (child == 0) ::_exit(outer_child(how, *plan, report[1], ready[1], mapped[0]));
        ::close(report[1]);
        ::close(ready[1]);
        char byte = 0;
        if (how.has_userns && ::read(ready[0], &byte, 1) == 1) {
            std::string proc = "/proc/" + std::to_string(child);
            spill(proc + "/uid_map", how.uid_map);
            spill(proc + "/gid_map", how.uid_map);
        }
        (void)!::write(mapped[1], "m", 1);
        std::string text;
        for (std::array<char, 4096> part;;) {
            ssize_t length = ::read(report[0], part.data(), part.size());
            if (length <= 0) break;
            text.append(part.data(), static_cast<std::size_t>(length));
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        for (int fd : {report[0], ready[0], mapped[0], mapped[1]}) ::close(fd);
        if (status != 0 && text.empty()) return "the child ended with " + std::to_string(status);
        return text;
    }
    std::string run(Check inside = nullptr) {
        Course how;
        how.inside = std::move(inside);
        return run(how);
    }

    std::string bundle_, rootfs_, mountinfo_;
    int host_mountinfo_ = -1;
    std::string before_;
    spec::Spec spec_;
    RootfsOptions options_;

private:
    // A mount namespace for the whole test program in which everything is shared: what leaks is seen.
    static bool be_like_a_systemd_host() {
        static const bool is_shared = ::unshare(CLONE_NEWNS) == 0 &&
                                      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                                      ::mount("none", "/", nullptr, MS_REC | MS_SHARED, nullptr) == 0;
        return is_shared;
    }

    static int outer_child(const Course& how, RootfsPlan& plan, int report, int ready, int mapped) {
        char byte = 0;
        if (how.outer_setup) {
            if (std::string wrong = how.outer_setup(); !wrong.empty()) {
                (void)!::write(report, wrong.data(), wrong.size());
                return 1;
            }
        }
        if (how.has_userns) {
            if (::unshare(CLONE_NEWUSER) < 0) return 2;
            (void)!::write(ready, "r", 1);
        }
        if (::read(mapped, &byte, 1) != 1) return 3;
        if (how.has_userns && (::setresgid(0, 0, 0) < 0 || ::setresuid(0, 0, 0) < 0)) return 4;
        if (::unshare(static_cast<int>(how.namespaces)) < 0) return 5;
        pid_t child = ::fork();
        if (child == 0) {
            std::string wrong = inner_child(how, plan);
            (void)!::write(report, wrong.data(), wrong.size());
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 6;
    }

    static std::string inner_child(const Course& how, RootfsPlan& plan) {
        std::string wrong;
        auto check = [&](const Check& one) { return !one || (wrong = one(plan)).empty(); };
        auto step = [&](const Result<void>& done) {
            return done.ok() || !(wrong = done.error().text()).empty();
        };
        auto ok = [&](const Result<void>& done) { return done.ok() || (step(done), false); };
        (void)(check(how.host_setup) && ok(prepare_rootfs(plan)) && check(how.before_pivot) &&
               ok(pivot(plan)) && ok(finish_rootfs(plan)) && check(how.inside));
        return wrong;
    }
};

// ---- looking around inside
// -----------------------------------------------------------------------------------

// The whole of a file that is open already, from its beginning.
inline std::string read_again(int fd) {
    std::string text;
    ::lseek(fd, 0, SEEK_SET);
    for (std::array<char, 4096> part;;) {
        ssize_t length = ::read(fd, part.data(), part.size());
        if (length <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(length));
    }
}

// The container's mountinfo, by a procfs of its own.
inline std::string mountinfo_inside() {
    auto procfs = Procfs::open();
    if (!procfs.ok()) return procfs.error().text();
    auto file = procfs->open_file("self/mountinfo", O_RDONLY);
    if (!file.ok()) return file.error().text();
    return read_again(file->get());
}

inline std::string cwd() {
    std::array<char, 4096> path;
    return ::getcwd(path.data(), path.size()) ? path.data() : "";
}

// The last line for the mount point, "" when it is none. Fields: options, optional fields, "-", type, source.
inline std::string mount_line(const std::string& mount_point) {
    std::istringstream lines(mountinfo_inside());
    std::string found;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        words >> id >> parent >> device >> root >> point;
        if (point == mount_point) found = line;
    }
    return found;
}

inline bool has_word(const std::string& line, const std::string& word) {
    for (std::size_t at = 0; (at = line.find(word, at)) != std::string::npos; ++at) {
        auto is_edge = [&](std::size_t i) { return i >= line.size() || line[i] == ' ' || line[i] == ','; };
        if ((at == 0 || is_edge(at - 1)) && is_edge(at + word.size())) return true;
    }
    return false;
}

inline bool is_device(const std::string& path, unsigned major_number, unsigned minor_number) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode) &&
           status.st_rdev == makedev(major_number, minor_number);
}

inline int mode_of(const std::string& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 ? static_cast<int>(status.st_mode & 07777) : -1;
}

inline bool exists(const std::string& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0;
}

// In a Check: returns the text when the condition does not hold.
#define URC_NEED(condition)                                                                     \
    do {                                                                                        \
        if (!(condition)) return std::string(#condition " is not so: ") + std::strerror(errno); \
    } while (false)

}  // namespace urc::child::testing
