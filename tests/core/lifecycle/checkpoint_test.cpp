// checkpoint with a criu that does what it is told: which containers, which requests, and what is left after
// each way in which it can go wrong.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/runtime.h"
#include "criu_test.h"
#include "uring/file.h"

namespace urc {
namespace {

using std::string_literals::operator""s;

class CheckpointTest : public testing::CriuTest {
protected:
    CheckpointOptions checkpoint_options() const {
        CheckpointOptions options;
        options.image.image_path = images_;
        return options;
    }
    std::string error_of(const CheckpointOptions& options) {
        auto done = checkpoint(global(), id_, options);
        return done.ok() ? "" : done.error().text();
    }
};

TEST_F(CheckpointTest, AFullDumpIsTheEndOfTheContainer) {
    run_sleeper();
    criu_does("notify:pre-dump notify:network-lock kill notify:post-dump ok");
    EXPECT_EQ(error_of(checkpoint_options()), "");
    EXPECT_EQ(status(), "container does not exist");
    auto descriptors = read_file_at(AT_FDCWD, (images_ + "/descriptors.json").c_str());
    ASSERT_TRUE(descriptors.ok());
    EXPECT_TRUE(descriptors->starts_with("[\"")) << *descriptors;
    struct stat info;
    ASSERT_EQ(::stat(images_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(CheckpointTest, TheRequestTellsWhatTheContainerIs) {
    run_sleeper();
    criu_does("kill ok");
    const pid_t pid = state(global(), id_)->pid;
    EXPECT_EQ(error_of(checkpoint_options()), "");
    EXPECT_TRUE(was_asked("1=4"));
    EXPECT_TRUE(was_asked("2=" + std::to_string(pid)));
    EXPECT_TRUE(was_asked("10=dump.log"));
    EXPECT_TRUE(was_asked("13=" + bundle_ + "/rootfs"));
    EXPECT_TRUE(was_asked("23=\x0a\x0a/proc/keys\x12\x09/dev/null"s));
    EXPECT_TRUE(was_asked("34=6"));
    EXPECT_TRUE(was_asked("38=1073741824"));  // CLONE_NEWNET: the network is the caller's
    EXPECT_TRUE(was_asked("51=/etc/criu/runc.conf"));
    bool has_freezer = false;
    for (const std::string& option : asked_options())
        has_freezer = has_freezer || (option.starts_with("44=/sys/fs/cgroup") && option.ends_with(id_));
    EXPECT_TRUE(has_freezer);
    EXPECT_FALSE(was_asked("3=1"));
}

TEST_F(CheckpointTest, SwitchesAreHandedOn) {
    run_sleeper();
    criu_does("ok");
    CheckpointOptions options = checkpoint_options();
    options.leave_running = options.tcp_skip_in_flight = options.link_remap = true;
    options.image.tcp_established = options.image.external_unix_sockets = options.image.shell_job = true;
    options.image.file_locks = options.image.auto_dedup = options.image.lazy_pages = true;
    options.image.manage_cgroups_mode = "full";
    options.page_server = "[::1]:270";
    options.image.work_path = directory_ + "/a/work";
    EXPECT_EQ(error_of(options), "");
    for (const char* option : {"3=1", "4=1", "5=1", "7=1", "8=1", "16=1", "18=1", "46=1", "48=1", "34=4"})
        EXPECT_TRUE(was_asked(option)) << option;
    EXPECT_TRUE(was_asked("11=\x0a\x03::1\x10\x8e\x02"s));
    EXPECT_EQ(status(), "running");
    EXPECT_EQ(::access((directory_ + "/a/work/dump.log").c_str(), F_OK), 0);
}

TEST_F(CheckpointTest, APreDumpNeedsMemoryTrackingAndLeavesTheContainerRunning) {
    run_sleeper();
    CheckpointOptions options = checkpoint_options();
    options.pre_dump = true;
    criu_does("features:2");
    EXPECT_EQ(error_of(options), "criu is missing features: MemTrack");
    criu_does("notify:pre-dump ok");
    EXPECT_EQ(error_of(options), "");
    EXPECT_EQ(status(), "running");
    // The dump that follows names its images.
    options = checkpoint_options();
    options.leave_running = true;
    options.image.image_path = directory_ + "/second";
    options.parent_path = "../images";
    criu_does("ok");
    EXPECT_EQ(error_of(options), "");
    EXPECT_TRUE(was_asked("14=../images"));
    EXPECT_TRUE(was_asked("15=1"));
}

TEST_F(CheckpointTest, OnlyARunningOrPausedContainerCanBeDumped) {
    write_config({"/bin/sleep", "1000"});
    ASSERT_TRUE(create(global(), options()).ok());
    EXPECT_EQ(error_of(checkpoint_options()), "Container cannot be checkpointed in created state");
    ASSERT_TRUE(start(global(), id_).ok());
    ASSERT_TRUE(kill(global(), id_, {.signal = SIGKILL}).ok());
    reap_children();
    EXPECT_EQ(error_of(checkpoint_options()), "Container cannot be checkpointed in stopped state");
    EXPECT_EQ(::access(images_.c_str(), F_OK), -1);
    remove_container();
    EXPECT_EQ(error_of(checkpoint_options()), "container does not exist");
}

TEST_F(CheckpointTest, WithoutCriuItIsOneLine) {
    run_sleeper();
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", "/nowhere", 1);
    EXPECT_EQ(error_of(checkpoint_options()), "exec: \"criu\": executable file not found in $PATH");
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_EQ(status(), "running");
}

TEST_F(CheckpointTest, AFailureNamesTheLogAndItsFirstError) {
    run_sleeper();
    criu_does("notify:pre-dump fail");
    EXPECT_EQ(error_of(checkpoint_options()), "criu failed: type DUMP errno 22, log file: " + images_ +
                                                  "/dump.log: (00.000002) Error (fake.c:1): told to fail");
    EXPECT_EQ(status(), "running");
}

TEST_F(CheckpointTest, ACriuThatDiesIsTold) {
    run_sleeper();
    for (const char* words : {"die", "notify:pre-dump die", "notify:pre-dump notify:network-lock die"}) {
        criu_does(words);
        EXPECT_EQ(error_of(checkpoint_options()),
                  "criu failed: type DUMP: it ended with status 137, log file: " + images_ +
                      "/dump.log: (00.000002) Error (fake.c:1): told to fail");
        EXPECT_EQ(status(), "running");
    }
    criu_does("ok status:3");
    EXPECT_TRUE(
        error_of(checkpoint_options()).starts_with("criu failed: it ended with status 3, log file: "));
}

TEST_F(CheckpointTest, StrangeAnswersAreRefused) {
    run_sleeper();
    criu_does("garbage hang");
    EXPECT_EQ(error_of(checkpoint_options()), "read criu's message: Bad message");
    criu_does("version:2.9 ok");
    EXPECT_EQ(error_of(checkpoint_options()), "CRIU version 20900 must be 30000 or higher");
    EXPECT_EQ(status(), "running");
}

TEST_F(CheckpointTest, OptionsThatCannotBeAreRefusedBeforeCriuIsStarted) {
    run_sleeper();
    criu_does("die");
    auto with = [&](auto change) {
        CheckpointOptions options = checkpoint_options();
        change(options);
        return error_of(options);
    };
    EXPECT_EQ(with([](auto& o) { o.image.manage_cgroups_mode = "hard"; }),
              "invalid manage-cgroups-mode value: hard");
    EXPECT_EQ(with([](auto& o) {
                  o.image.empty_namespaces = {"network", "mount"};
              }),
              "namespace \"mount\" is not supported");
    EXPECT_EQ(with([](auto& o) { o.parent_path = "/absolute"; }), "--parent-path must be relative");
    EXPECT_EQ(with([](auto& o) { o.parent_path = "../nothing"; }),
              "invalid --parent-path: " + images_ + "/../nothing: No such file or directory");
    for (const char* server : {"host", "host:", ":80", "::1:80"})
        EXPECT_EQ(with([&](auto& o) { o.page_server = server; }),
                  "Use --page-server ADDRESS:PORT to specify page server")
            << server;
    for (const char* server : {"host:0", "host:65536", "host:80x"})
        EXPECT_TRUE(with([&](auto& o) { o.page_server = server; }).starts_with("Invalid port number: "))
            << server;
    auto lazy = [&](const std::string& fd) {
        return with([&](auto& o) {
            o.image.lazy_pages = true;
            o.status_fd = fd;
        });
    };
    EXPECT_EQ(lazy("x"), "--status-fd: x: Invalid argument");
    EXPECT_EQ(lazy("-2"), "--status-fd: -2: Invalid argument");
    EXPECT_EQ(lazy("987"), "--status-fd: 987: Bad file descriptor");
    const Fd readable(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const std::string number = std::to_string(readable.get());
    EXPECT_EQ(lazy(number), "--status-fd: " + number + ": Permission denied");
    EXPECT_EQ(status(), "running");
}

TEST_F(CheckpointTest, WhoeverWaitsAtTheStatusFdIsTold) {
    run_sleeper();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd reader(ends[0]);
    CheckpointOptions options = checkpoint_options();
    options.leave_running = options.image.lazy_pages = true;
    options.status_fd = std::to_string(ends[1]);
    criu_does("notify:status-ready ok");
    EXPECT_EQ(error_of(options), "");
    auto told = read_all(reader.get(), 16, "pipe");  // to the end: our end has been closed
    ASSERT_TRUE(told.ok());
    EXPECT_EQ(*told, "\0"s);
}

TEST_F(CheckpointTest, AnnotationsNameTheConfigurationOfCriu) {
    write_config({"/bin/sleep", "1000"});
    auto text = read_file_at(AT_FDCWD, (bundle_ + "/config.json").c_str());
    ASSERT_TRUE(text.ok());
    write_file(bundle_ + "/config.json",
               "{\"annotations\":{\"org.criu.config\":\"/my/criu.conf\"}," + text->substr(1));
    CreateOptions create = options();
    create.detach = true;
    ASSERT_TRUE(run(global(), create).ok());
    criu_does("kill ok");
    EXPECT_EQ(error_of(checkpoint_options()), "");
    EXPECT_TRUE(was_asked("51=/my/criu.conf"));
}

}  // namespace
}  // namespace urc
