#include "cli/options.h"

#include <gtest/gtest.h>

namespace urc::cli {
namespace {

using Words = std::vector<std::string>;

struct Values {
    bool keep = false, detach = false, no_subreaper = false;
    std::string bundle = "default";
    std::optional<std::string> root;
    unsigned count = 0;
    Words env;
};

struct Outcome {
    Values values;
    Words arguments;
    bool wants_help = false;
    std::string error;
};

Outcome parse(Words words, Placement placement = Placement::anywhere) {
    Outcome outcome;
    Values& values = outcome.values;
    OptionSet options;
    options.flag("keep", 0, values.keep, "");
    options.flag("detach", 'd', values.detach, "");
    options.flag("no-subreaper", 0, values.no_subreaper, "");
    options.text("bundle", 'b', values.bundle, "");
    options.text("root", 0, values.root, "");
    options.number("preserve-fds", 0, values.count, "");
    options.texts("env", 'e', values.env, "");
    auto parsed = options.parse(words, placement);
    if (!parsed) {
        outcome.error = parsed.error().text();
    } else {
        outcome.arguments = parsed->arguments;
        outcome.wants_help = parsed->wants_help;
    }
    return outcome;
}

TEST(Options, AbsentOptionsKeepTheirDefaults) {
    Outcome outcome = parse({"c1"});
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.arguments, Words{"c1"});
    EXPECT_EQ(outcome.values.bundle, "default");
    EXPECT_FALSE(outcome.values.root.has_value());
    EXPECT_FALSE(outcome.values.keep);
}

TEST(Options, AValueIsWrittenInEveryWayThatCallersUse) {
    for (const Words& words :
         {Words{"--bundle", "/b"}, Words{"--bundle=/b"}, Words{"-bundle", "/b"}, Words{"-bundle=/b"},
          Words{"-b", "/b"}, Words{"-b=/b"}, Words{"-b/b"}, Words{"-db", "/b"}, Words{"-db/b"}}) {
        Outcome outcome = parse(words);
        EXPECT_EQ(outcome.error, "") << words[0];
        EXPECT_EQ(outcome.values.bundle, "/b") << words[0];
        EXPECT_TRUE(outcome.arguments.empty()) << words[0];
    }
}

TEST(Options, OneDashIsEnoughForALongFlag) {
    EXPECT_TRUE(parse({"-no-subreaper"}).values.no_subreaper);
    EXPECT_TRUE(parse({"--no-subreaper"}).values.no_subreaper);
}

TEST(Options, AFlagCanBeSwitchedOff) {
    EXPECT_FALSE(parse({"--keep", "--keep=false"}).values.keep);
    EXPECT_FALSE(parse({"-d=0"}).values.detach);
    EXPECT_TRUE(parse({"--keep=true"}).values.keep);
    EXPECT_EQ(parse({"--keep=maybe"}).error, "invalid boolean value \"maybe\" for -keep");
    EXPECT_EQ(parse({"--keep="}).error, "invalid boolean value \"\" for -keep");
}

TEST(Options, TheyStandBeforeAndAfterTheArguments) {
    Outcome outcome = parse({"-d", "c1", "--bundle", "/b", "x"});
    EXPECT_EQ(outcome.arguments, (Words{"c1", "x"}));
    EXPECT_TRUE(outcome.values.detach);
    EXPECT_EQ(outcome.values.bundle, "/b");
}

TEST(Options, ForACommandLineInsideTheyEndAtTheFirstArgument) {
    Outcome outcome = parse({"-d", "c1", "sh", "-b", "--keep", "--", "-x"}, Placement::before_arguments);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.arguments, (Words{"c1", "sh", "-b", "--keep", "--", "-x"}));
    EXPECT_TRUE(outcome.values.detach);
    EXPECT_FALSE(outcome.values.keep);
}

TEST(Options, TwoDashesAloneEndThem) {
    Outcome outcome = parse({"--keep", "--", "-d", "--", "--bundle"});
    EXPECT_EQ(outcome.arguments, (Words{"-d", "--", "--bundle"}));
    EXPECT_TRUE(outcome.values.keep);
    EXPECT_FALSE(outcome.values.detach);
}

TEST(Options, ADashAloneAndAnEmptyWordAreArguments) {
    EXPECT_EQ(parse({"-", ""}).arguments, (Words{"-", ""}));
}

TEST(Options, ACommaSeparatesNothing) {
    EXPECT_EQ(parse({"--env", "A=1,2", "-e", "B=3"}).values.env, (Words{"A=1,2", "B=3"}));
}

TEST(Options, AValueIsTakenAsItIs) {
    for (const char* value : {"", "-x", "--keep", "--", "[a,b]", "{}", "a b", "%%", "\"q\"", "'q'", "a=b",
                              "-1", "caf\xc3\xa9", "true", "#x", ";"}) {
        EXPECT_EQ(parse({"--bundle", value}).values.bundle, value);
        EXPECT_EQ(parse({"--bundle=" + std::string(value)}).values.bundle, value);
        EXPECT_EQ(parse({"--root", value}).values.root, value);
        EXPECT_EQ(parse({"-e", value, "-e", "x", "-e", value}).values.env, (Words{value, "x", value}))
            << value;
    }
}

TEST(Options, TheLastOfSeveralCounts) {
    EXPECT_EQ(parse({"-b", "1", "--bundle=2", "-bundle", "3"}).values.bundle, "3");
}

TEST(Options, ANumberIsDigitsAndNothingElse) {
    EXPECT_EQ(parse({"--preserve-fds", "12"}).values.count, 12u);
    for (const char* bad : {"", "-1", "1x", "0x1", " 1", "99999999999"})
        EXPECT_EQ(parse({"--preserve-fds", bad}).error,
                  "invalid value \"" + std::string(bad) +
                      "\" for flag -preserve-fds: expected a number from 0 to 4294967295");
}

TEST(Options, AnUnknownOptionIsNamed) {
    EXPECT_EQ(parse({"--frobnicate"}).error, "flag provided but not defined: -frobnicate");
    EXPECT_EQ(parse({"--frobnicate=1"}).error, "flag provided but not defined: -frobnicate");
    EXPECT_EQ(parse({"-frobnicate"}).error, "flag provided but not defined: -frobnicate");
    EXPECT_EQ(parse({"-dx"}).error, "flag provided but not defined: -x");
    EXPECT_EQ(parse({"--d"}).error, "flag provided but not defined: -d");
    EXPECT_EQ(parse({"--=x"}).error, "flag provided but not defined: -");
    EXPECT_EQ(parse({"-=x"}).error, "flag provided but not defined: -");
}

TEST(Options, AMissingValueIsNamed) {
    EXPECT_EQ(parse({"--bundle"}).error, "flag needs an argument: -bundle");
    EXPECT_EQ(parse({"c1", "-b"}).error, "flag needs an argument: -b");
    EXPECT_EQ(parse({"-db"}).error, "flag needs an argument: -b");
}

TEST(Options, HelpWinsOverWhatElseIsWrong) {
    for (const char* word : {"--help", "-h", "-help"}) {
        Outcome outcome = parse({"c1", word, "--frobnicate"});
        EXPECT_TRUE(outcome.wants_help);
        EXPECT_EQ(outcome.error, "");
    }
    EXPECT_FALSE(parse({"--bundle", "--help"}).wants_help);
}

TEST(Options, HelpIsAlignedAndNamesBothForms) {
    bool flag = false;
    std::string text;
    OptionSet options;
    options.flag("all", 'a', flag, "one");
    options.text("bundle", 'b', text, "two");
    options.text("log", 0, text, "three");
    EXPECT_EQ(options.help(),
              "   --all, -a                 one\n"
              "   --bundle value, -b value  two\n"
              "   --log value               three\n"
              "   --help, -h                show help\n");
}

}  // namespace
}  // namespace urc::cli
