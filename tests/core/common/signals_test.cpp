#include "core/signals.h"

#include <gtest/gtest.h>

#include <csignal>

namespace urc {
namespace {

TEST(ParseSignal, TakesNamesNumbersAndRealTimeOffsets) {
    for (auto [text, number] :
         std::initializer_list<std::pair<const char*, int>>{{"TERM", SIGTERM},
                                                            {"sigterm", SIGTERM},
                                                            {"SIGKILL", SIGKILL},
                                                            {"9", 9},
                                                            {"0", 0},
                                                            {"IOT", SIGABRT},
                                                            {"SIGIO", SIGIO},
                                                            {"POLL", SIGIO},
                                                            {"RTMIN", SIGRTMIN},
                                                            {"rtmin+3", SIGRTMIN + 3},
                                                            {"SIGRTMAX-1", SIGRTMAX - 1},
                                                            {"64", 64}}) {
        auto parsed = parse_signal(text);
        ASSERT_TRUE(parsed.has_value()) << text;
        EXPECT_EQ(*parsed, number) << text;
    }
}

TEST(ParseSignal, RefusesEverythingElse) {
    for (const char* text :
         {"", "SIG", "SIGSIG", "TERMX", "-1", "65", "9x", " 9", "0x9", "RTMIN-1", "RTMIN+99", "RTMAX+1"})
        EXPECT_FALSE(parse_signal(text).has_value()) << text;
}

}  // namespace
}  // namespace urc
