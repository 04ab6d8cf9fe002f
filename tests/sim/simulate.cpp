#include "tests/sim/simulate.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace urc {
namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void add(SimBackend::Seen& total, const SimBackend::Seen& seen) {
    total.cancels_won += seen.cancels_won;
    total.cancels_lost += seen.cancels_lost;
    total.cancels_astray += seen.cancels_astray;
    total.overflows += seen.overflows;
    total.refusals += seen.refusals;
    total.no_buffers += seen.no_buffers;
    total.short_transfers += seen.short_transfers;
    total.errors += seen.errors;
    total.timeouts_won += seen.timeouts_won;
    total.timeouts_lost += seen.timeouts_lost;
}

// A failed URC_CHECK aborts: its seed must be known too.
std::uint64_t seed_running = 0;
void print_seed(int) {
    char line[64];
    int size =
        std::snprintf(line, sizeof line, "sim: seed %llu\n", static_cast<unsigned long long>(seed_running));
    [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line, static_cast<std::size_t>(size));
}

}  // namespace

SimBackend::Seen simulate(Scenario scenario, unsigned error_permille) {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGABRT, &print_seed);
    std::uint64_t first = number_from_environment("URC_SIM_SEED", 1);
    std::uint64_t count = std::getenv("URC_SIM_SEED") ? 1 : number_from_environment("URC_SIM_SEEDS", 200);
    SimBackend::Seen total;
    for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        seed_running = seed;
        LeakCheck leaks;
        Random random(seed);
        SimOptions options;
        options.seed = random.next();
        options.requests = 4U << random.below(4);
        options.completions = 1U << random.below(6);
        options.error_permille = error_permille;
        {
            SimBackend backend(options);
            Loop loop(backend);
            World world{loop, Random(random.next()), error_permille > 0};
            auto result = loop.run(scenario(world));
            EXPECT_TRUE(result.ok() || error_permille > 0) << (result.ok() ? "" : result.error().text());
            EXPECT_EQ(loop.in_flight(), 0U);
            add(total, backend.seen());
        }
        leaks.check();
    }
    ::signal(SIGABRT, SIG_DFL);
    return total;
}

}  // namespace urc
