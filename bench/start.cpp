#include "bench/start.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "bench/bundle.h"
#include "bench/leftovers.h"
#include "bench/rounds.h"
#include "bench/runner.h"

namespace urc::bench {

namespace {

// One row being measured: how to start its next container, and what came of all before.
class Contestant {
public:
    Contestant(Row row, std::vector<std::string> words, std::string state_root, std::string preload)
        : row_(std::move(row)), words_(std::move(words)), state_root_(std::move(state_root)) {
        if (!preload.empty()) environment_.push_back("LD_PRELOAD=" + preload);
    }

    // `id` stands at the end of a runtime's command line; the floor needs none.
    Command command(const std::string& id) const {
        Command command{words_, environment_};
        if (is_runtime()) command.argv.push_back(id);
        return command;
    }

    void record(const Outcome& outcome, const std::string& id, bool is_measured) {
        if (!outcome.ok()) clean_up(outcome, id);
        if (!is_measured) return;
        ++row_.runs;
        if (outcome.ok()) {
            row_.start.add(outcome.start_ns);
            row_.wall.add(outcome.wall_ns);
        } else if (row_.failures++ == 0) {
            row_.first_failure = outcome.failure;
        }
    }

    Row& row() { return row_; }

private:
    bool is_runtime() const { return !state_root_.empty(); }

    // A failed run may have left a container, which its runtime can delete, or only cgroups, which it has
    // forgotten.
    void clean_up(const Outcome& outcome, const std::string& id) const {
        if (is_runtime()) {
            const Command command{{row_.path, "--root", state_root_, "delete", "--force", id}, environment_};
            (void)run_for_output(command);
        }
        remove_cgroups(is_runtime() ? id : fmt::format("floor-{}", outcome.pid));
    }

    Row row_;
    std::vector<std::string> words_;
    std::string state_root_;
    std::vector<std::string> environment_;
};

std::string preload_of(const StartOptions& options, const std::string& name) {
    for (const NamedPath& preload : options.preloads)
        if (preload.name == name) return preload.path;
    return {};
}

Result<std::vector<Contestant>> make_contestants(const StartOptions& options, const Bundle& bundle) {
    std::vector<Contestant> contestants;
    if (!options.floor.empty()) {
        if (options.config != "default" && options.config != "docker")
            return Error::message(
                "--floor: the floor program knows the configurations default and docker only");
        std::vector<std::string> words{options.floor, options.config, bundle.rootfs};
        if (options.config == "docker") words.push_back(bundle.filter_path);
        Row row;
        row.name = "floor";
        row.path = options.floor;
        contestants.emplace_back(std::move(row), std::move(words), "", "");
    }
    for (const NamedPath& runtime : options.runtimes) {
        const std::string state_root = bundle.state.path() + "/" + runtime.name;
        const std::string preload = preload_of(options, runtime.name);
        Row row;
        row.name = runtime.name;
        row.path = runtime.path;
        row.version = version_of(runtime.path);
        if (!preload.empty()) row.notes.push_back("started with LD_PRELOAD=" + preload);
        std::vector<std::string> words{runtime.path, "--root", state_root, "run", "--bundle", bundle.path};
        contestants.emplace_back(std::move(row), std::move(words), state_root, preload);
    }
    return contestants;
}

void measure_latency(const StartOptions& options, std::vector<Contestant>& contestants) {
    const Rounds rounds{options.warm_up, options.runs, options.gap_ms, options.seed};
    in_rounds(rounds, contestants.size(), [&](std::size_t index, const std::string& id, bool is_measured) {
        const Outcome outcome = run_once(contestants[index].command(id));
        contestants[index].record(outcome, id, is_measured);
    });
}

void run_block(Contestant& contestant, Ids& ids, unsigned count, unsigned in_flight, bool is_measured,
               Throughput& column) {
    std::vector<std::string> names(count);
    unsigned succeeded = 0;
    const auto next = [&](unsigned index) { return contestant.command(names[index] = ids.next()); };
    // Cleaning up after a failure happens inside the measured time: a failing runtime has no rate worth
    // showing.
    const auto done = [&](unsigned index, const Outcome& outcome) {
        if (outcome.ok()) ++succeeded;
        contestant.record(outcome, names[index], is_measured);
    };
    const std::uint64_t elapsed_ns = run_in_flight(count, in_flight, next, done);
    if (is_measured && elapsed_ns > 0)
        column.block_rates.push_back(1e9 * succeeded / static_cast<double>(elapsed_ns));
}

// One block of every row at every concurrency in each round, in random order.
void measure_throughput(const StartOptions& options, std::vector<Contestant>& contestants) {
    std::mt19937_64 random(options.seed);
    Ids ids;
    const std::size_t columns = options.in_flight.size();
    for (Contestant& contestant : contestants)
        for (const unsigned in_flight : options.in_flight)
            contestant.row().throughput.push_back({.in_flight = in_flight, .block_rates = {}});

    for (Contestant& contestant : contestants)
        run_block(contestant, ids, options.warm_up, 1, false, contestant.row().throughput.front());
    const unsigned rounds = std::max(1U, options.runs / std::max(1U, options.block));
    for (unsigned round = 0; round < rounds; ++round) {
        for (const std::size_t index : shuffled(contestants.size() * columns, random)) {
            if (was_interrupted()) return;
            Contestant& contestant = contestants[index / columns];
            Throughput& column = contestant.row().throughput[index % columns];
            run_block(contestant, ids, std::min(options.block, options.runs), column.in_flight, true, column);
        }
    }
}

std::vector<std::pair<std::string, std::string>> settings_of(const StartOptions& options) {
    std::vector<std::pair<std::string, std::string>> settings{
        {"config", options.config},
        {"view", std::string(view_name(options.view))},
        {"seed", std::to_string(options.seed)},
    };
    if (options.in_flight.empty()) {
        settings.emplace_back("mode", "latency");
        settings.emplace_back("gap_ms", std::to_string(options.gap_ms));
    } else {
        settings.emplace_back("mode", "throughput");
        settings.emplace_back("block", std::to_string(options.block));
    }
    return settings;
}

}  // namespace

Result<Report> run_start(const StartOptions& options) {
    catch_interrupts();
    URC_TRY_VOID(enter_view(options.view));
    BundleOptions wanted;
    wanted.config = options.config;
    wanted.stamp = options.stamp;
    URC_TRY(wanted.unusable_resources, resources_without_controller());
    URC_TRY(const Bundle bundle, make_bundle(wanted));
    URC_TRY(std::vector<Contestant> contestants, make_contestants(options, bundle));

    Report report;
    report.subcommand = "start";
    report.machine = describe_machine();
    report.settings = settings_of(options);
    report.seed = options.seed;
    report.base = options.floor.empty() ? "" : "floor";
    if (!bundle.dropped_resources.empty())
        report.notes.push_back(
            fmt::format("left out of the configuration for every row, no controller here: {}",
                        fmt::join(bundle.dropped_resources, ", ")));
    if (options.in_flight.empty())
        measure_latency(options, contestants);
    else
        measure_throughput(options, contestants);
    if (was_interrupted()) report.notes.emplace_back("interrupted: the numbers are of the runs before that");
    for (Contestant& contestant : contestants) report.rows.push_back(std::move(contestant.row()));
    return report;
}

}  // namespace urc::bench
