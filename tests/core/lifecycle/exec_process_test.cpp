// What the command line makes of the container's process.
#include "core/lifecycle/exec_process.h"

#include <gtest/gtest.h>

#include "core/spec/names.h"

namespace urc {
namespace {

std::uint64_t bit(std::string_view name) {
    return std::uint64_t{1} << spec::capability_number(name).value();
}

// Every one of these once meant root to somebody's parser.
TEST(ExecUser, CVE_2026_30892_IsANumberOrAnError) {
    for (const char* text : {"",           ":",
                             "1000:",      ":5",
                             "abc",        "1000abc",
                             "-1",         "4294967296",
                             "4294967295", " 5",
                             "5 ",         "0x10",
                             "+5",         "1000:4294967295",
                             "1000:-1",    "1000:5:6",
                             "1000:x",     "1000 :5",
                             "1e3",        "18446744073709551616"}) {
        spec::User user;
        user.uid = 77;
        user.gid = 78;
        EXPECT_FALSE(set_user(user, text).ok()) << text;
        EXPECT_EQ(user.uid, 77u) << text;
        EXPECT_EQ(user.gid, 78u) << text;
    }
}

TEST(ExecUser, KeepsTheGroupUnlessItIsGiven) {
    spec::User user;
    user.uid = 77;
    user.gid = 78;
    ASSERT_TRUE(set_user(user, "1000").ok());
    EXPECT_EQ(user.uid, 1000u);
    EXPECT_EQ(user.gid, 78u);
    ASSERT_TRUE(set_user(user, "2147483648:4294967294").ok());
    EXPECT_EQ(user.uid, 2147483648u);
    EXPECT_EQ(user.gid, 4294967294u);
}

TEST(ExecCapabilities, CVE_2022_29162_AreNeverMadeInheritable) {
    spec::Process process;
    process.capabilities.emplace();
    process.capabilities->inheritable = bit("CAP_KILL");
    EXPECT_TRUE(add_capabilities(process, {"CAP_NET_RAW", "CAP_KILL"}).empty());
    const spec::Capabilities& sets = *process.capabilities;
    const std::uint64_t both = bit("CAP_NET_RAW") | bit("CAP_KILL");
    EXPECT_EQ(sets.bounding, both);
    EXPECT_EQ(sets.effective, both);
    EXPECT_EQ(sets.permitted, both);
    EXPECT_EQ(sets.inheritable, bit("CAP_KILL"));
    EXPECT_EQ(sets.ambient, bit("CAP_KILL")) << "only what is inheritable";
}

TEST(ExecCapabilities, UnknownOnesAreGivenBackForAWarning) {
    spec::Process process;
    EXPECT_EQ(add_capabilities(process, {"CAP_FLY", "CAP_KILL", "kill"}),
              (std::vector<std::string>{"CAP_FLY", "kill"}));
    EXPECT_EQ(process.capabilities->bounding, bit("CAP_KILL"));
}

class ExecProcess : public ::testing::Test {
protected:
    ExecProcess() {
        config_.process.emplace();
        config_.process->cwd = "/";
        config_.process->args = {"init"};
        config_.process->env = {"A=1", "B=1"};
        config_.process->terminal = true;
        config_.process->no_new_privileges = true;
        config_.process->oom_score_adj = 7;
        config_.process->user.umask = 077;
        config_.process->capabilities.emplace();
        config_.process->capabilities->bounding = bit("CAP_KILL");
    }
    spec::Process made() {
        auto process = make_exec_process(config_, options_, log_);
        EXPECT_TRUE(process.ok()) << process.error().text();
        return process.ok() ? *process : spec::Process();
    }
    std::string refusal() {
        auto process = make_exec_process(config_, options_, log_);
        return process.ok() ? "" : process.error().text();
    }
    Log log_;
    spec::Spec config_;
    ExecOptions options_;
};

TEST_F(ExecProcess, IsTheContainersWithoutItsTerminalAndItsArguments) {
    options_.args = {"sh", "-c"};
    options_.env = {"B=2"};
    spec::Process process = made();
    EXPECT_EQ(process.args, options_.args);
    EXPECT_EQ(process.env, (std::vector<std::string>{"A=1", "B=1", "B=2"}));
    EXPECT_FALSE(process.terminal);
    EXPECT_TRUE(process.no_new_privileges);
    EXPECT_EQ(process.oom_score_adj, 7);
    options_.no_new_privs = false;
    options_.tty = true;
    EXPECT_FALSE(made().no_new_privileges);
    EXPECT_TRUE(made().terminal);
}

TEST_F(ExecProcess, RefusesWhatCannotBe) {
    EXPECT_EQ(refusal(), "args must not be empty");
    options_.args = {"true"};
    options_.cwd = "tmp";
    EXPECT_EQ(refusal(), "--cwd: must be an absolute path, not \"tmp\"");
    options_.cwd = "";
    options_.env = {"NOEQUALS"};
    EXPECT_EQ(refusal(), "--env[0]: no '=' in the environment variable \"NOEQUALS\"");
    options_.env = {};
    options_.additional_gids = {4294967295};
    EXPECT_EQ(refusal(), "--additional-gids: 4294967295 is no group id");
    options_.additional_gids = {};
    options_.user = "";
    EXPECT_EQ(refusal(), "--user: must be UID or UID:GID, not \"\"");
}

TEST_F(ExecProcess, ADocumentRulesAndHasFromTheContainerWhatItLeavesOut) {
    options_.process_document = R"({"args":["x"],"cwd":"/d","user":{"uid":5,"gid":6}})";
    options_.user = "77";  // ignored
    options_.env = {"C=1"};
    spec::Process process = made();
    EXPECT_EQ(process.user.uid, 5u);
    EXPECT_TRUE(process.env.empty());
    EXPECT_FALSE(process.no_new_privileges);
    EXPECT_EQ(process.user.umask, 077u);
    EXPECT_EQ(process.oom_score_adj, 7);
    EXPECT_EQ(process.capabilities->bounding, bit("CAP_KILL"));
    options_.process_document = R"({"args":["x"],"cwd":"/","capabilities":{},"oomScoreAdj":0})";
    EXPECT_EQ(made().capabilities->bounding, 0u);
    EXPECT_EQ(made().oom_score_adj, 0);
}

}  // namespace
}  // namespace urc
