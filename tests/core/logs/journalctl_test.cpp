// journalctl(1) as a child, by a shell script of that name.
#include "core/logs/journalctl.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "core/logs/journal_log.h"
#include "tests/core/logs/container_logs.h"

namespace urc::logs {
namespace {

using logs_test::followed;
using logs_test::Reader;
using state_test::Sleeper;
using state_test::slurp;
using state_test::spit;

class JournalctlChild : public logs_test::ContainerLogsTest {
protected:
    JournalctlChild() : path_(std::getenv("PATH") ? std::getenv("PATH") : "") {
        const std::string first = base_ + "/bin:" + path_;
        ::setenv("PATH", first.c_str(), 1);
        std::filesystem::create_directory(base_ + "/bin");
    }
    ~JournalctlChild() override { ::setenv("PATH", path_.c_str(), 1); }

    // Its calls are noted in `calls`, an argument a word.
    void put_journalctl(const std::string& script) {
        const std::string path = base_ + "/bin/journalctl";
        spit(path, "#!/bin/sh\ncd " + base_ + "\necho \"$*\" >>calls\n" + script);
        ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    }
    void put_journal_container(pid_t monitor) { put_container({sink(relay::Driver::journald, "")}, monitor); }
    std::string calls() const { return slurp(base_ + "/calls"); }

    static std::string entry(int number, const std::string& message, const std::string& more = {}) {
        return R"({"__CURSOR":"s=)" + std::to_string(number) +
               R"(","__REALTIME_TIMESTAMP":"1769850300000000","PRIORITY":"6",)" + more + R"("MESSAGE":)" +
               message + "}\n";
    }
    const std::string path_;
};

TEST_F(JournalctlChild, GivesLinesWithTheirStreamAndWithoutAnEndWhereTheyGoOn) {
    spit(base_ + "/journal",
         entry(1, R"("one")") + entry(2, R"("par")", R"("CONTAINER_PARTIAL_MESSAGE":"true",)") +
             entry(3, R"("tial")") + entry(4, R"("bad")", R"("PRIORITY":"3",)") + entry(5, "[255,10]"));
    put_journalctl("cat journal");
    put_journal_container(0);
    auto text = read_all_logs();
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_EQ(*text, "one\npartial\nE:bad\n\xff\n\n");
    EXPECT_NE(calls().find("--lines=all CONTAINER_ID=c1\n"), std::string::npos) << calls();
    EXPECT_EQ(calls().find("--follow"), std::string::npos);
}

TEST_F(JournalctlChild, IsAskedForNoMoreThanIsWanted) {
    put_journalctl("");
    put_journal_container(0);
    LogsOptions options;
    options.tail = 7;
    options.wants_out = false;
    options.since = parse_instant("2026-01-31T09:05:00.25Z");
    options.until = parse_instant("2026-01-31T09:06:00Z");
    auto text = read_all_logs(options);
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_EQ(*text, "");
    for (const char* word : {" --since=@1769850300.250000 ", " --until=@1769850360.000001 ", " --lines=7 ",
                             " CONTAINER_ID=c1 PRIORITY=3\n"})
        EXPECT_NE(calls().find(word), std::string::npos) << word << " in " << calls();
}

TEST_F(JournalctlChild, ThatIsMissingIsSaidInASentence) {
    ::setenv("PATH", "/nowhere", 1);
    put_journal_container(0);
    auto text = read_all_logs();
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().text(), "the output is in the journal, and there is no journalctl in $PATH");
    EXPECT_EQ(text.error().code(), ENOENT);
}

TEST_F(JournalctlChild, ThatFailsIsHeard) {
    put_journalctl("echo No journal files were found. >&2; echo more >&2; exit 1");
    put_journal_container(0);
    auto text = read_all_logs();
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().text(), "journalctl: No journal files were found.");
    put_journalctl("kill -9 $$");
    auto killed = read_all_logs();
    ASSERT_FALSE(killed);
    EXPECT_EQ(killed.error().text(), "journalctl: failed");
}

TEST_F(JournalctlChild, LinesThatAreNoEntriesAreCounted) {
    spit(base_ + "/journal", "what?\n" + entry(1, R"(")" + std::string(2 << 20, 'x') + R"(")") +
                                 entry(2, R"("good")") + entry(3, R"("cut)"));
    put_journalctl("cat journal");
    put_journal_container(0);
    auto text = read_all_logs();
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_EQ(*text, "good\n");
    EXPECT_NE(warnings().find("journalctl gave 3 lines"), std::string::npos) << warnings();
}

TEST_F(JournalctlChild, IsFollowedUntilTheMonitorEndsAndAskedOnceMoreThen) {
    ASSERT_EQ(::mkfifo((base_ + "/live").c_str(), 0600), 0);
    spit(base_ + "/after", entry(3, R"("three")"));
    put_journalctl("case \"$*\" in\n*--follow*) exec cat live ;;\n*--after-cursor=s=2*) cat after ;;\nesac");
    Sleeper monitor;
    put_journal_container(monitor.pid());
    Reader reader(global(), "c1", followed());
    auto live = open_at(AT_FDCWD, (base_ + "/live").c_str(), O_WRONLY);
    ASSERT_TRUE(live);
    ASSERT_TRUE(write_all(live->get(), entry(1, R"("one")"), "the journal"));
    EXPECT_EQ(reader.until("one\n"), "one\n");
    // A line that comes in two pieces.
    const std::string second = entry(2, R"("two")");
    ASSERT_TRUE(write_all(live->get(), second.substr(0, 20), "the journal"));
    ASSERT_TRUE(write_all(live->get(), second.substr(20), "the journal"));
    EXPECT_EQ(reader.until("two\n"), "two\n");
    monitor.end();
    EXPECT_EQ(reader.to_end(), "three\n");
    EXPECT_EQ(reader.wait(), 0);
    EXPECT_NE(calls().find("--sync\n"), std::string::npos) << calls();
}

TEST_F(JournalctlChild, ThatEndsByItselfEndsTheFollowing) {
    spit(base_ + "/journal", entry(1, R"("one")"));
    put_journalctl("cat journal; echo gone >&2; exit 1");
    Sleeper monitor;
    put_journal_container(monitor.pid());
    Reader reader(global(), "c1", followed());
    EXPECT_EQ(reader.to_end(), "one\n");
    EXPECT_EQ(reader.wait(), ECHILD);
}

TEST_F(JournalctlChild, IsEndedWithItsReader) {
    put_journalctl("echo $$ >pid.new; mv pid.new pid; echo; exec sleep 1000");
    {
        auto journal = Journalctl::start({});
        ASSERT_TRUE(journal) << journal.error().text();
        char byte;
        EXPECT_EQ(*journal->read(&byte, 1), 1U);
        EXPECT_EQ(::kill(std::stoi(slurp(base_ + "/pid")), 0), 0);
    }
    EXPECT_EQ(::kill(std::stoi(slurp(base_ + "/pid")), 0), -1);
}

}  // namespace
}  // namespace urc::logs
