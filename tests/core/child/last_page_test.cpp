#include "core/child/last_page.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "core/process/channel.h"
#include "uring/file.h"

namespace urc::child {
namespace {

char* on_heap(const char* text) {
    return ::strdup(text);
}

struct Outcome {
    int status = 0;
    std::string output;  // what the program wrote on stdout
    std::string error;   // what the page reported
};

// Runs `program` with `argument` from a last page in a child.
Outcome run(const char* program, const char* argument, bool leaves_image,
            const std::function<void(LastPage&)>& add_calls = {}) {
    auto pair = process::Channel::make();
    int pipe[2];
    if (!pair.ok() || ::pipe2(pipe, O_CLOEXEC) < 0) return {};
    pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(pipe[1], STDOUT_FILENO);
        auto** argv = static_cast<char**>(std::calloc(3, sizeof(char*)));
        argv[0] = on_heap(program);
        argv[1] = argument ? on_heap(argument) : nullptr;
        auto** envp = static_cast<char**>(std::calloc(1, sizeof(char*)));
        LastPage page;
        if (leaves_image && !page.add_leave_image().ok()) ::_exit(99);
        page.add("", SYS_close, 12345);  // fails with EBADF, and is passed over
        if (add_calls) add_calls(page);
        page.add(std::string("exec ") + program, SYS_execve, reinterpret_cast<long>(on_heap(program)),
                 reinterpret_cast<long>(argv), reinterpret_cast<long>(envp));
        page.run(pair->child.get());
    }
    ::close(pipe[1]);
    pair->child.close();
    Outcome outcome;
    auto output = read_all(pipe[0], 1 << 16, "pipe");
    ::close(pipe[0]);
    if (output.ok()) outcome.output = *output;
    auto received = pair->parent.receive();
    if (!received.ok()) outcome.error = received.error().text();
    ::waitpid(pid, &outcome.status, 0);
    return outcome;
}

class LastPageTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!LastPage::is_supported()) GTEST_SKIP() << "the kernel has no CONFIG_CHECKPOINT_RESTORE";
        if (::geteuid() != 0)
            GTEST_SKIP() << "changing the exe link needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE";
    }
};

TEST_F(LastPageTest, BecomesTheProgram) {
    Outcome outcome = run("/bin/echo", "hello", true);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.output, "hello\n");
    EXPECT_EQ(outcome.error, "");
}

TEST_F(LastPageTest, ReportsAFailingCallWithItsErrno) {
    Outcome outcome = run("/no/such/program", nullptr, true);
    EXPECT_NE(outcome.status, 0);
    EXPECT_EQ(outcome.error, "exec /no/such/program: no such file or directory");
}

TEST_F(LastPageTest, KeepsAResultForALaterCall) {
    Outcome outcome = run("/bin/true", nullptr, true, [](LastPage& page) {
        int* fd = static_cast<int*>(std::calloc(1, sizeof(int)));
        page.add("duplicate", SYS_fcntl, STDOUT_FILENO, F_DUPFD_CLOEXEC, 77).result = fd;
        page.add("write", SYS_write, STDOUT_FILENO, reinterpret_cast<long>(fd), 1);
    });
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.output, std::string(1, 77));
}

TEST_F(LastPageTest, ReportsAResultThatIsTooSmall) {
    auto write_one = [](long at_least) {
        return [at_least](LastPage& page) {
            page.add("write", SYS_write, STDOUT_FILENO, reinterpret_cast<long>(on_heap("x")), 1).at_least =
                at_least;
        };
    };
    EXPECT_EQ(run("/bin/true", nullptr, true, write_one(1)).error, "");
    EXPECT_EQ(run("/bin/true", nullptr, true, write_one(2)).error, "write: broken pipe");
}

// CVE-2019-5736: a script whose interpreter is /proc/self/exe runs whatever that link leads to at execve. In
// the control it is this test program; from the last page it is an empty file, which is no program.
TEST_F(LastPageTest, Cve2019_5736_OwnExecutableIsOutOfReach) {
    char path[] = "/tmp/urc-script-XXXXXX";
    int fd = ::mkstemp(path);
    ASSERT_GE(fd, 0);
    const char script[] = "#!/proc/self/exe --gtest_list_tests\n";
    ASSERT_EQ(::write(fd, script, sizeof script - 1), static_cast<ssize_t>(sizeof script - 1));
    ASSERT_EQ(::fchmod(fd, 0755), 0);
    ::close(fd);

    Outcome control = run(path, nullptr, false);
    EXPECT_NE(control.output.find("LastPageTest"), std::string::npos) << "the attack itself does not work";

    Outcome outcome = run(path, nullptr, true);
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(outcome.error, std::string("exec ") + path + ": exec format error");

    Outcome direct = run("/proc/self/exe", "--gtest_list_tests", true);
    EXPECT_EQ(direct.output, "");
    EXPECT_EQ(direct.error, "exec /proc/self/exe: exec format error");
    ::unlink(path);
}

}  // namespace
}  // namespace urc::child
