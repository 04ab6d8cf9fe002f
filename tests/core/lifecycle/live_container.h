// A real container that sleeps, for the verbs that act on one.
#pragma once

#include <poll.h>
#include <sys/wait.h>

#include <csignal>

#include "container_test.h"
#include "core/lifecycle/launch.h"

namespace urc::testing {

class LiveContainerTest : public ContainerTest {
protected:
    void SetUp() override {
        ContainerTest::SetUp();
        if (directory_.empty()) return;
        write_config({"/bin/sleep", "1000"});
    }
    void TearDown() override {
        if (!directory_.empty()) (void)remove(global(), id_, {.force = true});
        if (init_) kill_and_reap(init_);
        init_.reset();
        ContainerTest::TearDown();
    }
    // Created; with `run`, also started.
    void make(StartedBy started_by) {
        auto launched = launch(global(), options(), started_by);
        ASSERT_TRUE(launched) << launched.error().text();
        if (started_by == StartedBy::channel) {
            ASSERT_TRUE(release(global(), *launched));
        }
        pid_ = launched->state.init.pid;
        init_ = std::move(launched->init);
    }
    std::string status() {
        auto view = state(global(), id_);
        return view ? std::string(status_word(view->status)) : view.error().text();
    }
    bool has_ended() {
        pollfd wait{init_.get(), POLLIN, 0};
        return ::poll(&wait, 1, 5'000) == 1;
    }
    static std::string text(const Result<void>& result) { return result ? "" : result.error().text(); }

    Pidfd init_;
    pid_t pid_ = 0;
};

}  // namespace urc::testing
