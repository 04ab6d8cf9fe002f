// Containers whose filter notifies, and an agent that answers. The profile notifies all that the last page
// still calls itself, so a hand-over that is not done from outside of the filter would hang here.
#include "core/lifecycle/seccomp_agent.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <simdjson.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "container_test.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/exec.h"
#include "core/lifecycle/launch.h"
#include "uring/file.h"

namespace urc {
namespace {

constexpr int kAnswer = ENOMEDIUM;  // nobody else says that

// A process that serves one container: mkdir fails with kAnswer, all else goes on.
class Agent {
public:
    explicit Agent(const std::string& path) {
        int report[2];
        is_ready_ = ::pipe2(report, O_CLOEXEC) == 0;
        Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        is_ready_ = is_ready_ &&
                    ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                    ::listen(listener.get(), 4) == 0;
        report_ = Fd(report[0]);
        Fd sink(report[1]);
        pid_ = ::fork();
        if (pid_ == 0) serve(listener.get(), sink.get());
    }
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;
    ~Agent() { (void)end(); }

    bool is_ready() const { return is_ready_; }

    // The state that it was told, once all its notifications are over.
    std::string end() {
        if (pid_ <= 0) return {};
        auto text = read_all(report_.get(), 1 << 20, "report");
        ::waitpid(std::exchange(pid_, 0), nullptr, 0);
        report_.reset();
        return text.ok() ? *text : text.error().text();
    }
    void kill() {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
        (void)end();
    }

private:
    [[noreturn]] static void serve(int listener, int report) {
        Fd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        char text[8192];
        iovec part{text, sizeof text};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        ssize_t size = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        if (size <= 0 || !header || header->cmsg_type != SCM_RIGHTS) ::_exit(1);
        int notifications;
        __builtin_memcpy(&notifications, CMSG_DATA(header), sizeof notifications);
        (void)!::write(report, text, static_cast<std::size_t>(size));
        char rest;
        if (::read(connection.get(), &rest, 1) != 0) (void)!::write(report, "MORE", 4);
        for (;;) {
            pollfd ready{notifications, POLLIN, 0};
            if (::poll(&ready, 1, -1) < 0 || !(ready.revents & POLLIN)) ::_exit(0);
            seccomp_notif call{};
            if (::ioctl(notifications, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) continue;
            seccomp_notif_resp answer{};
            answer.id = call.id;
            bool is_mkdir = call.data.nr == SYS_mkdirat;
#ifdef SYS_mkdir
            is_mkdir = is_mkdir || call.data.nr == SYS_mkdir;
#endif
            if (is_mkdir)
                answer.error = -kAnswer;
            else
                answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
            ::ioctl(notifications, SECCOMP_IOCTL_NOTIF_SEND, &answer);
        }
    }

    bool is_ready_ = false;
    pid_t pid_ = 0;
    Fd report_;
};

class SeccompAgentTest : public testing::ContainerTest {
protected:
    void SetUp() override {
        ContainerTest::SetUp();
        path_ = directory_ + "/agent.sock";
    }

    void edit_config(std::string_view from, const std::string& to) {
        auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
        ASSERT_TRUE(text.ok());
        std::size_t at = text->find(from);
        ASSERT_NE(at, std::string::npos) << from;
        write_file(bundle_ + "/config.json", text->replace(at, from.size(), to));
    }

    const std::vector<std::string> program_{"/bin/sh", "-c", "/bin/busybox mkdir /made 2>/message; exit 7"};

    void write_notifying_config(bool no_new_privileges, const std::string& flags = "") {
        write_config(program_);
        edit_config(
            R"({"names":["swapon"],"action":"SCMP_ACT_ERRNO"})",
            R"({"names":["mkdir","mkdirat","sendmsg","close","read","wait4","execve","prctl","capset","close_range"],)"
            R"("action":"SCMP_ACT_NOTIFY"})");
        edit_config(R"("defaultAction")", flags + R"("listenerPath":")" + path_ +
                                              R"(","listenerMetadata":"who \"knows\"","defaultAction")");
        if (!no_new_privileges) edit_config(R"("noNewPrivileges":true)", R"("noNewPrivileges":false)");
    }

    int finish(Launched& launched) {
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(launched.init.get()), &info, WEXITED);
        EXPECT_TRUE(destroy(global(), launched.dir, launched.state).ok());
        return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    }

    void expect_answered() {
        auto message = read_file_at(AT_FDCWD, (bundle_ + "/rootfs/message").c_str());
        ASSERT_TRUE(message.ok());
        EXPECT_NE(message->find("No medium found"), std::string::npos) << *message;
        EXPECT_NE(::access((bundle_ + "/rootfs/made").c_str(), F_OK), 0);
    }

    void expect_state(const std::string& text, pid_t pid) {
        simdjson::dom::parser parser;
        simdjson::dom::element state;
        ASSERT_EQ(parser.parse(text).get(state), simdjson::SUCCESS) << text;
        EXPECT_EQ(simdjson::to_string(state["fds"]), "[\"seccompFd\"]");
        EXPECT_EQ(std::int64_t(state["pid"]), pid);
        EXPECT_EQ(std::string_view(state["metadata"]), "who \"knows\"");
        EXPECT_TRUE(std::string_view(state["ociVersion"]).starts_with("1."));
        EXPECT_EQ(std::string_view(state["state"]["id"]), id_);
        EXPECT_EQ(std::int64_t(state["state"]["pid"]), pid);
        EXPECT_EQ(std::string_view(state["state"]["status"]), "creating");
        EXPECT_EQ(std::string_view(state["state"]["bundle"]), bundle_);
    }

    std::string path_;
};

TEST_F(SeccompAgentTest, AnswersTheProgramOfARun) {
    for (bool no_new_privileges : {true, false}) {
        SCOPED_TRACE(no_new_privileges);
        write_notifying_config(no_new_privileges);
        Agent agent(path_);
        ASSERT_TRUE(agent.is_ready());
        auto launched = launch(global(), options(), StartedBy::channel);
        ASSERT_TRUE(launched.ok()) << launched.error().text();
        auto released = release(global(), *launched);
        ASSERT_TRUE(released.ok()) << released.error().text();
        pid_t pid = launched->state.init.pid;
        EXPECT_EQ(finish(*launched), 7);
        expect_state(agent.end(), pid);
        expect_answered();
        ::unlink(path_.c_str());
    }
}

TEST_F(SeccompAgentTest, IsToldByStartWhatCreateMade) {
    write_notifying_config(true, R"("flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],)");
    Agent agent(path_);
    ASSERT_TRUE(agent.is_ready());
    auto launched = launch(global(), options(), StartedBy::socket);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    launched->dir.unlock();
    auto started = start(global(), id_);
    ASSERT_TRUE(started.ok()) << started.error().text();
    pid_t pid = launched->state.init.pid;
    ASSERT_TRUE(launched->dir.lock(10'000).ok());
    EXPECT_EQ(finish(*launched), 7);
    expect_state(agent.end(), pid);
    expect_answered();
}

TEST_F(SeccompAgentTest, AnswersAnExecutedProcess) {
    write_config({"/bin/sleep", "100"});
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    ASSERT_TRUE(release(global(), *launched).ok());
    launched->dir.unlock();
    for (bool no_new_privileges : {true, false}) {
        SCOPED_TRACE(no_new_privileges);
        write_notifying_config(no_new_privileges);
        Agent agent(path_);
        EXPECT_TRUE(agent.is_ready());
        ExecOptions options;
        options.id = id_;
        options.args = program_;
        auto executed = start_exec(global(), options);
        EXPECT_TRUE(executed.ok()) << executed.error().text();
        if (!executed.ok()) break;
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(executed->process.get()), &info, WEXITED);
        EXPECT_EQ(info.si_status, 7);
        simdjson::dom::parser parser;
        simdjson::dom::element state;
        EXPECT_EQ(parser.parse(agent.end()).get(state), simdjson::SUCCESS);
        EXPECT_EQ(std::int64_t(state["pid"]), info.si_pid);
        EXPECT_EQ(std::int64_t(state["state"]["pid"]), launched->state.init.pid);
        EXPECT_EQ(std::string_view(state["state"]["status"]), "running");
        expect_answered();
        ::unlink(path_.c_str());
    }
    kill_and_reap(launched->init);
    ASSERT_TRUE(launched->dir.lock(10'000).ok());
    EXPECT_TRUE(destroy(global(), launched->dir, launched->state).ok());
}

TEST_F(SeccompAgentTest, ThatIsNotThereFailsTheLaunch) {
    write_notifying_config(true);
    auto launched = launch(global(), options(), StartedBy::socket);
    ASSERT_FALSE(launched.ok());
    EXPECT_EQ(launched.error().text(),
              "failed to connect with seccomp agent specified in the seccomp profile: " + path_ +
                  ": No such file or directory");
    EXPECT_EQ(leftovers(), "");
    write_file(path_, "no socket");
    launched = launch(global(), options(), StartedBy::socket);
    ASSERT_FALSE(launched.ok());
    EXPECT_EQ(launched.error().code(), ENOTSOCK);
    EXPECT_EQ(leftovers(), "");
}

TEST_F(SeccompAgentTest, ThatIsGoneFailsTheLastWord) {
    write_notifying_config(true);
    Agent agent(path_);
    ASSERT_TRUE(agent.is_ready());
    const std::string expected =
        "failed to connect with seccomp agent specified in the seccomp profile: " + path_ +
        ": Connection refused";
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    agent.kill();
    auto released = release(global(), *launched);
    ASSERT_FALSE(released.ok());
    EXPECT_EQ(released.error().text(), expected);
    launched = Error(ECANCELED, "closed");
    EXPECT_EQ(leftovers(), "");

    launched = launch(global(), options(), StartedBy::socket);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    launched->dir.unlock();
    auto started = start(global(), id_);
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().text(), expected);
    ASSERT_TRUE(launched->dir.lock(10'000).ok());
    EXPECT_EQ(finish(*launched), 1) << "the init gives up by itself";
}

TEST_F(SeccompAgentTest, NeedsRoomForTheHelper) {
    write_notifying_config(true);
    edit_config(R"("pids":{"limit":64})", R"("pids":{"limit":1})");
    Agent agent(path_);
    ASSERT_TRUE(agent.is_ready());
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    auto released = release(global(), *launched);
    agent.kill();
    ASSERT_FALSE(released.ok());
    EXPECT_TRUE(released.error().text().starts_with("clone3: a limit on processes is reached"))
        << released.error().text();
    launched = Error(ECANCELED, "closed");
    EXPECT_EQ(leftovers(), "");
}

TEST_F(SeccompAgentTest, IsNotAskedForWhenNothingNotifies) {
    write_config({"/bin/true"});
    edit_config(R"("defaultAction")", R"("listenerPath":"/nowhere/at/all","defaultAction")");
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    auto released = release(global(), *launched);
    ASSERT_TRUE(released.ok()) << released.error().text();
    EXPECT_EQ(finish(*launched), 0);
}

TEST_F(SeccompAgentTest, NeedsAPath) {
    write_notifying_config(true);
    edit_config("\"listenerPath\":\"" + path_ + "\",", "");
    auto launched = launch(global(), options(), StartedBy::channel);
    ASSERT_FALSE(launched.ok());
    EXPECT_EQ(launched.error().text(), "linux.seccomp.listenerPath: needed by SCMP_ACT_NOTIFY");
}

}  // namespace
}  // namespace urc
