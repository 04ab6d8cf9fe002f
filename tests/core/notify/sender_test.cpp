#include "core/notify/sender.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <cstdlib>

#include "core/number.h"
#include "tests/core/notify/notify_fixture.h"
#include "uring/file.h"

namespace urc::notify {
namespace {

Fd pidfd_of(pid_t pid) {
    return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// The path of a line of /proc/self/cgroup that begins with "N:" + `names`.
std::optional<std::string> own_cgroup(const std::string& names) {
    auto text = read_file_at(AT_FDCWD, "/proc/self/cgroup");
    const std::string wanted = ":" + names + ":";
    const std::size_t at = text.ok() ? text->find(wanted) : std::string::npos;
    if (at == std::string::npos) return std::nullopt;
    const std::size_t begin = at + wanted.size();
    return text->substr(begin, text->find('\n', begin) - begin);
}

void expect_membership(const std::string& own, std::string_view controller) {
    EXPECT_TRUE(is_in_cgroup(::getpid(), own, controller));
    EXPECT_TRUE(is_in_cgroup(::getpid(), "/", controller)) << "everything is below the root";
    EXPECT_FALSE(is_in_cgroup(::getpid(), own + (own == "/" ? "x" : "/x"), controller));
    if (own.size() < 2) return;
    EXPECT_FALSE(is_in_cgroup(::getpid(), own.substr(0, own.size() - 1), controller)) << "a longer name";
    const std::string parent = own.substr(0, own.rfind('/'));
    EXPECT_TRUE(is_in_cgroup(::getpid(), parent.empty() ? "/" : parent, controller));
}

TEST(NotifySender, IsFoundInItsCgroupAndBelow) {
    int checked = 0;
    for (const char* controller : {"", "memory", "pids", "cpu", "name=systemd"}) {
        const auto own = own_cgroup(controller);
        if (!own) continue;
        expect_membership(*own, controller);
        ++checked;
    }
    EXPECT_GT(checked, 0);
    EXPECT_FALSE(is_in_cgroup(::getpid(), "/", "nothing"));
}

TEST(NotifySender, ThatIsGoneIsInNoCgroup) {
    Child child([] { return 0; });
    (void)child.wait();
    EXPECT_FALSE(is_in_cgroup(child.pid(), "/"));
}

TEST(NotifySender, IsAMemberOrAStrangerOrHasEnded) {
    Child child([] { return ::pause(); });
    Fd pidfd = pidfd_of(child.pid());
    const Sender sender{child.pid(), pidfd.get()}, without_pidfd{child.pid(), -1};
    EXPECT_EQ(standing_of(sender, [](pid_t) { return true; }), Standing::member);
    EXPECT_EQ(standing_of(sender, nullptr), Standing::member);
    auto nobody = [](pid_t) { return false; };
    EXPECT_EQ(standing_of(sender, nobody), Standing::stranger);
    EXPECT_EQ(standing_of(without_pidfd, nobody), Standing::stranger);
    ::kill(child.pid(), SIGKILL);
    pollfd ended{pidfd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ended, 1, 10'000), 1);
    EXPECT_EQ(standing_of(sender, nobody), Standing::ended) << "a zombie";
    (void)child.wait();
    EXPECT_EQ(standing_of(sender, nobody), Standing::ended);
    EXPECT_EQ(standing_of(without_pidfd, nobody), Standing::ended);
}

TEST(NotifySender, ThatHasNoNumberIsAStranger) {
    EXPECT_EQ(standing_of(Sender{}, nullptr), Standing::stranger);
}

TEST(NotifySender, APidfdSaysWhoseItIs) {
    Fd own = pidfd_of(::getpid());
    EXPECT_EQ(pid_of_pidfd(own.get()), ::getpid());
    EXPECT_EQ(pidfd_id(::getpid()), pidfd_id(::getpid(), own.get()));
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(pid_of_pidfd(null.get()), std::nullopt);
    Child child([] { return 0; });
    Fd gone = pidfd_of(child.pid());
    (void)child.wait();
    EXPECT_EQ(pid_of_pidfd(gone.get()), std::nullopt);
    EXPECT_EQ(pid_of_pidfd(-1), std::nullopt);
}

TEST(NotifySender, InOurPidNamespaceMeansOurNumbers) {
    const std::vector<pid_t> candidates{1, ::getpid()};
    EXPECT_EQ(translate_pid(::getpid(), ::getpid(), candidates), ::getpid());
    EXPECT_EQ(translate_pid(::getpid(), ::getpid() + 1, candidates), std::nullopt);
    EXPECT_EQ(translate_pid(::getpid(), ::getpid(), {}), std::nullopt);
}

TEST(NotifySender, InOurTimeNamespaceHasOurClock) {
    EXPECT_EQ(monotonic_offset(::getpid()), std::nullopt);
}

// ---- through the proxy, from namespaces of their own --------------------------------------------

std::vector<pid_t> all_processes() {
    std::vector<pid_t> pids;
    DIR* directory = ::opendir("/proc");
    while (dirent* entry = directory ? ::readdir(directory) : nullptr)
        if (auto pid = parse_number<pid_t>(entry->d_name)) pids.push_back(*pid);
    if (directory) ::closedir(directory);
    return pids;
}

class NotifyNamespaceTest : public NotifyTest {
public:
    void SetUp() override {
        NotifyTest::SetUp();
        if (::geteuid() != 0) GTEST_SKIP() << "needs root to make namespaces";
    }
};

// Becomes the second process of a new pid namespace and says so; ends when the other end of `pipe` does.
int be_second(const std::string& path, int pipe) {
    if (::unshare(CLONE_NEWPID) != 0) return 99;
    Child init([&] {
        auto [named, naming] = make_pipe();
        Child second([&, done = naming.get()] {
            ::prctl(PR_SET_NAME, "second");
            char byte = 0;
            if (::write(done, &byte, 1) != 1) return 98;
            return static_cast<int>(::read(pipe, &byte, 1));
        });
        char byte;
        if (::read(named.get(), &byte, 1) != 1) return 97;
        if (int code = send_to(path, "READY=1\nMAINPID=2"); code != 0) return code;
        return second.wait();
    });
    return init.wait();
}

TEST_F(NotifyNamespaceTest, AMainPidOfItsPidNamespaceIsTranslated) {
    options.is_detached = true;
    options.is_member = nullptr;
    options.translate = [](pid_t sender, pid_t inside) {
        return translate_pid(sender, inside, all_processes());
    };
    open();
    auto [reading, writing] = make_pipe();
    Child child([this, pipe = reading.get(), other = writing.get()] {
        ::close(other);
        return be_second(container_path(), pipe);
    });
    reading.reset();
    serve_while([](NotifyNamespaceTest& test) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        const std::string_view body = received.body;
        CO_ASSERT(body.starts_with("MAINPID=") && body.ends_with("\nREADY=1"));
        const auto pid = parse_number<pid_t>(body.substr(8, body.find('\n') - 8));
        CO_ASSERT(pid.has_value());
        auto name = read_file_at(AT_FDCWD, ("/proc/" + std::to_string(*pid) + "/comm").c_str());
        CO_ASSERT(name.ok());
        EXPECT_EQ(*name, "second\n");
    }(*this));
    writing.reset();
    EXPECT_EQ(child.wait(), 0);
}

std::int64_t now_usec() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

// Sends the monotonic clock of a time namespace that is a thousand seconds ahead, and waits to be released.
int send_clock_ahead(const std::string& path, int pipe) {
    if (::unshare(CLONE_NEWTIME) != 0) return 77;
    if (!write_control_at(AT_FDCWD, "/proc/self/timens_offsets", "monotonic 1000 500000000").ok()) return 77;
    Child inside([&] {
        const std::string clock = std::to_string(now_usec());
        if (int code = send_to(path, "RELOADING=1\nMONOTONIC_USEC=" + clock); code != 0) return code;
        char byte;
        return static_cast<int>(::read(pipe, &byte, 1));
    });
    return inside.wait();
}

TEST_F(NotifyNamespaceTest, AClockOfItsTimeNamespaceIsPutOnOurs) {
    if (::access("/proc/self/ns/time", F_OK) != 0) GTEST_SKIP() << "no time namespaces in this kernel";
    pid_t sender = 0;
    options.is_member = [&](pid_t pid) {
        sender = pid;
        return true;
    };
    options.monotonic_offset = [&] { return monotonic_offset(sender); };
    open();
    auto [reading, writing] = make_pipe();
    const std::int64_t before = now_usec();
    Child child([this, pipe = reading.get(), other = writing.get()] {
        ::close(other);
        return send_clock_ahead(container_path(), pipe);
    });
    reading.reset();
    serve_while([](NotifyNamespaceTest& test, std::int64_t earliest) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        const std::string_view body = received.body;
        constexpr std::string_view kFront = "RELOADING=1\nMONOTONIC_USEC=";
        CO_ASSERT(body.starts_with(kFront));
        const auto clock = parse_number<std::int64_t>(body.substr(kFront.size()));
        CO_ASSERT(clock.has_value());
        EXPECT_GE(*clock, earliest);
        EXPECT_LE(*clock, now_usec());
    }(*this, before));
    EXPECT_EQ(monotonic_offset(sender), 1000s + 500ms);
    writing.reset();
    EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace urc::notify
