#include "bench/proxy.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "bench/bundle.h"
#include "bench/rounds.h"
#include "bench/runner.h"

namespace urc::bench {

namespace {

// Outside of the ports that are given out by themselves.
constexpr unsigned kFirstPort = 17'000;
constexpr unsigned kFirstOfMany = 20'000;

// What load has said, and what the forwarder has used meanwhile.
struct Load {
    double seconds = 0, cpu_seconds = 0;
    double bytes = 0, count = 0, failed = 0;
    double p50_us = 0, p99_us = 0;
};

struct Entrant {
    Way way;
    Row row;
    std::unique_ptr<Forwarder> forwarder;
    std::string refusal;  // why there is none
    double idle_kib = 0;
    std::vector<std::optional<Load>> rounds;
};

struct Measure {
    std::string mode;
    unsigned streams;
};

bool is_bulk(const Measure& measure) {
    return measure.mode == "down" || measure.mode == "up";
}

std::string title_of(const Measure& measure) {
    return fmt::format("proxy {} {}", measure.mode, measure.streams);
}

Result<Load> run_load(const ProxyOptions& options, const Measure& measure, const Forwarder& forwarder) {
    const double cpu_before = forwarder.cpu_seconds();
    URC_TRY(
        const std::string text,
        run_for_output({.argv = {options.load, measure.mode, "127.0.0.1", std::to_string(forwarder.port()),
                                 std::to_string(measure.streams), std::to_string(options.run_ms)},
                        .environment = {}}));
    Load load;
    double p50_ns = 0, p99_ns = 0;
    if (std::sscanf(text.c_str(), "bytes %lf count %lf failed %lf seconds %lf p50 %lf p99 %lf", &load.bytes,
                    &load.count, &load.failed, &load.seconds, &p50_ns, &p99_ns) != 6)
        return Error::message("load said: " + text);
    if (is_bulk(measure) && load.failed > 0)
        return Error::message(fmt::format("{} of {} streams failed", load.failed, measure.streams));
    load.p50_us = p50_ns / 1000;
    load.p99_us = p99_ns / 1000;
    load.cpu_seconds = forwarder.cpu_seconds() - cpu_before;
    return load;
}

double rate_of(const Measure& measure, const Load& load) {
    return is_bulk(measure) ? load.bytes * 8 / 1e9 / load.seconds : load.count / load.seconds;
}

double cpu_of(const Measure& measure, const Load& load) {
    return is_bulk(measure) ? load.cpu_seconds * 1000 / (load.bytes / 1e9)
                            : load.cpu_seconds * 1e6 / load.count;
}

std::vector<Figure> figures_of(const ProxyOptions& options, const Measure& measure, const Entrant& entrant,
                               const Entrant* base) {
    const char* what = "requests";
    if (measure.mode == "udp") what = "datagrams";
    if (measure.mode == "connect") what = "connections";
    Figure rate{is_bulk(measure) ? "Gb/s" : fmt::format("{}/s", what), "rate", is_bulk(measure) ? 1 : 0};
    Figure cpu{is_bulk(measure) ? "CPU ms/GB" : "CPU us each", "cpu", is_bulk(measure) ? 0 : 1};
    Figure rate_ratio{"rate / " + options.base, "rate_over_base", 2};
    Figure cpu_ratio{"CPU / " + options.base, "cpu_over_base", 2};
    Figure p50{"p50 us", "p50_us", 1}, p99{"p99 us", "p99_us", 1};
    Figure failed{measure.mode == "udp" ? "lost" : "failed", "failed", 0};
    for (std::size_t round = 0; round < entrant.rounds.size(); ++round) {
        if (!entrant.rounds[round]) continue;
        const Load& load = *entrant.rounds[round];
        rate.values.push_back(rate_of(measure, load));
        if (entrant.forwarder->is_anything()) cpu.values.push_back(cpu_of(measure, load));
        p50.values.push_back(load.p50_us);
        p99.values.push_back(load.p99_us);
        failed.values.push_back(load.failed);
        // Of the same round: what disturbed one is likely to have disturbed the other.
        const bool has_base = base && round < base->rounds.size() && base->rounds[round];
        if (!has_base) continue;
        rate_ratio.values.push_back(rate_of(measure, load) / rate_of(measure, *base->rounds[round]));
        const double base_cpu = cpu_of(measure, *base->rounds[round]);
        if (entrant.forwarder->is_anything() && base_cpu > 0)
            cpu_ratio.values.push_back(cpu_of(measure, load) / base_cpu);
    }
    std::vector<Figure> figures{rate};
    if (base) figures.push_back(rate_ratio);
    figures.push_back(cpu);
    if (base) figures.push_back(cpu_ratio);
    if (!is_bulk(measure)) figures.insert(figures.end(), {p50, p99, failed});
    return figures;
}

Report begin_report(const ProxyOptions& options, std::string title) {
    Report report;
    report.subcommand = std::move(title);
    report.machine = describe_machine();
    report.seed = options.seed;
    report.settings = {{"milliseconds", std::to_string(options.run_ms)},
                       {"seed", std::to_string(options.seed)}};
    return report;
}

Report measure_load(const ProxyOptions& options, const Measure& measure, std::vector<Entrant>& entrants) {
    Report report = begin_report(options, title_of(measure));
    for (Entrant& entrant : entrants) {
        entrant.rounds.clear();
        entrant.row.runs = entrant.row.failures = 0;
        entrant.row.first_failure.clear();
    }
    const Rounds rounds{
        .warm_up = options.warm_up, .runs = options.runs, .gap_ms = 100, .seed = options.seed};
    in_rounds(rounds, entrants.size(), [&](std::size_t index, const std::string&, bool is_measured) {
        Entrant& entrant = entrants[index];
        auto load = entrant.forwarder ? run_load(options, measure, *entrant.forwarder)
                                      : Result<Load>(Error::message(entrant.refusal));
        if (!is_measured || was_interrupted()) return;
        ++entrant.row.runs;
        if (!load.ok() && entrant.row.failures++ == 0) entrant.row.first_failure = load.error().text();
        entrant.rounds.push_back(load.ok() ? std::optional(*load) : std::nullopt);
    });
    const Entrant* base = nullptr;
    for (const Entrant& entrant : entrants)
        if (entrant.row.name == options.base) base = &entrant;
    for (Entrant& entrant : entrants) {
        entrant.row.figures = figures_of(options, measure, entrant, base);
        report.rows.push_back(entrant.row);
    }
    return report;
}

// Of many ports: another forwarder beside the one that is there, which ends at once.
Result<double> many_ports_kib(const ProxyOptions& options, Way way, const std::string& directory) {
    ForwarderOptions many{.way = way,
                          .urc = options.urc,
                          .answer = options.answer,
                          .directory = directory,
                          .first_port = kFirstOfMany,
                          .ports = options.ports};
    if (::mkdir(directory.c_str(), 0700) < 0) return Error::last("mkdir", directory);
    URC_TRY(const std::unique_ptr<Forwarder> forwarder, Forwarder::start(many, options.load));
    ::usleep(500'000);
    return static_cast<double>(forwarder->private_kib());
}

Report measure_memory(const ProxyOptions& options, std::vector<Entrant>& entrants,
                      const std::string& directory) {
    Report report = begin_report(options, "proxy memory");
    for (Entrant& entrant : entrants) {
        if (entrant.way == Way::direct || was_interrupted()) continue;
        Row row = entrant.row;
        row.runs = 1;
        row.failures = 0;
        row.first_failure.clear();
        Figure idle{"private KiB, idle", "private_kib_idle", 0};
        Figure after{"after the loads", "private_kib_after", 0};
        Figure many{fmt::format("with {} ports", options.ports), "private_kib_many", 0};
        if (entrant.forwarder) {
            idle.values = {entrant.idle_kib};
            after.values = {static_cast<double>(entrant.forwarder->private_kib())};
        }
        // socat is a process for each port.
        if (entrant.way != Way::socat) {
            auto kib = many_ports_kib(options, entrant.way,
                                      fmt::format("{}/many-{}", directory, way_name(entrant.way)));
            if (kib.ok()) many.values = {*kib};
            row.failures = !kib.ok();
            if (!kib.ok()) row.first_failure = kib.error().text();
        }
        row.figures = {idle, after, many};
        report.rows.push_back(std::move(row));
    }
    return report;
}

Result<std::vector<Entrant>> start_entrants(const ProxyOptions& options, const std::string& directory) {
    std::vector<Entrant> entrants;
    for (const Way way : options.ways) {
        Entrant& entrant = entrants.emplace_back();
        entrant.way = way;
        entrant.row.name = way_name(way);
        entrant.row.path = way == Way::urc ? options.urc : std::string(way_name(way));
        if (way == Way::direct) entrant.row.path = options.answer;
        if (way != Way::direct) entrant.row.version = version_of(entrant.row.path);
        const ForwarderOptions forwarder{.way = way,
                                         .urc = options.urc,
                                         .answer = options.answer,
                                         .directory = fmt::format("{}/{}", directory, way_name(way)),
                                         .first_port = kFirstPort + static_cast<unsigned>(entrants.size())};
        if (::mkdir(forwarder.directory.c_str(), 0700) < 0) return Error::last("mkdir", forwarder.directory);
        auto started = Forwarder::start(forwarder, options.load);
        if (started.ok())
            entrant.forwarder = std::move(*started);
        else
            entrant.refusal = started.error().text();
    }
    ::usleep(500'000);
    for (Entrant& entrant : entrants)
        if (entrant.forwarder) entrant.idle_kib = static_cast<double>(entrant.forwarder->private_kib());
    return entrants;
}

}  // namespace

Result<std::vector<Report>> run_proxy(const ProxyOptions& options) {
    catch_interrupts();
    URC_TRY(const TempDirectory directory, TempDirectory::create());
    URC_TRY(std::vector<Entrant> entrants, start_entrants(options, directory.path()));
    std::vector<Report> reports;
    for (const std::string& mode : options.measures) {
        const bool is_streamed = mode == "down" || mode == "up";
        if (mode == "memory") {
            reports.push_back(measure_memory(options, entrants, directory.path()));
            continue;
        }
        for (const unsigned streams :
             is_streamed ? options.streams : std::vector<unsigned>{options.connections})
            reports.push_back(measure_load(options, {mode, streams}, entrants));
        // One request at a time: what a client waits for.
        if (mode == "requests") reports.push_back(measure_load(options, {mode, 1}, entrants));
    }
    if (was_interrupted())
        for (Report& report : reports)
            report.notes.emplace_back("interrupted: the numbers are of the rounds before that");
    return reports;
}

}  // namespace urc::bench
