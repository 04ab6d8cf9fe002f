#include "bench/rounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace urc::bench {
namespace {

struct OneRun {
    std::size_t contestant;
    std::string id;
    bool is_measured;
};

std::vector<OneRun> runs_of(const Rounds& rounds, std::size_t contestants) {
    std::vector<OneRun> all;
    in_rounds(rounds, contestants, [&](std::size_t index, const std::string& id, bool is_measured) {
        all.push_back({index, id, is_measured});
    });
    return all;
}

std::vector<std::size_t> order_of(const std::vector<OneRun>& runs) {
    std::vector<std::size_t> order;
    for (const OneRun& run : runs) order.push_back(run.contestant);
    return order;
}

TEST(Rounds, EveryoneRunsOnceInEach) {
    const std::vector<OneRun> runs = runs_of({.warm_up = 2, .runs = 3, .seed = 1}, 4);
    ASSERT_EQ(runs.size(), 20u);
    for (std::size_t round = 0; round < 5; ++round) {
        std::set<std::size_t> seen;
        for (std::size_t i = 0; i < 4; ++i) {
            seen.insert(runs[round * 4 + i].contestant);
            EXPECT_EQ(runs[round * 4 + i].is_measured, round >= 2);
        }
        EXPECT_EQ(seen, (std::set<std::size_t>{0, 1, 2, 3}));
    }
}

TEST(Rounds, AnIdIsGivenOnce) {
    std::set<std::string> ids;
    for (const OneRun& run : runs_of({.warm_up = 1, .runs = 9, .seed = 1}, 3)) ids.insert(run.id);
    EXPECT_EQ(ids.size(), 30u);
}

TEST(Rounds, TheOrderIsTheSeedsAndChanges) {
    const auto first = order_of(runs_of({.runs = 20, .seed = 7}, 5));
    EXPECT_EQ(order_of(runs_of({.runs = 20, .seed = 7}, 5)), first);
    EXPECT_NE(order_of(runs_of({.runs = 20, .seed = 8}, 5)), first);
    EXPECT_FALSE(std::equal(first.begin(), first.begin() + 50, first.begin() + 50));
}

}  // namespace
}  // namespace urc::bench
