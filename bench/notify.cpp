#include "bench/notify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "bench/bundle.h"
#include "bench/gate.h"
#include "bench/histogram.h"
#include "bench/leftovers.h"
#include "bench/monitors.h"
#include "bench/receiver.h"
#include "bench/rounds.h"
#include "bench/runner.h"
#include "bench/watched.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

enum Column : std::size_t { kRate, kArrived, kDisorder, kCpu, kSingles, kMedian, kTail, kColumns };

std::vector<Figure> columns(const NotifyOptions& options) {
    std::vector<Figure> all(kColumns);
    all[kRate] = {"burst, datagrams/s", "burst_per_s", 0};
    all[kArrived] = {fmt::format("arrived of {}", options.burst), "burst_arrived", 0};
    all[kDisorder] = {"out of order", "burst_out_of_order", 0};
    all[kCpu] = {"CPU us/datagram", "cpu_us_per_datagram", 2};
    all[kSingles] = {fmt::format("singles of {}", options.singles), "singles_arrived", 0};
    all[kMedian] = {"latency p50 us", "latency_p50_us", 1};
    all[kTail] = {"p99 us", "latency_p99_us", 1};
    return all;
}

struct Cost {
    std::vector<Received> burst, singles;
    std::vector<std::uint64_t> sent_ns;
    std::uint64_t begun_ns = 0;
    std::optional<double> cpu_us;  // of the monitor, for the burst
};

// One row: who stands between the program and the harness.
struct Contestant {
    Row row;
    bool is_ready = false;
    std::string bundle;               // empty: no container
    std::string urc, root;            // the foreground
    std::unique_ptr<Monitor> conmon;  // or this

    Result<Running> start(const std::string& id, const std::vector<std::string>& program,
                          const std::string& socket);
    void clean_up(const std::string& id, Running& running, bool is_over);
    void record(const Result<Cost>& result, const NotifyOptions& options);
};

Result<Running> Contestant::start(const std::string& id, const std::vector<std::string>& program,
                                  const std::string& socket) {
    if (conmon) return conmon->start({id, bundle, root + "/" + id + ".log"});
    std::vector<std::string> words = program;
    if (!urc.empty()) words = {urc, "--root", root, "run", "--bundle", bundle, id};
    Running running;
    URC_TRY(running.program, Launch::begin({std::move(words), {"NOTIFY_SOCKET=" + socket}}));
    if (urc.empty()) return running;
    URC_TRY(running.monitor, Watched::open(running.program->pid()));
    return running;
}

void Contestant::clean_up(const std::string& id, Running& running, bool is_over) {
    if (is_over && conmon) is_over = conmon->remove({id, bundle, {}}).ok();
    if (!is_over) {
        if (conmon) conmon->abandon({id, bundle, {}});
        if (running.program) {
            running.program->kill();
            (void)running.program->finish();
        }
        if (!urc.empty()) (void)run_call({{urc, "--root", root, "delete", "--force", id}, {}});
        remove_cgroups(id);
    }
    running = Running();
    if (conmon) ::unlink((root + "/" + id + ".log").c_str());
    reap_strays();
}

void Contestant::record(const Result<Cost>& result, const NotifyOptions& options) {
    ++row.runs;
    if (!result.ok()) {
        if (row.failures++ == 0) row.first_failure = result.error().text();
        return;
    }
    const Cost& cost = result.value();
    const auto add = [&](Column column, double value) { row.figures[column].values.push_back(value); };
    const auto arrived = static_cast<double>(cost.burst.size());
    if (!cost.burst.empty())
        add(kRate, arrived * 1e9 / static_cast<double>(cost.burst.back().time_ns - cost.begun_ns));
    add(kArrived, arrived);
    if (!is_ready) add(kDisorder, static_cast<double>(out_of_order(cost.burst)));
    if (cost.cpu_us) add(kCpu, *cost.cpu_us / options.burst);
    add(kSingles, static_cast<double>(cost.singles.size()));
    // Without numbers only a complete row of them says which is which.
    if (is_ready && cost.singles.size() != options.singles) return;
    Samples latency;
    for (std::size_t i = 0; i < cost.singles.size(); ++i) {
        const std::size_t index = is_ready ? i : cost.singles[i].number - options.burst;
        if (index >= cost.sent_ns.size() || cost.singles[i].time_ns < cost.sent_ns[index]) continue;
        latency.add(cost.singles[i].time_ns - cost.sent_ns[index]);
    }
    if (latency.empty()) return;
    add(kMedian, static_cast<double>(latency.median()) / 1000);
    add(kTail, static_cast<double>(latency.percentile(99)) / 1000);
}

std::vector<std::uint64_t> read_times(const Gate& gate) {
    std::vector<std::uint64_t> times(64 << 10);
    const ssize_t size = ::read(gate.sent(), times.data(), times.size() * sizeof times[0]);
    times.resize(size > 0 ? static_cast<std::size_t>(size) / sizeof times[0] : 0);
    return times;
}

Result<Cost> run_round(const NotifyOptions& options, Gate& gate, Receiver& receiver, Running& running) {
    Cost cost;
    URC_TRY_VOID(gate.await('u', 1, options.timeout_ms));
    const std::uint64_t idle_cpu_ns = running.monitor ? running.monitor->cpu_ns() : 0;
    cost.begun_ns = monotonic_ns();
    gate.go();
    URC_TRY(cost.burst, receiver.collect(options.burst, gate, 'd', options.timeout_ms));
    if (running.monitor) cost.cpu_us = static_cast<double>(running.monitor->cpu_ns() - idle_cpu_ns) / 1000;
    gate.end();
    URC_TRY(cost.singles, receiver.collect(options.singles, gate, 'e', options.timeout_ms));
    cost.sent_ns = read_times(gate);
    if (cost.sent_ns.size() != options.singles)
        return Error::message(fmt::format("{} of {} times of sending", cost.sent_ns.size(), options.singles));
    if (running.program) {  // the monitor is this process, or there is none
        const Outcome outcome = running.program->finish();
        running.program.reset();
        if (outcome.failure.starts_with("status") || outcome.failure.starts_with("signal"))
            return Error::message(outcome.failure);
    } else if (running.monitor) {
        URC_TRY_VOID(running.monitor->await_end(options.timeout_ms));
        URC_TRY_VOID(running.monitor->reap());
    }
    return cost;
}

std::vector<std::string> program_words(const NotifyOptions& options, std::string program, std::string signals,
                                       bool is_ready) {
    return {std::move(program),
            std::move(signals),
            is_ready ? "ready" : "status",
            std::to_string(options.burst),
            std::to_string(options.singles),
            std::to_string(options.gap_us)};
}

struct Ground {
    Bundle bundle;
    std::string signals, socket;
};

Result<Ground> make_ground(const NotifyOptions& options) {
    BundleOptions wanted;
    wanted.config = options.config;
    wanted.stamp = options.stamp;
    wanted.programs = {options.blast};
    URC_TRY(wanted.unusable_resources, resources_without_controller());
    URC_TRY(Bundle bundle, make_bundle(wanted));
    Ground ground{.bundle = std::move(bundle), .signals = {}, .socket = {}};
    ground.signals = ground.bundle.rootfs + "/signals";
    ground.socket = ground.bundle.state.path() + "/manager.sock";
    if (::mkdir(ground.signals.c_str(), 0755) < 0) return Error::last("mkdir", ground.signals);
    return ground;
}

// conmon makes its socket below the bundle, and leaves it to its caller to bring it into the container; this
// is what podman does.
Result<void> add_conmon(Contestant& contestant, const NotifyOptions& options, const Ground& ground,
                        const NamedPath& runtime, ConfigEdit edit) {
    contestant.row.path = options.conmon;
    contestant.row.version = version_of(options.conmon);
    contestant.row.notes.push_back(version_of(runtime.path));
    edit.environment = {"NOTIFY_SOCKET=/run/notify/notify.sock"};
    edit.binds = {{contestant.bundle + "/notify", "/run/notify"}};
    URC_TRY_VOID(make_sibling(ground.bundle, contestant.bundle, options.config, edit));
    const std::string directory = contestant.bundle + "/notify";
    if (::mkdir(directory.c_str(), 0755) < 0) return Error::last("mkdir", directory);
    ConmonOptions conmon;
    conmon.conmon = options.conmon;
    conmon.runtime = runtime;
    conmon.directory = contestant.root;
    conmon.notify_socket = ground.socket;
    if (::mkdir(contestant.root.c_str(), 0755) < 0) return Error::last("mkdir", contestant.root);
    URC_TRY(contestant.conmon, conmon_monitor(conmon));
    return {};
}

Result<std::vector<Contestant>> make_contestants(const NotifyOptions& options, const Ground& ground) {
    std::vector<Contestant> all;
    const bool has_conmon = !options.conmon.empty() && !options.runtimes.empty();
    for (const bool is_ready : {false, true}) {
        if (is_ready && !has_conmon) break;
        const char* suffix = is_ready ? " READY=1" : "";
        ConfigEdit edit;
        edit.args = program_words(options, "/bin/notify_blast", "/signals", is_ready);
        const auto add = [&](const std::string& name) -> Contestant& {
            Contestant& contestant = all.emplace_back();
            contestant.row.name = name + suffix;
            contestant.row.figures = columns(options);
            contestant.is_ready = is_ready;
            contestant.root = fmt::format("{}/{}", ground.bundle.state.path(), all.size());
            return contestant;
        };
        add("direct").row.path = options.blast;
        if (!options.urc.empty()) {
            Contestant& contestant = add("urc");
            contestant.urc = contestant.row.path = options.urc;
            contestant.row.version = version_of(options.urc);
            contestant.bundle = fmt::format("{}/urc-{}", ground.bundle.directory.path(), is_ready);
            URC_TRY_VOID(make_sibling(ground.bundle, contestant.bundle, options.config, edit));
        }
        for (const NamedPath& runtime : options.runtimes) {
            if (!is_ready || !has_conmon) break;
            Contestant& contestant = add("conmon/" + runtime.name);
            contestant.bundle = fmt::format("{}/conmon-{}", ground.bundle.directory.path(), runtime.name);
            URC_TRY_VOID(add_conmon(contestant, options, ground, runtime, edit));
        }
    }
    return all;
}

Result<Cost> measure_one(const NotifyOptions& options, const Ground& ground, Contestant& contestant,
                         const std::string& id) {
    URC_TRY(Gate gate, Gate::create(ground.signals));
    URC_TRY(Receiver receiver, Receiver::create(ground.socket, contestant.is_ready));
    const auto program = program_words(options, options.blast, ground.signals, contestant.is_ready);
    auto running = contestant.start(id, program, ground.socket);
    if (!running.ok()) {
        Running nothing;
        contestant.clean_up(id, nothing, false);
        return std::move(running).error();
    }
    Result<Cost> result = run_round(options, gate, receiver, *running);
    contestant.clean_up(id, *running, result.ok());
    return result;
}

}  // namespace

Result<Report> run_notify(const NotifyOptions& options) {
    catch_interrupts();
    URC_TRY_VOID(become_subreaper());
    URC_TRY_VOID(enter_view(options.view));
    URC_TRY(const Ground ground, make_ground(options));
    URC_TRY(std::vector<Contestant> contestants, make_contestants(options, ground));

    Report report;
    report.subcommand = "notify";
    report.machine = describe_machine();
    report.seed = options.seed;
    report.settings = {{"config", options.config},
                       {"view", std::string(view_name(options.view))},
                       {"gap_us", std::to_string(options.gap_us)},
                       {"seed", std::to_string(options.seed)}};
    const Rounds rounds{.warm_up = options.warm_up, .runs = options.runs, .gap_ms = 0, .seed = options.seed};
    in_rounds(rounds, contestants.size(), [&](std::size_t index, const std::string& id, bool is_measured) {
        const Result<Cost> result = measure_one(options, ground, contestants[index], id);
        if (is_measured && !was_interrupted()) contestants[index].record(result, options);
    });
    if (was_interrupted())
        report.notes.emplace_back("interrupted: the numbers are of the rounds before that");
    for (Contestant& contestant : contestants) report.rows.push_back(std::move(contestant.row));
    return report;
}

}  // namespace urc::bench
