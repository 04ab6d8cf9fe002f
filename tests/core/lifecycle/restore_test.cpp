// restore with a criu that does what it is told: every step and every notification is made to fail, and then
// nothing may be left of the container.
#include "core/lifecycle/restore.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "core/lifecycle/destroy.h"
#include "criu_test.h"
#include "tests/core/rdt/fake_resctrl.h"
#include "uring/file.h"

namespace urc {
namespace {

using std::string_literals::operator""s;

constexpr const char* kRestores =
    "notify:pre-restore spawn notify:setup-namespaces notify:post-setup-namespaces notify:post-restore "
    "notify:network-unlock notify:pre-resume ok";

class RestoreTest : public testing::CriuTest {
protected:
    void SetUp() override {
        CriuTest::SetUp();
        if (IsSkipped()) return;
        write_config({"/bin/sleep", "1000"});
        std::filesystem::create_directory(images_);
        write_file(images_ + "/descriptors.json", R"(["/dev/null","pipe:[4711]","/dev/pts/0"])");
        criu_does(kRestores);
    }
    RestoreOptions restore_options() const {
        RestoreOptions restore;
        restore.create = options();
        restore.create.detach = true;
        restore.image.image_path = images_;
        return restore;
    }
    std::string error_of(const RestoreOptions& options, const child::StepHook& hook = {}) {
        auto restored = restore_processes(global(), options, hook);
        return restored.ok() ? "" : restored.error().text();
    }
};

TEST_F(RestoreTest, WhatIsRestoredIsAContainerLikeAnyOther) {
    RestoreOptions options = restore_options();
    options.create.pid_file = directory_ + "/pid";
    auto restored = restore(global(), options);
    ASSERT_TRUE(restored.ok()) << restored.error().text();
    EXPECT_EQ(status(), "running");
    const pid_t pid = state(global(), id_)->pid;
    EXPECT_EQ(*read_file_at(AT_FDCWD, options.create.pid_file.c_str()), std::to_string(pid));
    auto cgroups = read_file_at(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/cgroup").c_str());
    EXPECT_NE(cgroups->find("/" + id_ + "\n"), std::string::npos) << *cgroups;
    EXPECT_TRUE(kill(global(), id_, {.signal = SIGTERM}).ok());
    remove_container();
    EXPECT_EQ(leftovers(), "");
}

TEST_F(RestoreTest, CriuIsPutIntoTheGroupOfResctrlBeforeItRestores) {
    rdt::FakeResctrl fake;
    rdt_host_ = fake.host();
    write_config({"/bin/sleep", "1000"}, R"("intelRdt":{"l3CacheSchema":"L3:0=ff"},)");
    const std::string tasks = fake / (id_ + "/tasks");
    pid_t seen = 0;
    auto restored =
        restore_processes(global(), restore_options(), [&](std::string_view step) -> Result<void> {
            if (step == "post-restore") seen = std::stoi(cgroup::slurp(tasks));
            return {};
        });
    ASSERT_TRUE(restored.ok()) << restored.error().text();
    EXPECT_GT(seen, 0);
    EXPECT_EQ(restored->state.rdt.path, fake / id_);
    restored = Error(ECANCELED, "closed");
    remove_container();
    EXPECT_FALSE(std::filesystem::exists(fake / id_));
    criu_does("fail");
    EXPECT_NE(error_of(restore_options()), "");
    EXPECT_FALSE(std::filesystem::exists(fake / id_));
    rdt_host_ = {};
}

TEST_F(RestoreTest, TheForegroundGivesTheExitStatusAndRemovesTheContainer) {
    criu_does("spawn notify:post-restore ok");
    RestoreOptions options = restore_options();
    options.create.detach = false;
    // Ends as soon as it has been told to: the signal is kept until somebody forwards it.
    sigset_t mask, before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &mask, &before);
    ::kill(::getpid(), SIGTERM);
    auto restored = restore(global(), options);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(restored.ok()) << restored.error().text();
    EXPECT_EQ(*restored, 128 + SIGTERM);
    EXPECT_EQ(leftovers(), "");
}

TEST_F(RestoreTest, TheRequestTellsWhatTheContainerIs) {
    auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
    ASSERT_TRUE(text.ok());
    std::string config = *text;
    std::filesystem::create_directory(directory_ + "/volume");
    config.replace(config.find("\"mounts\":["), 10,
                   "\"mounts\":[{\"destination\":\"/made/"
                   "inside\",\"type\":\"bind\",\"options\":[\"bind\"],\"source\":\"" +
                       directory_ + "/volume\"},{\"destination\":\"/made/inside/deep\",\"type\":\"tmpfs\"},");
    write_file(bundle_ + "/config.json", config);
    RestoreOptions options = restore_options();
    options.tcp_close = true;
    options.lsm_profile = "apparmor:x";
    options.lsm_mount_context = "ctx";
    ASSERT_TRUE(restore(global(), options).ok());
    EXPECT_TRUE(was_asked("6=1"));
    EXPECT_TRUE(was_asked("26=1"));
    EXPECT_TRUE(was_asked("52=1"));
    EXPECT_TRUE(was_asked("53=apparmor:x"));
    EXPECT_TRUE(was_asked("63=ctx"));
    EXPECT_TRUE(was_asked("13=" + root_ + "/" + id_));
    EXPECT_TRUE(was_asked("27=\x0a\x0bpipe:[4711]\x10\x01"s));
    const std::string volume = directory_ + "/volume";
    EXPECT_TRUE(was_asked("23=\x0a\x0c/made/inside\x12"s + static_cast<char>(volume.size()) + volume));
    EXPECT_TRUE(was_asked("23=\x0a\x09/dev/null\x12\x09/dev/null"s));
    bool has_cgroup_root = false;
    for (const std::string& option : asked_options())
        has_cgroup_root = has_cgroup_root || (option.starts_with("25=") && option.ends_with("/" + id_));
    EXPECT_TRUE(has_cgroup_root);
    // The mount points are made, one of them in the volume; nothing is mounted on the host.
    EXPECT_TRUE(std::filesystem::is_directory(bundle_ + "/rootfs/made/inside"));
    EXPECT_TRUE(std::filesystem::is_directory(volume + "/deep"));
}

TEST_F(RestoreTest, LeavesNothingWhicheverStepFails) {
    std::set<std::string> seen;
    child::StepHook watch = [&](std::string_view step) -> Result<void> {
        seen.insert(std::string(step));
        return {};
    };
    EXPECT_EQ(error_of(restore_options(), watch), "");
    remove_container();
    std::vector<std::string> steps;
    for (std::string_view step : restore_step_names()) steps.emplace_back(step);
    for (const char* script : {"pre-restore", "setup-namespaces", "post-setup-namespaces", "post-restore",
                               "network-unlock", "pre-resume"})
        steps.emplace_back(script);
    for (const std::string& failing : steps) {
        EXPECT_TRUE(seen.contains(failing)) << failing;
        child::StepHook hook = [&](std::string_view step) -> Result<void> {
            if (step == failing) return Error(EIO, "injected at", step);
            return {};
        };
        EXPECT_EQ(error_of(restore_options(), hook), "injected at: " + failing + ": Input/output error");
        EXPECT_EQ(leftovers(), "") << "after failing at " << failing;
    }
}

TEST_F(RestoreTest, LeavesNothingWhereverCriuFailsOrDies) {
    const char* const parts[] = {"notify:pre-restore", "spawn", "notify:setup-namespaces",
                                 "notify:post-restore", "notify:pre-resume"};
    for (const char* end : {"fail", "die", "garbage"}) {
        std::string words;
        for (const char* part : parts) {
            words += std::string(part) + " ";
            criu_does(words + end);
            EXPECT_NE(error_of(restore_options()), "") << words << end;
            EXPECT_EQ(leftovers(), "") << words << end;
        }
    }
    criu_does("fail");
    EXPECT_EQ(error_of(restore_options()), "criu failed: type RESTORE errno 22, log file: " + images_ +
                                               "/restore.log: (00.000002) Error (fake.c:1): told to fail");
    criu_does("notify:pre-restore die");
    EXPECT_EQ(error_of(restore_options()),
              "criu failed: type RESTORE: it ended with status 137, log file: " + images_ +
                  "/restore.log: (00.000002) Error (fake.c:1): told to fail");
    criu_does("ok");
    EXPECT_EQ(error_of(restore_options()), "criu did not tell the pid of what it restored");
    criu_does("version:2.0");
    EXPECT_EQ(error_of(restore_options()), "CRIU version 20000 must be 30000 or higher");
}

TEST_F(RestoreTest, WhatCannotBeIsToldBeforeAnythingIsMade) {
    RestoreOptions options = restore_options();
    options.image.image_path = directory_ + "/nothing";
    EXPECT_EQ(error_of(options), "open: " + directory_ + "/nothing: No such file or directory");
    write_file(images_ + "/descriptors.json", "{}");
    EXPECT_EQ(error_of(restore_options()), "descriptors.json: not an array of strings");
    std::filesystem::remove(images_ + "/descriptors.json");
    EXPECT_EQ(error_of(restore_options()), "open: descriptors.json: No such file or directory");
    write_file(images_ + "/descriptors.json", "[]");
    criu_does("version:3.15 ok");
    options = restore_options();
    options.lsm_profile = "apparmor:x";
    EXPECT_EQ(error_of(options), "--lsm-profile requires at least CRIU 3.16");
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", "/nowhere", 1);
    EXPECT_EQ(error_of(restore_options()), "exec: \"criu\": executable file not found in $PATH");
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_EQ(leftovers(), "");
}

TEST_F(RestoreTest, HooksSeeTheInitInItsNamespaces) {
    auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
    ASSERT_TRUE(text.ok());
    const std::string log = directory_ + "/hooks";
    auto hook = [&](const std::string& kind, const std::string& end) {
        return "\"" + kind + R"(":[{"path":"/bin/sh","args":["sh","-c","(echo )" + kind +
               R"( ; grep -o '\"status\":\"[a-z]*\"') >> )" + log + end + "\"]}]";
    };
    auto configure = [&](const std::string& end) {
        write_file(bundle_ + "/config.json", "{\"hooks\":{" + hook("prestart", "") + "," +
                                                 hook("createRuntime", end) + "," + hook("poststop", "") +
                                                 "}," + text->substr(1));
    };
    configure("");
    ASSERT_TRUE(restore(global(), restore_options()).ok());
    EXPECT_EQ(*read_file_at(AT_FDCWD, log.c_str()),
              "prestart\n\"status\":\"created\"\ncreateRuntime\n\"status\":\"creating\"\n");
    std::filesystem::remove(log);
    remove_container();
    EXPECT_EQ(*read_file_at(AT_FDCWD, log.c_str()), "poststop\n\"status\":\"stopped\"\n");
    std::filesystem::remove(log);
    configure("; exit 3");
    EXPECT_EQ(error_of(restore_options()), "error running createRuntime hook #0: exit status 3");
    EXPECT_TRUE(read_file_at(AT_FDCWD, log.c_str())->ends_with("poststop\n\"status\":\"stopped\"\n"));
    EXPECT_EQ(leftovers(), "");
}

TEST_F(RestoreTest, AnIdInUseIsLeftAlone) {
    ASSERT_TRUE(restore(global(), restore_options()).ok());
    EXPECT_EQ(error_of(restore_options()), "container with given ID already exists");
    EXPECT_EQ(status(), "running");
}

TEST_F(RestoreTest, AVolumeThatIsMissingIsNamed) {
    auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
    std::string config = *text;
    config.replace(
        config.find("\"mounts\":["), 10,
        R"("mounts":[{"destination":"/v","type":"bind","options":["bind"],"source":"/no/volume"},)");
    write_file(bundle_ + "/config.json", config);
    EXPECT_EQ(error_of(restore_options()), "mount /no/volume on /v: No such file or directory");
    EXPECT_EQ(leftovers(), "");
}

TEST_F(RestoreTest, TheTerminalGoesToTheConsoleSocket) {
    auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
    std::string config = *text;
    config.replace(config.find("\"process\":{"), 11, "\"process\":{\"terminal\":true,");
    write_file(bundle_ + "/config.json", config);
    EXPECT_EQ(error_of(restore_options()),
              "cannot allocate tty if urc will detach without setting console socket");

    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_ + "/console";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    RestoreOptions options = restore_options();
    options.create.console_socket = path;
    EXPECT_EQ(error_of(options), "criu did not hand over the container's terminal");

    criu_does("spawn notify:setup-namespaces pty notify:post-restore ok");
    ASSERT_TRUE(restore(global(), options).ok());
    Fd first(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));  // of the one that failed
    const Fd second(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char name[64], control[CMSG_SPACE(sizeof(int))];
    iovec part{name, sizeof name};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ASSERT_GT(::recvmsg(second.get(), &message, MSG_CMSG_CLOEXEC), 0);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    ASSERT_NE(header, nullptr);
    int master = -1;
    std::memcpy(&master, CMSG_DATA(header), sizeof master);
    const Fd owner(master);
    EXPECT_TRUE(::isatty(master));
}

}  // namespace
}  // namespace urc
