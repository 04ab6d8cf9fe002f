#include "core/notify/message.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/notify/sender.h"

namespace urc::notify {
namespace {

using namespace std::chrono_literals;

Fd open_null() {
    return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}
std::vector<Fd> nulls(std::size_t count) {
    std::vector<Fd> fds;
    for (std::size_t i = 0; i < count; ++i) fds.push_back(open_null());
    return fds;
}
Fd own_pidfd() {
    return Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
}

Verdict judge_plain(std::string_view body, const ProxyOptions& options = {}, std::vector<Fd> fds = {}) {
    return judge(body, std::move(fds), ::getpid(), options, true);
}
std::string kept(std::string_view body, const ProxyOptions& options = {}) {
    return judge_plain(body, options).kept.body;
}

ProxyOptions detached() {
    ProxyOptions options;
    options.is_detached = true;
    options.is_member = [](pid_t pid) { return pid == ::getpid(); };
    options.translate = [](pid_t, pid_t inside) {
        return inside == 1 ? std::optional<pid_t>(::getpid()) : std::nullopt;
    };
    return options;
}

TEST(NotifyMessage, ForwardsEveryKeyOfTheTableThatMeansTheSameOutside) {
    for (const char* line :
         {"READY=1", "RELOADING=1", "STOPPING=1", "STATUS=Booting \xc3\xbc", "STATUS=", "ERRNO=2",
          "BUSERROR=org.freedesktop.DBus.Error.TimedOut", "VARLINKERROR=org.varlink.service.InvalidParameter",
          "EXIT_STATUS=7", "WATCHDOG=1", "WATCHDOG=trigger", "WATCHDOG_USEC=20000000",
          "EXTEND_TIMEOUT_USEC=5000000", "RESTART_RESET=1", "MONOTONIC_USEC=17",
          "X_SYSTEMD_UNIT_ACTIVE=a.target", "UNKNOWN=yes", "READY=0"}) {
        EXPECT_EQ(kept(line), line);
        EXPECT_EQ(judge_plain(line).withheld, "");
    }
}

TEST(NotifyMessage, KnowsWhatMayBeGivenUpForWantOfRoom) {
    EXPECT_EQ(judge_plain("READY=1").kept.says, kSaysMark | kSaysReady);
    EXPECT_EQ(judge_plain("READY=0").kept.says, kSaysMark);
    EXPECT_EQ(judge_plain("WATCHDOG=1\nSTATUS=a").kept.says, kSaysWatchdog | kSaysStatus);
    EXPECT_EQ(judge_plain("WATCHDOG=trigger").kept.says, kSaysMark);
    EXPECT_EQ(judge_plain("X_A=1").kept.says, kSaysOther);
    for (const char* mark :
         {"RELOADING=1", "STOPPING=1", "ERRNO=1", "BUSERROR=a", "VARLINKERROR=a", "EXIT_STATUS=0"})
        EXPECT_EQ(judge_plain(mark).kept.says, kSaysMark) << mark;
}

TEST(NotifyMessage, KeepsTheLinesOfADatagramTogetherAndInOrder) {
    EXPECT_EQ(kept("STATUS=a\nNOTIFYACCESS=all\nREADY=1\nX_B=2\n"), "STATUS=a\nREADY=1\nX_B=2");
}

TEST(NotifyMessage, EndsLinesAsSystemdDoes) {
    EXPECT_EQ(kept("A=1\r\n\n\rB=2\n\n"), "A=1\nB=2");
    EXPECT_EQ(kept(std::string_view("A=1\n\0", 5)), "A=1");
    EXPECT_EQ(kept(""), "");
    EXPECT_EQ(kept("\n\n"), "");
}

TEST(NotifyMessage, DropsTheLinesThatSystemdWouldIgnore) {
    EXPECT_EQ(kept("hello\nREADY=1\n=1\nB D=2\nC\x01=1"), "READY=1");
    EXPECT_EQ(judge_plain("hello\n=1\nB D=2").withheld, "hello  B?D");
    EXPECT_EQ(kept("STATUS=\xff\xfe"), "");
    EXPECT_EQ(kept("STATUS=\xc0\x80\nREADY=1"), "READY=1");
    EXPECT_EQ(kept("STATUS=a\x1b[1mb\tc"), "STATUS=a\x1b[1mb\tc");
    EXPECT_EQ(kept("MONOTONIC_USEC=soon"), "");
    EXPECT_EQ(kept("MONOTONIC_USEC=-5"), "");
}

TEST(NotifyMessage, TakesFourKibibytesAndNoByteMore) {
    const std::string longest = "STATUS=" + std::string(4089, 'x');
    EXPECT_EQ(kept(longest), longest);
    EXPECT_EQ(judge_plain(longest + "x").refusal, std::string("longer than 4096 bytes"));
    EXPECT_EQ(judge_plain(longest + "x").kept.body, "");
}

TEST(NotifyMessage, RefusesANulInTheMiddle) {
    EXPECT_EQ(judge_plain(std::string_view("A=1\0B=2", 7)).refusal, std::string("has a NUL in it"));
}

TEST(NotifyMessage, PutsAClockOfTheContainerOnOurs) {
    ProxyOptions options;
    options.monotonic_offset = [] { return std::optional<std::chrono::nanoseconds>(100s); };
    EXPECT_EQ(kept("RELOADING=1\nMONOTONIC_USEC=100000005", options), "RELOADING=1\nMONOTONIC_USEC=5");
    EXPECT_EQ(kept("MONOTONIC_USEC=99999999", options), "") << "before our clock began";
    options.monotonic_offset = [] { return std::optional<std::chrono::nanoseconds>(-100s); };
    EXPECT_EQ(kept("MONOTONIC_USEC=5", options), "MONOTONIC_USEC=100000005");
    EXPECT_EQ(kept("MONOTONIC_USEC=9223372036854775807", options), "");
    const std::string long_one = "MONOTONIC_USEC=5\nSTATUS=" + std::string(4072, 'x');
    EXPECT_STREQ(judge_plain(long_one, options).refusal, "longer than 4096 bytes on our clock");
}

TEST(NotifyMessage, ConsumesTheMainProcessInTheForeground) {
    EXPECT_EQ(kept("MAINPID=1\nREADY=1\nMAINPIDFDID=4"), "READY=1");
    Verdict verdict = judge_plain("MAINPIDFD=1", {}, nulls(1));
    EXPECT_EQ(verdict.kept.body, "");
    EXPECT_TRUE(verdict.kept.fds.empty());
}

TEST(NotifyMessage, TranslatesTheMainProcessOfADetachedContainer) {
    Verdict verdict = judge_plain("MAINPIDFDID=4\nMAINPID=1\nREADY=1\nMAINPID=2", detached());
    EXPECT_EQ(verdict.kept.body, "READY=1");
    EXPECT_EQ(verdict.kept.main_pid, ::getpid());
    EXPECT_EQ(verdict.main, main_process_lines(::getpid(), pidfd_id(::getpid())));
    EXPECT_EQ(verdict.withheld, "MAINPIDFDID MAINPID");
}

TEST(NotifyMessage, DropsAMainProcessThatIsNoneOfTheContainer) {
    for (const char* line : {"MAINPID=2", "MAINPID=0", "MAINPID=-1", "MAINPID=x", "MAINPID=99999999999"}) {
        Verdict verdict = judge_plain(line, detached());
        EXPECT_EQ(verdict.kept.body + verdict.main, "") << line;
        EXPECT_EQ(verdict.kept.main_pid, 0) << line;
    }
}

TEST(NotifyMessage, ForwardsAPidfdOfTheContainersProcess) {
    std::vector<Fd> fds;
    fds.push_back(own_pidfd());
    Verdict verdict = judge_plain("MAINPIDFD=1", detached(), std::move(fds));
    EXPECT_EQ(verdict.kept.body, "MAINPIDFD=1");
    EXPECT_EQ(verdict.kept.fds.size(), 1U);
    EXPECT_EQ(verdict.kept.main_pid, ::getpid());
}

TEST(NotifyMessage, DropsAPidfdOfAnotherProcessAndWhatIsNone) {
    ProxyOptions strangers = detached();
    strangers.is_member = [](pid_t) { return false; };
    std::vector<Fd> fds;
    fds.push_back(own_pidfd());
    EXPECT_EQ(judge_plain("MAINPIDFD=1", strangers, std::move(fds)).kept.body, "");
    EXPECT_EQ(judge_plain("MAINPIDFD=1", detached(), nulls(1)).kept.body, "");
    EXPECT_EQ(judge_plain("MAINPIDFD=1", detached(), nulls(2)).kept.body, "");
    EXPECT_EQ(judge_plain("MAINPIDFD=1", detached()).kept.body, "");
}

TEST(NotifyMessage, NeedsAnOptionForAccess) {
    ProxyOptions options;
    EXPECT_EQ(kept("NOTIFYACCESS=all"), "");
    EXPECT_TRUE(judge_plain("NOTIFYACCESS=all").was_not_permitted);
    options.allows_access = true;
    EXPECT_EQ(kept("NOTIFYACCESS=all", options), "NOTIFYACCESS=all");
}

TEST(NotifyMessage, NeedsAnOptionForStoredDescriptors) {
    const std::string_view body = "FDSTORE=1\nFDNAME=a\nFDPOLL=0";
    Verdict refused = judge_plain(body, {}, nulls(2));
    EXPECT_EQ(refused.kept.body, "");
    EXPECT_TRUE(refused.kept.fds.empty());
    EXPECT_EQ(kept("FDSTOREREMOVE=1\nFDNAME=a"), "");
    ProxyOptions options;
    options.allows_fdstore = true;
    Verdict verdict = judge_plain(body, options, nulls(2));
    EXPECT_EQ(verdict.kept.body, body);
    EXPECT_EQ(verdict.kept.fds.size(), 2U);
    EXPECT_EQ(kept("FDSTOREREMOVE=1\nFDNAME=a", options), "FDSTOREREMOVE=1\nFDNAME=a");
    EXPECT_EQ(judge(body, nulls(1), ::getpid(), options, false).kept.body, "")
        << "upstream takes no descriptors";
}

TEST(NotifyMessage, ClosesDescriptorsThatNoLineIsFor) {
    ProxyOptions options;
    options.allows_fdstore = true;
    EXPECT_TRUE(judge_plain("READY=1", options, nulls(3)).kept.fds.empty());
    EXPECT_TRUE(judge_plain("FDNAME=a", options, nulls(3)).kept.fds.empty());
}

TEST(NotifyMessage, TakesABarrierAloneWithOneDescriptor) {
    Verdict verdict = judge_plain("BARRIER=1\n", {}, nulls(1));
    EXPECT_EQ(verdict.kept.body, "BARRIER=1");
    EXPECT_TRUE(verdict.kept.is_barrier());
    EXPECT_EQ(verdict.kept.fds.size(), 1U);
}

TEST(NotifyMessage, RefusesEveryOtherBarrier) {
    EXPECT_STREQ(judge_plain("BARRIER=1").refusal, "BARRIER=1 without exactly one descriptor");
    EXPECT_STREQ(judge_plain("BARRIER=1", {}, nulls(2)).refusal, "BARRIER=1 without exactly one descriptor");
    Verdict mixed = judge_plain("READY=1\nBARRIER=1", {}, nulls(1));
    EXPECT_STREQ(mixed.refusal, "BARRIER=1 is not alone");
    EXPECT_EQ(mixed.kept.body, "");
    EXPECT_EQ(kept("BARRIER=2\nREADY=1"), "READY=1");
}

TEST(NotifyMessage, NamesItsKeysInOneLineForTheLog) {
    EXPECT_EQ(keys_of("READY=1\nSTATUS=a b\nx\x01y"), "READY STATUS x?y");
    EXPECT_EQ(keys_of("\n"), "nothing");
    std::string many;
    for (int i = 0; i < 20; ++i) many += "A=1\n";
    EXPECT_EQ(keys_of(many), "A A A A A A A A A A A A A A A A ...");
}

}  // namespace
}  // namespace urc::notify
