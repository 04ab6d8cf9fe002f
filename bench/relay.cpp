#include "bench/relay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "bench/bundle.h"
#include "bench/gate.h"
#include "bench/monitors.h"
#include "bench/relay_round.h"
#include "bench/rounds.h"
#include "bench/runner.h"
#include "bench/watched.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

enum Column : std::size_t {
    kSeconds,
    kRate,
    kLineRate,
    kCpu,
    kCpuOfGb,
    kCpuOfLine,
    kLifeCpu,
    kIdle,
    kEnd,
    kUp,
    kOver,
    kColumns
};

std::vector<Figure> columns() {
    std::vector<Figure> all(kColumns);
    all[kSeconds] = {"seconds", "seconds", 3};
    all[kRate] = {"GB/s", "gb_per_s", 3};
    all[kLineRate] = {"million lines/s", "million_lines_per_s", 3};
    all[kCpu] = {"CPU s", "cpu_s", 3};
    all[kCpuOfGb] = {"CPU ms/GB", "cpu_ms_per_gb", 0};
    all[kCpuOfLine] = {"CPU us/line", "cpu_us_per_line", 3};
    all[kLifeCpu] = {"CPU s, whole life", "life_cpu_s", 3};
    all[kIdle] = {"private KiB idle", "private_kib_idle", 0};
    all[kEnd] = {"private KiB at the end", "private_kib_end", 0};
    all[kUp] = {"s until all are up", "up_s", 3};
    all[kOver] = {"s until all have ended", "end_s", 3};
    return all;
}

struct Contestant {
    Row row;
    std::unique_ptr<Monitor> monitor;

    void record(const Result<RelayCost>& result, const RelayOptions& options);
};

void Contestant::record(const Result<RelayCost>& result, const RelayOptions& options) {
    ++row.runs;
    if (!result.ok()) {
        if (row.failures++ == 0) row.first_failure = result.error().text();
        return;
    }
    const RelayCost& cost = result.value();
    const double lines = static_cast<double>(options.log.count) * options.containers;
    const double gigabytes = lines * options.log.size / 1e9;
    const auto add = [&](Column column, double value) { row.figures[column].values.push_back(value); };
    add(kSeconds, cost.seconds);
    add(kRate, gigabytes / cost.seconds);
    add(kLineRate, lines / cost.seconds / 1e6);
    add(kUp, cost.up_seconds);
    add(kOver, cost.end_seconds);
    if (!cost.has_monitor) return;
    add(kCpu, cost.cpu_seconds);
    add(kCpuOfGb, cost.cpu_seconds * 1000 / gigabytes);
    add(kCpuOfLine, cost.cpu_seconds * 1e6 / lines);
    add(kLifeCpu, cost.life_cpu_seconds);
    add(kIdle, cost.idle_kib);
    add(kEnd, cost.end_kib);
}

// What all rounds share: the bundles, a container each, and the directories.
struct Ground {
    Bundle bundle;
    std::vector<std::string> bundles;
    std::string signals;
};

std::vector<std::string> program_words(const RelayOptions& options, std::string program,
                                       std::string signals) {
    std::vector<std::string> words{std::move(program), std::move(signals), std::to_string(options.log.count),
                                   std::to_string(options.log.size), options.is_block ? "block" : "line"};
    if (options.per_s > 0) words.push_back(std::to_string(options.per_s));
    return words;
}

Result<Ground> make_ground(const RelayOptions& options) {
    BundleOptions wanted;
    wanted.config = options.config;
    wanted.stamp = options.stamp;
    wanted.programs = {options.lines};
    URC_TRY(wanted.unusable_resources, resources_without_controller());
    URC_TRY(Bundle bundle, make_bundle(wanted));
    Ground ground{.bundle = std::move(bundle), .bundles = {}, .signals = {}};
    ground.signals = ground.bundle.rootfs + "/signals";
    if (::mkdir(ground.signals.c_str(), 0755) < 0) return Error::last("mkdir", ground.signals);
    ConfigEdit edit;
    edit.args = program_words(options, "/bin/lines", "/signals");
    edit.has_terminal = options.log.has_terminal;
    for (unsigned i = 0; i < options.containers; ++i) {
        ground.bundles.push_back(fmt::format("{}/{}", ground.bundle.directory.path(), i));
        URC_TRY_VOID(make_sibling(ground.bundle, ground.bundles.back(), options.config, edit));
    }
    return ground;
}

Result<std::vector<Contestant>> make_contestants(const RelayOptions& options, const Ground& ground) {
    std::vector<Contestant> all;
    const auto add = [&](std::unique_ptr<Monitor> monitor, bool has_version, std::string note = {}) {
        Contestant& contestant = all.emplace_back();
        contestant.row.name = monitor->name();
        contestant.row.path = monitor->path();
        if (has_version) contestant.row.version = version_of(monitor->path());
        if (!note.empty()) contestant.row.notes.push_back(std::move(note));
        contestant.row.figures = columns();
        contestant.monitor = std::move(monitor);
    };
    const std::string& state = ground.bundle.state.path();
    if (!options.urc.empty())
        for (const std::string& driver : options.drivers)
            add(urc_monitor({options.urc, driver, state + "/urc-" + driver}), true);
    std::vector<NamedPath> runtimes = options.conmon.empty() ? std::vector<NamedPath>() : options.runtimes;
    const std::vector<std::string> program = program_words(options, options.lines, ground.signals);
    if (options.is_bare && !options.log.has_terminal) {
        add(file_monitor(program), false);
        add(copy_monitor(program, options.copy), false);
        if (!options.conmon.empty()) {
            runtimes.push_back({"bare", state + "/bare-runtime"});
            URC_TRY_VOID(write_bare_runtime(runtimes.back().path, program));
        }
    }
    for (const NamedPath& runtime : runtimes) {
        ConmonOptions conmon;
        conmon.conmon = options.conmon;
        conmon.runtime = runtime;
        conmon.directory = state + "/conmon-" + runtime.name;
        conmon.has_terminal = options.log.has_terminal;
        if (::mkdir(conmon.directory.c_str(), 0755) < 0) return Error::last("mkdir", conmon.directory);
        URC_TRY(std::unique_ptr<Monitor> monitor, conmon_monitor(conmon));
        const bool is_bare = runtime.name == "bare";
        add(std::move(monitor), true, is_bare ? "no container" : version_of(runtime.path));
    }
    if (all.empty()) return Error::message("relay: nothing to measure: give --urc, --conmon or --bare");
    return all;
}

Result<RelayCost> measure_one(const RelayOptions& options, const Ground& ground, Monitor& monitor,
                              const std::string& id) {
    URC_TRY(Gate gate, Gate::create(ground.signals));
    std::vector<Place> places;
    for (unsigned i = 0; i < options.containers; ++i) {
        const std::string name = fmt::format("{}-{}", id, i);
        places.push_back({name, ground.bundles[i], ground.bundle.state.path() + "/" + name + ".log"});
    }
    RelayRound round(options, monitor, std::move(places), std::move(gate));
    return round.run();
}

std::vector<std::pair<std::string, std::string>> settings_of(const RelayOptions& options) {
    return {{"config", options.config},
            {"view", std::string(view_name(options.view))},
            {"containers", std::to_string(options.containers)},
            {"lines", std::to_string(options.log.count)},
            {"size", std::to_string(options.log.size)},
            {"write", options.is_block ? "block" : "line"},
            {"per_s", std::to_string(options.per_s)},
            {"terminal", options.log.has_terminal ? "yes" : "no"},
            {"seed", std::to_string(options.seed)}};
}

}  // namespace

Result<Report> run_relay(const RelayOptions& options) {
    catch_interrupts();
    URC_TRY_VOID(become_subreaper());
    URC_TRY_VOID(enter_view(options.view));
    URC_TRY(const Ground ground, make_ground(options));
    URC_TRY(std::vector<Contestant> contestants, make_contestants(options, ground));

    Report report;
    report.subcommand = "relay";
    report.machine = describe_machine();
    report.settings = settings_of(options);
    report.seed = options.seed;
    const Rounds rounds{.warm_up = options.warm_up, .runs = options.runs, .gap_ms = 0, .seed = options.seed};
    in_rounds(rounds, contestants.size(), [&](std::size_t index, const std::string& id, bool is_measured) {
        const Result<RelayCost> result = measure_one(options, ground, *contestants[index].monitor, id);
        if (is_measured && !was_interrupted()) contestants[index].record(result, options);
    });
    if (was_interrupted())
        report.notes.emplace_back("interrupted: the numbers are of the rounds before that");
    for (Contestant& contestant : contestants) report.rows.push_back(std::move(contestant.row));
    return report;
}

}  // namespace urc::bench
