// A launch whose container has somebody else's descriptors as 0, 1 and 2, and the launches that leave a
// monitor behind: whatever fails, neither a container nor its monitor is left.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "container_test.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/launch.h"
#include "core/monitor/monitor.h"
#include "core/monitor/pipes.h"
#include "uring/file.h"

namespace urc {
namespace {

class AttendedLaunchTest : public testing::ContainerTest {
protected:
    // The manager's socket, from which nobody reads, is there before the descriptors are counted.
    void SetUp() override {
        manager_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ContainerTest::SetUp();
        if (directory_.empty()) return;
        manager_path_ = directory_ + "/manager";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        manager_path_.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(manager_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }

    CreateOptions options_with_sink() const {
        CreateOptions created = options();
        relay::SinkOptions& sink = created.sinks.emplace_back();
        sink.driver = relay::Driver::raw_file;
        sink.path = directory_ + "/log";
        created.is_interactive = true;
        return created;
    }
    // All that was written, and its end: nobody holds the other side any more.
    static std::string read_to_end(const Fd& fd) {
        auto text = read_all(fd.get(), 1 << 20, "the container's output");
        EXPECT_TRUE(text.ok());
        return text.ok() ? *text : "";
    }
    // monitor::launch_monitored() and the end of every process that it has started.
    std::string text_of_monitored(const CreateOptions& created, StartedBy started_by) {
        auto launched = monitor::launch_monitored(global(), created, started_by);
        await_children();
        return launched.ok() ? "status " + std::to_string(*launched) : launched.error().text();
    }
    static void await_children() {
        while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
        }
    }
    // Hooks of `kind` that fail.
    void break_hook(const std::string& kind) {
        write_config({"/bin/sleep", "1000"});
        auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
        ASSERT_TRUE(text.ok());
        write_file(bundle_ + "/config.json", "{\"hooks\":{\"" + kind +
                                                 R"(":[{"path":"/bin/sh","args":["sh","-c","exit 9"]}]},)" +
                                                 text->substr(1));
    }
    std::string log() const {
        auto text = read_file_at(AT_FDCWD, (directory_ + "/log").c_str());
        return text.ok() ? *text : text.error().text();
    }

    // With sinks, with a manager, with both.
    std::vector<CreateOptions> ways() {
        CreateOptions sinks = options_with_sink(), manager = options(), both = options_with_sink();
        manager.notify.socket = both.notify.socket = manager_path_;
        return {sinks, manager, both};
    }
    void expect_all_fail(const std::function<void(CreateOptions&)>& change, const std::string& text,
                         bool is_for_create = true) {
        for (CreateOptions& way : ways()) {
            change(way);
            for (StartedBy started_by : {StartedBy::channel, StartedBy::socket}) {
                if (started_by == StartedBy::socket && !is_for_create) continue;
                SCOPED_TRACE(std::to_string(way.sinks.size()) + " sinks, manager: " + way.notify.socket +
                             (started_by == StartedBy::socket ? ", create" : ", run"));
                const std::string said = text_of_monitored(way, started_by);
                EXPECT_NE(said.find(text), std::string::npos) << said;
                EXPECT_EQ(leftovers(), "");
            }
        }
    }
    std::string manager_path_;
    Fd manager_;
};

TEST_F(AttendedLaunchTest, TheProgramHasThePipesItWasGiven) {
    write_config({"/bin/sh", "-c", "read word; echo out $word; echo err $word >&2"});
    const CreateOptions created = options_with_sink();
    auto pipes = monitor::Pipes::make(created, true);
    ASSERT_TRUE(pipes);
    auto launched = launch(global(), created, StartedBy::channel, {}, pipes->attendance(::getpid(), true));
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    pipes->close_containers_ends();
    EXPECT_EQ(launched->state.monitor.pid, ::getpid());
    for (const std::string& target : launched->state.external_descriptors)
        EXPECT_TRUE(target.starts_with("pipe:")) << target;
    auto released = release(global(), *launched);
    ASSERT_TRUE(released.ok()) << released.error().text();
    ASSERT_TRUE(write_all(pipes->in.get(), "hello\n", "stdin"));
    EXPECT_EQ(read_to_end(pipes->out), "out hello\n");
    EXPECT_EQ(read_to_end(pipes->err), "err hello\n");
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(launched->init.get()), &info, WEXITED);
    EXPECT_EQ(info.si_status, 0);
    auto destroyed = destroy(global(), launched->dir, launched->state);
    EXPECT_TRUE(destroyed.ok()) << destroyed.error().text();
}

TEST_F(AttendedLaunchTest, LeavesNothingOnTheOtherSideOfThePipesWhicheverStepFails) {
    write_config({"/bin/true"});
    const CreateOptions created = options_with_sink();
    for (std::string_view failing : launch_step_names()) {
        SCOPED_TRACE(failing);
        child::StepHook hook = [failing](std::string_view step) -> Result<void> {
            if (step == failing) return Error(EIO, "injected at", step);
            return {};
        };
        for (StartedBy started_by : {StartedBy::channel, StartedBy::socket}) {
            auto pipes = monitor::Pipes::make(created, true);
            ASSERT_TRUE(pipes);
            auto launched = launch(global(), created, started_by, hook, pipes->attendance(::getpid(), true));
            ASSERT_FALSE(launched.ok());
            EXPECT_EQ(launched.error().text(),
                      "injected at: " + std::string(failing) + ": Input/output error");
            pipes->close_containers_ends();
            EXPECT_EQ(read_to_end(pipes->out) + read_to_end(pipes->err), "");
            pipes->close_attendants_ends();
            EXPECT_EQ(leftovers(), "");
        }
    }
}

TEST_F(AttendedLaunchTest, AMonitorEndsAfterItsContainerAndHasItsOutput) {
    write_config({"/bin/sh", "-c", "echo hello; echo there >&2"});
    EXPECT_EQ(text_of_monitored(options_with_sink(), StartedBy::channel), "status 0");
    EXPECT_EQ(log().size(), std::string("hello\nthere\n").size()) << log();
    EXPECT_TRUE(remove(global(), id_, {}).ok());
    EXPECT_EQ(leftovers(), "");
}

TEST_F(AttendedLaunchTest, AMonitoredContainerIsRemovedWithItsMonitor) {
    write_config({"/bin/sleep", "1000"});
    for (const CreateOptions& way : ways()) {
        SCOPED_TRACE(std::to_string(way.sinks.size()) + " sinks, manager: " + way.notify.socket);
        auto launched = monitor::launch_monitored(global(), way, StartedBy::socket);
        ASSERT_TRUE(launched.ok()) << launched.error().text();
        auto started = start(global(), id_);
        EXPECT_TRUE(started.ok()) << started.error().text();
        auto view = state(global(), id_);
        ASSERT_TRUE(view.ok());
        EXPECT_GT(view->monitor_pid, 0);
        auto removed = remove(global(), id_, {.force = true});
        EXPECT_TRUE(removed.ok()) << removed.error().text();
        await_children();
        EXPECT_EQ(leftovers(), "");
    }
}

TEST_F(AttendedLaunchTest, NothingIsLeftWithoutTheSink) {
    write_config({"/bin/true"});
    CreateOptions created = options_with_sink();
    created.sinks[0].path = "/nowhere/log";
    for (StartedBy started_by : {StartedBy::channel, StartedBy::socket}) {
        EXPECT_EQ(text_of_monitored(created, started_by),
                  "log raw-file: open: /nowhere/log: No such file or directory");
        EXPECT_EQ(leftovers(), "");
    }
    created.notify.socket = directory_ + "/manager";
    EXPECT_EQ(text_of_monitored(created, StartedBy::channel),
              "log raw-file: open: /nowhere/log: No such file or directory");
    EXPECT_EQ(leftovers(), "");
}

TEST_F(AttendedLaunchTest, NothingIsLeftWithoutTheManager) {
    write_config({"/bin/true"});
    for (CreateOptions& way : ways()) {
        way.notify.socket = "relative/socket";
        for (StartedBy started_by : {StartedBy::channel, StartedBy::socket}) {
            const std::string said = text_of_monitored(way, started_by);
            EXPECT_TRUE(said.starts_with("$NOTIFY_SOCKET: ")) << said;
            EXPECT_EQ(leftovers(), "");
        }
    }
}

TEST_F(AttendedLaunchTest, NothingIsLeftWithoutTheProgram) {
    write_config({"/bin/nowhere"});
    expect_all_fail([](CreateOptions&) {}, "/bin/nowhere", false);
}

TEST_F(AttendedLaunchTest, NothingIsLeftWithoutThePidFile) {
    write_config({"/bin/sleep", "1000"});
    expect_all_fail([](CreateOptions& way) { way.pid_file = "/nowhere/pid"; }, "/nowhere/pid");
}

TEST_F(AttendedLaunchTest, NothingIsLeftWhicheverHookFails) {
    for (const char* kind : {"prestart", "createRuntime", "createContainer", "startContainer", "poststart"}) {
        SCOPED_TRACE(kind);
        break_hook(kind);
        const bool is_for_create =
            kind != std::string_view("startContainer") && kind != std::string_view("poststart");
        expect_all_fail([](CreateOptions&) {}, kind, is_for_create);
    }
}

TEST_F(AttendedLaunchTest, NothingIsLeftOfASecondOneOfThatName) {
    write_config({"/bin/sleep", "1000"});
    auto first = launch(global(), options(), StartedBy::socket);
    ASSERT_TRUE(first.ok()) << first.error().text();
    first->dir.unlock();
    for (const CreateOptions& way : ways()) {
        auto second = monitor::launch_monitored(global(), way, StartedBy::channel);
        ASSERT_FALSE(second.ok());
        EXPECT_EQ(second.error().text(), "container with given ID already exists");
    }
    auto view = state(global(), id_);
    ASSERT_TRUE(view.ok());
    EXPECT_EQ(view->status, Status::created) << "the first one is not touched";
    first = Error(ECANCELED, "closed");
    EXPECT_TRUE(remove(global(), id_, {.force = true}).ok());
    await_children();
}

}  // namespace
}  // namespace urc
