// A launch with hooks of every kind: each of its steps is made to fail, and nothing is left; the poststop
// hooks are told of it if there was a container at all.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "container_test.h"
#include "core/hooks/hook.h"
#include "core/lifecycle/await.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/launch.h"
#include "uring/file.h"

namespace urc {
namespace {

class HooksTest : public testing::ContainerTest {
protected:
    // Every kind writes its name down. `broken` is the one that fails.
    void configure(std::string_view broken = {}) {
        write_config({"/bin/true"});
        auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
        ASSERT_TRUE(text.ok());
        std::string hooks = "{\"hooks\":{";
        for (std::string kind : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"}) {
            std::string script = "cat >>" + order() + ".documents; echo " + kind + " >>" + order();
            if (kind == broken) script += "; exit 9";
            hooks += "\"" + kind +
                     R"(":[{"path":"/bin/sh","env":["PATH=/bin:/usr/bin"],"args":["sh","-c",")" + script +
                     "\"]}],";
        }
        hooks += R"("startContainer":[{"path":"/bin/sh","args":["sh","-c","exit )" +
                 std::string(broken == "startContainer" ? "9" : "0") + "\"]}]},";
        write_file(bundle_ + "/config.json", hooks + text->substr(1));
    }
    std::string order() const { return directory_ + "/order"; }
    std::string take_order() const {
        auto text = read_file_at(AT_FDCWD, order().c_str());
        ::unlink(order().c_str());
        return text.ok() ? *text : "";
    }

    std::string text_of_failing(StartedBy started_by, const child::StepHook& hook = {}) {
        auto launched = launch(global(), options(), started_by, hook);
        if (!launched.ok()) return launched.error().text();
        if (started_by == StartedBy::socket) return "launched";
        auto released = release(global(), *launched);
        return released.ok() ? "released" : released.error().text();
    }
};

TEST_F(HooksTest, LeavesNothingWhicheverStepFails) {
    configure();
    bool has_process = false;
    auto fail_at = [&](std::string_view failing, StartedBy started_by) {
        child::StepHook hook = [failing](std::string_view step) -> Result<void> {
            if (step == failing) return Error(EIO, "injected at", step);
            return {};
        };
        EXPECT_EQ(text_of_failing(started_by, hook),
                  "injected at: " + std::string(failing) + ": Input/output error");
        EXPECT_EQ(leftovers(), "") << "after failing at " << failing;
        const std::string said = take_order();
        EXPECT_EQ(said.ends_with("poststop\n"), has_process)
            << "after failing at " << failing << ": " << said;
    };
    for (std::string_view step : launch_step_names()) {
        fail_at(step, StartedBy::channel);
        fail_at(step, StartedBy::socket);
        has_process = has_process || step == "spawn";
    }
    for (std::string_view step : child::step_names()) {
        fail_at(step, StartedBy::channel);
        fail_at(step, StartedBy::socket);
    }
}

TEST_F(HooksTest, LeavesNothingWhicheverHookFails) {
    for (std::string kind : {"prestart", "createRuntime", "createContainer", "startContainer", "poststart"}) {
        configure(kind);
        EXPECT_EQ(text_of_failing(StartedBy::channel), "error running " + kind + " hook #0: exit status 9");
        EXPECT_EQ(leftovers(), "") << kind;
        EXPECT_TRUE(take_order().ends_with("poststop\n")) << kind;
    }
    for (std::string kind : {"prestart", "createRuntime", "createContainer"}) {
        configure(kind);
        EXPECT_EQ(text_of_failing(StartedBy::socket), "error running " + kind + " hook #0: exit status 9");
        EXPECT_EQ(leftovers(), "") << kind;
        EXPECT_TRUE(take_order().ends_with("poststop\n")) << kind;
    }
}

TEST_F(HooksTest, LeavesNothingWhenTheChildDiesBeforeOrAfterItsHooks) {
    configure();
    for (std::string_view victim : {"mounts", "hooks", "pivot"}) {
        child::StepHook hook = [victim](std::string_view step) -> Result<void> {
            if (step == victim) ::_exit(1);
            return {};
        };
        EXPECT_NE(text_of_failing(StartedBy::socket, hook).find("died before it was set up"),
                  std::string::npos);
        EXPECT_EQ(leftovers(), "") << "after dying at " << victim;
        EXPECT_TRUE(take_order().ends_with("poststop\n")) << victim;
    }
}

TEST_F(HooksTest, AStateThatWasSavedKnowsTheHooksThatAreToCome) {
    configure();
    auto launched = launch(global(), options(), StartedBy::socket);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    EXPECT_EQ(take_order(), "prestart\ncreateRuntime\ncreateContainer\n");
    ASSERT_EQ(::unlink((bundle_ + "/config.json").c_str()), 0);
    kill_and_reap(launched->init);
    launched->dir.unlock();
    auto removed = remove(global(), id_, {});
    EXPECT_TRUE(removed.ok()) << removed.error().text();
    EXPECT_EQ(take_order(), "poststop\n");
    launched = Error(ECANCELED, "closed");
}

}  // namespace
}  // namespace urc
