// What the tests of the cgroup room share: directories that stand for hierarchies, children to put into real
// cgroups, and the check that nothing is left.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "core/cgroup/cgroup.h"
#include "uring/fd.h"

namespace urc::cgroup {

inline std::string slurp(const std::string& path) {
    std::ifstream file(path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

inline void spit(const std::string& path, const std::string& text = "") {
    std::ofstream(path) << text;
}

inline bool is_there(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

class TempDir {
public:
    TempDir() {
        char name[] = "/tmp/urc-cgroup-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

// Runs `body` in a forked child and gives its exit status; failed expectations in there print and make it 1.
inline int in_child(const std::function<int()>& body) {
    pid_t pid = ::fork();
    if (pid == 0) {
        int status = body();
        std::fflush(nullptr);
        ::_exit(::testing::Test::HasFailure() ? 1 : status);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A child that attaches itself, says so, and waits for a signal. Killed and reaped in the end.
class Sleeper {
public:
    explicit Sleeper(const std::function<bool()>& prepare = [] { return true; }) {
        int ends[2];
        is_ready_ = ::pipe2(ends, O_CLOEXEC) == 0;
        pid_ = ::fork();
        if (pid_ == 0) {
            if (!prepare()) ::_exit(1);
            (void)!::write(ends[1], "x", 1);
            for (;;) ::pause();
        }
        ::close(ends[1]);
        char byte = 0;
        is_ready_ = is_ready_ && ::read(ends[0], &byte, 1) == 1;
        ::close(ends[0]);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
        (void)wait();
    }
    bool is_ready() const { return is_ready_; }
    pid_t pid() const { return pid_; }
    // The signal that ended it.
    int wait() {
        int status = 0;
        if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }

private:
    pid_t pid_ = -1;
    bool is_ready_ = false;
};

inline std::size_t count_fds() {
    auto entries = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// A name that no other test and no other run uses.
inline std::string unique_name() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    return std::string("urc-test-") + test->name() + "-" + std::to_string(::getpid());
}

}  // namespace urc::cgroup
