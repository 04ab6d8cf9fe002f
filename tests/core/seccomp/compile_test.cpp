#include <errno.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/seccomp/assembler.h"
#include "core/seccomp/seccomp.h"
#include "tests/core/seccomp/bpf_machine.h"
#include "tests/core/seccomp/judge.h"

namespace urc::seccomp {
namespace {

using seccomp_test::find_flaw;
using seccomp_test::run;

std::string error_of(std::string_view section) {
    auto program = compile(section);
    return program.ok() ? "no error" : program.error().text();
}

// A profile with `members` in its only rule, which allows read.
std::string with_rule(std::string_view members) {
    return R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, {)" +
           std::string(members) + "}]}";
}

TEST(SeccompCompile, SaysWhatIsWrongAndWhere) {
    const std::pair<std::string, std::string> cases[] = {
        {"", "no error"},
        {"[]", "linux.seccomp: not a JSON object"},
        {"{", "linux.seccomp: not a JSON object"},
        {R"({"defaultAction": 3})", "linux.seccomp.defaultAction: not a string"},
        {R"({"defaultAction": "allow"})", "linux.seccomp.defaultAction: unknown action \"allow\""},
        {R"({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]})",
         "linux.seccomp: defaultAction is missing"},
        {R"({"defaultAction": "SCMP_ACT_NOTIFY"})",
         "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action"},
        {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096})",
         "linux.seccomp.defaultErrnoRet: 4096 is more than 4095"},
        {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1})",
         "linux.seccomp.defaultErrnoRet: not an unsigned number of 64 bits"},
        {R"({"defaultAction": "SCMP_ACT_LOG", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_VAX"]})",
         "linux.seccomp.architectures[1]: unknown architecture \"SCMP_ARCH_VAX\""},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_NATIVE"]})",
         "linux.seccomp.architectures[0]: unknown architecture \"SCMP_ARCH_NATIVE\""},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390X"]})",
         "linux.seccomp.architectures[0]: an architecture of the other byte order cannot be in this "
         "machine's "
         "filter"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]})",
         "linux.seccomp.flags[0]: unknown flag \"SECCOMP_FILTER_FLAG_NEW_LISTENER\""},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": "x"})", "linux.seccomp.flags: not an array"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [3]})",
         "linux.seccomp.syscalls[0]: not an object"},
        {with_rule(R"("names": ["open"])"), "linux.seccomp.syscalls[1]: action is missing"},
        {with_rule(R"("names": ["open", ""], "action": "SCMP_ACT_LOG")"),
         "linux.seccomp.syscalls[1].names[1]: the name of a syscall is empty"},
        {with_rule(R"("names": ["open"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000)"),
         "linux.seccomp.syscalls[1].errnoRet: 5000 is more than 4095"},
        {with_rule(R"("names": ["open"], "action": "SCMP_ACT_LOG", "args": [{"index": 0}])"),
         "linux.seccomp.syscalls[1].args[0]: op is missing"},
        {with_rule(
             R"("names": ["open"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}])"),
         "linux.seccomp.syscalls[1].args[0].index: 6 is more than 5"},
        {with_rule(R"("names": ["open"], "action": "SCMP_ACT_LOG", "args": [{"op": "=="}])"),
         "linux.seccomp.syscalls[1].args[0].op: unknown operator \"==\""},
        {with_rule(
             R"("names": ["open"], "action": "SCMP_ACT_LOG", "args": [{"value": 1.5, "op": "SCMP_CMP_EQ"}])"),
         "linux.seccomp.syscalls[1].args[0].value: not an unsigned number of 64 bits"},
        {with_rule(R"("names": ["close", "write"], "action": "SCMP_ACT_NOTIFY")"),
         "linux.seccomp.syscalls[1]: SCMP_ACT_NOTIFY cannot be used for the write syscall"},
        {with_rule(R"("names": ["no\u0000such"], "action": "SCMP_ACT_LOG", "comment": null, "args": null)"),
         "no error"},
    };
    for (const auto& [section, error] : cases) EXPECT_EQ(error_of(section), error) << section;
}

TEST(SeccompCompile, RefusesOneConditionWithTwoActions) {
    std::string rule =
        R"({"names": ["open"], "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}], "action": )";
    std::string section = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)" + rule +
                          "\"SCMP_ACT_ALLOW\"}, " + rule + "\"SCMP_ACT_KILL\"}]}";
    EXPECT_EQ(error_of(section),
              "linux.seccomp.syscalls[1]: open: an earlier rule has the same conditions and another action");
}

TEST(SeccompCompile, EmptySectionAsksForNoFilter) {
    EXPECT_TRUE(compile("")->instructions.empty());
    EXPECT_TRUE(compile("{}")->instructions.empty());
    EXPECT_FALSE(compile(R"({"defaultAction": "SCMP_ACT_ALLOW"})")->instructions.empty());
}

TEST(SeccompCompile, FlagsAreTheKernels) {
    auto flags = [](std::string_view list, std::string_view action = "SCMP_ACT_LOG") {
        std::string section = R"({"defaultAction": "SCMP_ACT_ALLOW", )" + std::string(list) +
                              R"("syscalls": [{"names": ["open"], "action": ")" + std::string(action) +
                              "\"}]}";
        return compile(section).value().flags;
    };
    EXPECT_EQ(flags(""), SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    EXPECT_EQ(flags(R"("flags": null, )"), SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    EXPECT_EQ(flags(R"("flags": [], )"), 0u);
    EXPECT_EQ(flags(R"("flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"], )"),
              SECCOMP_FILTER_FLAG_LOG);
    constexpr std::string_view kWait = R"("flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"], )";
    EXPECT_EQ(flags(kWait), 0u);
    EXPECT_EQ(flags(kWait, "SCMP_ACT_NOTIFY"),
              SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

TEST(SeccompCompile, NotifyIsReportedWithItsListener) {
    auto program =
        compile(R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/a", "listenerMetadata": "b",
        "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]})");
    ASSERT_TRUE(program.ok());
    EXPECT_TRUE(program->has_notify);
    EXPECT_EQ(program->listener_path, "/run/a");
    EXPECT_EQ(program->listener_metadata, "b");
    EXPECT_FALSE(compile(R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/a"})")->has_notify);
}

// Rules that ask for every second value of read's first argument, so that nothing can be shared.
std::string many_rules(int count) {
    std::string section = R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [)";
    for (int n = 0; n < count; ++n)
        section += std::string(n > 0 ? "," : "") +
                   R"({"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": )" +
                   std::to_string(n % 4000 + 1) + R"(, "args": [{"op": "SCMP_CMP_EQ", "value": )" +
                   std::to_string(n * 2) + "}]}";
    return section + "]}";
}

TEST(SeccompCompile, JumpsAcrossMoreThan255InstructionsArrive) {
    auto program = compile(many_rules(1200));
    ASSERT_TRUE(program.ok()) << program.error().text();
    ASSERT_EQ(find_flaw(program->instructions), "");
    EXPECT_GT(program->instructions.size(), 2400u);
    seccomp_data call{};
    call.arch = SCMP_ARCH_X86_64;
    for (unsigned n = 0; n < 1200; ++n) {
        call.args[0] = n * 2;
        ASSERT_EQ(run(program->instructions, call), SECCOMP_RET_ERRNO | (n + 1));
        call.args[0] = n * 2 + 1;
        ASSERT_EQ(run(program->instructions, call), SECCOMP_RET_ALLOW);
    }
    call.nr = 1;
    EXPECT_EQ(run(program->instructions, call), SECCOMP_RET_ALLOW);
    call.arch = SCMP_ARCH_X86;
    EXPECT_EQ(run(program->instructions, call), SECCOMP_RET_KILL_THREAD);
}

TEST(SeccompCompile, ProgramsThatTheKernelWouldNotTakeAreErrors) {
    EXPECT_EQ(error_of(many_rules(1900)).find("linux.seccomp: the filter needs "), 0u)
        << error_of(many_rules(1900));
    EXPECT_EQ(error_of(many_rules(5000)),
              "linux.seccomp.syscalls[4096]: read: more rules than a filter can hold");
}

TEST(SeccompAssembler, BothTargetsOfABranchMayBeFarAway) {
    for (unsigned distance = 240; distance < 270; ++distance) {
        Assembler out;
        auto yes = out.action(1), no = out.action(2);
        for (unsigned n = 0; n < distance; ++n) (void)out.action(100 + n);
        auto branch = out.branch(BPF_JEQ, 7, yes, no);
        auto program = std::move(out).finish(out.load(0, branch));
        ASSERT_TRUE(program.ok());
        ASSERT_EQ(find_flaw(*program), "");
        seccomp_data call{};
        call.nr = 7;
        ASSERT_EQ(run(*program, call), 1u);
        call.nr = 8;
        ASSERT_EQ(run(*program, call), 2u);
    }
}

// ---- in the kernel ----

// Loads the filter in a child, runs `body` there and returns its exit status, or minus the signal.
int status_under(const Program& program, int (*body)()) {
    pid_t child = fork();
    if (child == 0) {
        sock_fprog filter{.len = static_cast<unsigned short>(program.instructions.size()),
                          .filter = const_cast<sock_filter*>(program.instructions.data())};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(101);
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program.flags, &filter) != 0) _exit(102);
        _exit(body());
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return 103;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// The kernel refuses filters to those who were not given any, e.g. under another seccomp filter.
bool can_load() {
    return status_under(*compile(R"({"defaultAction": "SCMP_ACT_ALLOW"})"), [] { return 0; }) == 0;
}

TEST(SeccompInKernel, DockerProfileLoadsAndDecides) {
    if (!can_load()) GTEST_SKIP() << "seccomp(2) is not to be had here";
    std::string section;
    (void)seccomp_test::docker_profile(&section);
    EXPECT_EQ(status_under(compile(section).value(),
                           [] {
                               if (getppid() <= 0) return 1;
                               if (syscall(SYS_kexec_load, 0, 0, 0, 0) != -1 || errno != EPERM) return 2;
                               if (syscall(SYS_personality, 0xffffffff) < 0) return 3;
                               if (syscall(SYS_personality, 0x1234567) != -1 || errno != ENOSYS) return 4;
                               if (syscall(9999) != -1 || errno != ENOSYS) return 5;
                               return 42;
                           }),
              42);
}

TEST(SeccompInKernel, YoungSyscallsGetEnosysAndOldOnesTheDefault) {
    if (!can_load()) GTEST_SKIP() << "seccomp(2) is not to be had here";
    // The youngest one named is openat2, 437; close_range is 436. ASan needs the others in order to exit.
    auto program = compile(R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5, "syscalls": [
        {"names": ["exit_group", "openat2", "sigaltstack", "mmap", "munmap", "madvise", "futex"],
         "action": "SCMP_ACT_ALLOW"}]})");
    ASSERT_TRUE(program.ok());
    EXPECT_EQ(status_under(*program,
                           [] {
                               if (syscall(SYS_getuid) != -1 || errno != 5) return 11;
                               if (syscall(436, 5, 4, 0) != -1 || errno != 5) return 12;
                               if (syscall(438, 0, 0, 0) != -1 || errno != ENOSYS) return 13;
                               return 42;
                           }),
              42);
}

TEST(SeccompInKernel, KillKills) {
    if (!can_load()) GTEST_SKIP() << "seccomp(2) is not to be had here";
    auto program = compile(R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": [], "syscalls": [
        {"names": ["getuid"], "action": "SCMP_ACT_KILL_PROCESS"},
        {"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77, "args": [
            {"index": 0, "value": 4294967296, "op": "SCMP_CMP_GE"}]}]})");
    ASSERT_TRUE(program.ok());
    EXPECT_EQ(status_under(*program, [] { return static_cast<int>(syscall(SYS_getuid)) & 1; }), -SIGSYS);
    EXPECT_EQ(status_under(*program,
                           [] {
                               if (syscall(SYS_getpgid, 0xffffffff) != -1 || errno == 77) return 1;
                               if (syscall(SYS_getpgid, 0x100000000) != -1 || errno != 77) return 2;
                               return 42;
                           }),
              42);
}

}  // namespace
}  // namespace urc::seccomp
