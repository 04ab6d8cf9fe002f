// A state root in a directory of its own, processes to stand for a container's init, and a count of
// descriptors: every test must end with as many as it began with.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/state/state.h"
#include "core/state/store.h"

namespace urc::state_test {

inline int count_fds() {
    int count = 0;
    DIR* stream = ::opendir("/proc/self/fd");
    while (::readdir(stream)) ++count;
    ::closedir(stream);
    return count;
}

inline std::string slurp(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void spit(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

// A child that waits for its end.
class Sleeper {
public:
    Sleeper() : pid_(::fork()) {
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) ::pause();
        }
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() {
        ::kill(pid_, SIGKILL);
        reap();
    }
    pid_t pid() const { return pid_; }
    // Ends it and leaves the zombie.
    void end() {
        ::kill(pid_, SIGKILL);
        siginfo_t info;
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    }
    // The status of wait(2), or -1 when it was reaped before.
    int reap() {
        int status = -1;
        if (!is_reaped_) ::waitpid(pid_, &status, 0);
        is_reaped_ = true;
        return status;
    }

private:
    pid_t pid_;
    bool is_reaped_ = false;
};

class StateTest : public ::testing::Test {
protected:
    StateTest() {
        char pattern[] = "/tmp/urc-state-XXXXXX";
        base_ = ::mkdtemp(pattern);
        root_ = base_ + "/root";
        fds_ = count_fds();
    }
    ~StateTest() override {
        EXPECT_EQ(count_fds(), fds_);
        std::filesystem::remove_all(base_);
    }

    static State sample(const std::string& id, pid_t pid) {
        State state;
        state.id = id;
        if (pid > 0) {
            auto init = identify(pid, -1);
            EXPECT_TRUE(init);
            if (init) state.init = *init;
        }
        state.is_restored = true;  // as it, a Sleeper is a live process that has never executed anything
        state.created = {1'700'000'000, 123'456'789};
        state.bundle = "/b";
        state.rootfs = "/b/rootfs";
        state.namespaces = {{spec::NamespaceType::pid, ""}, {spec::NamespaceType::network, "/run/netns/x"}};
        return state;
    }
    // Makes a container whose init is `pid`.
    void put(const std::string& id, pid_t pid) {
        auto store = Store::open(root_);
        ASSERT_TRUE(store);
        auto dir = store->reserve(id);
        ASSERT_TRUE(dir) << dir.error().text();
        ASSERT_TRUE(dir->save(sample(id, pid)));
    }

    std::string base_, root_;
    int fds_ = 0;
};

}  // namespace urc::state_test
