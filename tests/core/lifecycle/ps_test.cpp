// What is left of the table of ps(1).
#include <gtest/gtest.h>

#include "core/lifecycle/ps_table.h"

namespace urc {
namespace {

constexpr const char* kTable =
    "UID        PID  PPID CMD\n"
    "root         1     0 init\n"
    "root        12     1 sleep 1\n"
    "root       123    12 sleep 12\n"
    "\n"
    "root       abc    12 odd\n";

std::string filter(std::string_view table, const std::vector<pid_t>& pids) {
    auto text = filter_ps_table(table, pids);
    return text ? *text : "error: " + text.error().text();
}

TEST(PsTable, KeepsTheHeaderAndTheRowsOfTheContainer) {
    EXPECT_EQ(filter(kTable, {12, 123}),
              "UID        PID  PPID CMD\nroot        12     1 sleep 1\nroot       123    12 sleep 12\n");
}

TEST(PsTable, AStoppedContainerHasOnlyTheHeader) {
    EXPECT_EQ(filter(kTable, {}), "UID        PID  PPID CMD\n");
}

TEST(PsTable, OnlyTheColumnPidCounts) {
    EXPECT_EQ(filter("PPID PID\n12 1\n1 12\n", {12}), "PPID PID\n1 12\n");
}

TEST(PsTable, AHeaderAloneMayLackItsNewline) {
    EXPECT_EQ(filter("  PID", {1}), "  PID\n");
}

TEST(PsTable, ATableWithoutPidsIsAnError) {
    EXPECT_EQ(filter("CMD\nsleep\n", {1}), "error: couldn't find PID field in ps output");
    EXPECT_EQ(filter("", {1}), "error: couldn't find PID field in ps output");
}

}  // namespace
}  // namespace urc
