// Whole calls of urc in this process, as far as no container is made: what stands on stdout, on stderr, in
// the log, and the exit status.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "cli/command.h"

namespace urc::cli {
namespace {

class SessionTest : public testing::Test {
protected:
    SessionTest() {
        char pattern[] = "/tmp/urc-cli-XXXXXX";
        base_ = ::mkdtemp(pattern);
    }
    ~SessionTest() override { std::filesystem::remove_all(base_); }

    int call(std::vector<std::string> words, std::string_view program = "urc") {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Session session(program);
        const int status = session.main(words);
        out_ = testing::internal::GetCapturedStdout();
        err_ = testing::internal::GetCapturedStderr();
        return status;
    }
    std::string log() const {
        std::ifstream file(base_ + "/log");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string base_, out_, err_;
};

TEST_F(SessionTest, VersionIsThreeLinesUnderTheNameOfTheCall) {
    EXPECT_EQ(call({"--version"}), 0);
    const std::regex three_lines("urc version \\d+\\.\\d+\\.\\d+\ncommit: \\S+\nspec: \\d+\\.\\d+\\.\\d+\n");
    EXPECT_TRUE(std::regex_match(out_, three_lines)) << out_;
    const std::string long_form = out_;
    EXPECT_EQ(call({"-v"}), 0);
    EXPECT_EQ(out_, long_form);
    EXPECT_EQ(call({"--version"}, "runc"), 0);
    EXPECT_EQ(out_.substr(0, 13), "runc version ");
    EXPECT_EQ(err_, "");
}

TEST_F(SessionTest, AnUnknownGlobalOptionIsToldInTheLogThatWasNamedBefore) {
    EXPECT_EQ(call({"--log", base_ + "/log", "--log-format", "json", "--frob", "state", "c1"}), 1);
    EXPECT_NE(log().find(R"("msg":"flag provided but not defined: -frob")"), std::string::npos) << log();
    EXPECT_EQ(err_, "urc: flag provided but not defined: -frob\n");
    EXPECT_EQ(out_.substr(0, 17), "Incorrect Usage: ");
}

TEST_F(SessionTest, AnOddIdOrOptionIsOneLine) {
    EXPECT_EQ(call({"--root", base_, "state", "a\nb\x1b[2J"}), 1);
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
    EXPECT_EQ(err_.find('\x1b'), std::string::npos);
    EXPECT_EQ(call({"--no\nsuch"}), 1);
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
}

TEST_F(SessionTest, AGroupThatIsNoNumberIsAUsageError) {
    for (const char* flag : {"-g", "--additional-gids"}) {
        EXPECT_EQ(call({"exec", flag, "abc", "c1", "true"}), 1);
        EXPECT_EQ(
            err_,
            "urc: invalid value \"abc\" for flag -additional-gids: expected a number from 0 to 4294967295\n");
        EXPECT_NE(out_.find("Incorrect Usage: "), std::string::npos);
    }
}

TEST_F(SessionTest, HelpListsTheCommandsThatAreThere) {
    EXPECT_EQ(call({"--help"}), 0);
    const std::string help = out_;
    for (const Command& command : commands()) {
        const std::string row = "\n   " + std::string(command.name) + " ";
        EXPECT_EQ(help.find(row) != help.npos, command.call != nullptr) << command.name;
    }
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"-h"}, {"help"}, {"h"}, {}}) {
        EXPECT_EQ(call(words), 0);
        EXPECT_EQ(out_, help);
        EXPECT_EQ(err_, "");
    }
}

TEST_F(SessionTest, EveryCommandHasItsHelp) {
    for (const Command& command : commands()) {
        if (!command.call) continue;
        const std::string name(command.name);
        EXPECT_EQ(call({name, "--help"}), 0);
        EXPECT_NE(out_.find("NAME:\n   urc " + name + " - "), std::string::npos);
        EXPECT_NE(out_.find("OPTIONS:\n"), std::string::npos);
        const std::string help = out_;
        EXPECT_EQ(call({"help", name}), 0);
        EXPECT_EQ(out_, help);
        EXPECT_EQ(err_, "");
    }
}

// CRI-O reads stdout and stderr as one document.
TEST_F(SessionTest, FeaturesIsOneDocumentAndNeedsNothing) {
    EXPECT_EQ(call({"--root", "/proc/nowhere", "features"}), 0);
    EXPECT_TRUE(out_.starts_with("{\n  \"ociVersionMin\": \"1.0.0\",\n")) << out_;
    EXPECT_TRUE(out_.ends_with("\n}\n"));
    EXPECT_EQ(err_, "");
}

TEST_F(SessionTest, AnUnknownCommandIsStatus3) {
    EXPECT_EQ(call({"frobnicate"}), 3);
    EXPECT_EQ(err_, "urc: No help topic for 'frobnicate'\n");
    EXPECT_EQ(call({"help", "frobnicate"}), 3);
    EXPECT_EQ(err_, "urc: No help topic for 'frobnicate'\n");
}

// Everything else that exec refuses is 255 (tests/blackbox/exec.sh).
TEST_F(SessionTest, AUsageErrorOfExecIsStatus1) {
    EXPECT_EQ(call({"exec", "--frobnicate", "c1", "sh"}), 1);
    EXPECT_EQ(err_, "urc: flag provided but not defined: -frobnicate\n");
    EXPECT_EQ(call({"exec"}), 1);
    EXPECT_EQ(call({"exec", "--no-new-privs=perhaps", "c1", "sh"}), 1);
}

TEST_F(SessionTest, AUsageErrorShowsTheHelpAndOneLine) {
    EXPECT_EQ(call({"--frobnicate", "list"}), 1);
    EXPECT_EQ(err_, "urc: flag provided but not defined: -frobnicate\n");
    EXPECT_TRUE(
        out_.starts_with("Incorrect Usage: flag provided but not defined: -frobnicate\n\nNAME:\n   urc - "));
    EXPECT_EQ(call({"run", "--frobnicate", "c1"}), 1);
    EXPECT_EQ(err_, "urc: flag provided but not defined: -frobnicate\n");
    EXPECT_NE(out_.find("urc run - "), std::string::npos);
}

TEST_F(SessionTest, TheNumberOfArgumentsIsChecked) {
    EXPECT_EQ(call({"state"}), 1);
    EXPECT_EQ(err_, "urc: \"state\" requires exactly 1 argument(s)\n");
    EXPECT_EQ(call({"state", "a", "b"}), 1);
    EXPECT_EQ(call({"kill"}), 1);
    EXPECT_EQ(err_, "urc: \"kill\" requires a minimum of 1 argument(s)\n");
    EXPECT_EQ(call({"kill", "a", "9", "x"}), 1);
    EXPECT_EQ(err_, "urc: \"kill\" requires a maximum of 2 argument(s)\n");
    EXPECT_EQ(call({"list", "x"}), 1);
    EXPECT_EQ(call({"run"}), 1);
}

TEST_F(SessionTest, AFailureNamesVerbIdAndReason) {
    EXPECT_EQ(call({"--root", base_ + "/r", "state", "c1"}), 1);
    EXPECT_EQ(out_, "");
    EXPECT_EQ(err_, "urc: state c1: container does not exist\n");
    EXPECT_EQ(call({"--root", base_ + "/r", "delete", "c1"}), 1);
    EXPECT_EQ(err_, "urc: delete c1: container does not exist\n");
    EXPECT_EQ(call({"--root", base_ + "/r", "delete", "--force", "c1"}), 0);
    EXPECT_EQ(err_, "");
    EXPECT_EQ(call({"--root", base_ + "/r", "kill", "c1", "FROB"}), 1);
    EXPECT_EQ(err_, "urc: kill c1: unknown signal \"FROB\"\n");
    EXPECT_EQ(call({"--root", base_ + "/r", "state", "a\nb"}), 1);
    EXPECT_EQ(err_, "urc: state a\\nb: invalid container ID format: \"a\\nb\"\n");
    EXPECT_EQ(call({"--root", base_ + "/r", "state", ""}), 1);
    EXPECT_EQ(err_, "urc: state: container ID cannot be empty\n");
}

TEST_F(SessionTest, WithALogFileTheErrorIsInBoth) {
    EXPECT_EQ(call({"--log", base_ + "/log", "--log-format=json", "--root", base_ + "/r", "state", "c1"}), 1);
    EXPECT_EQ(err_, "urc: state c1: container does not exist\n");
    EXPECT_EQ(log().substr(0, 62), R"({"level":"error","msg":"state c1: container does not exist","t)");
    EXPECT_EQ(call({"--log", base_ + "/log", "-log-format", "text", "--root", base_ + "/r", "frobnicate"}),
              3);
    EXPECT_NE(log().find("level=error msg=\"No help topic for 'frobnicate'\""), std::string::npos);
}

TEST_F(SessionTest, WrongGlobalValuesAreRefusedByName) {
    EXPECT_EQ(call({"--log-format", "xml", "list"}), 1);
    EXPECT_EQ(err_, "urc: invalid log-format \"xml\": must be text or json\n");
    EXPECT_EQ(call({"--log-level", "loud", "list"}), 1);
    EXPECT_EQ(call({"--rootless", "perhaps", "list"}), 1);
    EXPECT_EQ(call({"--cgroup-manager", "none", "list"}), 1);
    EXPECT_EQ(call({"--root", "/", "list"}), 1);
    EXPECT_EQ(err_, "urc: list: option --root: the root directory cannot hold the state\n");
    EXPECT_EQ(call({"--log", base_ + "/none/log", "list"}), 1);
    EXPECT_EQ(err_, "urc: list: open: " + base_ + "/none/log: No such file or directory\n");
}

TEST_F(SessionTest, EveryGlobalOptionOfTheManagersIsAccepted) {
    std::filesystem::create_directory(base_ + "/r");
    EXPECT_EQ(call({"--root", base_ + "/r", "--debug=false", "--log", base_ + "/log", "--log-format", "json",
                    "--systemd-cgroup", "--rootless=auto", "--cgroup-manager", "disabled", "--criu",
                    "/usr/sbin/criu", "list", "-q"}),
              0);
    EXPECT_EQ(out_ + err_ + log(), "");
}

TEST_F(SessionTest, ListOfAMissingRootIsAnErrorWhenItWasGiven) {
    EXPECT_EQ(call({"--root", base_ + "/none", "list"}), 1);
    EXPECT_EQ(err_, "urc: list: open: " + base_ + "/none: No such file or directory\n");
    std::filesystem::create_directory(base_ + "/r");
    EXPECT_EQ(call({"--root", base_ + "/r", "list", "--format=json"}), 0);
    EXPECT_EQ(out_, "[]\n");
    EXPECT_EQ(call({"--root", base_ + "/r", "list", "-f", "yaml"}), 1);
    EXPECT_EQ(err_, "urc: list: invalid format option: \"yaml\"\n");
}

TEST_F(SessionTest, ListWarnsOfStrangersUnlessAskedNotTo) {
    std::filesystem::create_directories(base_ + "/r/stranger");
    std::ofstream(base_ + "/r/file") << "x";
    EXPECT_EQ(call({"--log-level", "error", "--root", base_ + "/r", "list", "-q"}), 0);
    EXPECT_EQ(out_ + err_, "");
    EXPECT_EQ(call({"--root", base_ + "/r", "list", "-q"}), 0);
    EXPECT_EQ(out_, "");
    EXPECT_NE(err_.find("level=warning msg=\"list: stranger: container does not exist\""), std::string::npos);
}

TEST_F(SessionTest, SpecWritesAConfigurationOnce) {
    EXPECT_EQ(call({"spec", "-b", base_}), 0);
    EXPECT_EQ(out_ + err_, "");
    EXPECT_TRUE(std::filesystem::exists(base_ + "/config.json"));
    std::ofstream(base_ + "/config.json") << "mine";
    EXPECT_EQ(call({"spec", "--bundle=" + base_}), 1);
    EXPECT_EQ(err_, "urc: spec: file " + base_ + "/config.json exists. Remove it first\n");
    EXPECT_EQ(std::filesystem::file_size(base_ + "/config.json"), 4u);
}

}  // namespace
}  // namespace urc::cli
