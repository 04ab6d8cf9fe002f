// urc-bench: the harness that compares urc with other runtimes and monitors and with the floor. One file a
// subcommand; what is measured and why it can be trusted is written in perf/method.md.
#include <fcntl.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/compare.h"
#include "bench/density.h"
#include "bench/notify.h"
#include "bench/plot.h"
#include "bench/proxy.h"
#include "bench/relay.h"
#include "bench/start.h"
#include "bench/verbs.h"
#include "uring/file.h"

namespace {

using urc::bench::DensityOptions;
using urc::bench::NamedPath;
using urc::bench::NotifyOptions;
using urc::bench::ProxyOptions;
using urc::bench::RelayOptions;
using urc::bench::Report;
using urc::bench::StartOptions;

std::string beside_this_program(const char* name) {
    char path[4096];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path - 1);
    const std::string_view self(path, size > 0 ? static_cast<std::size_t>(size) : 0);
    return std::string(self.substr(0, self.rfind('/') + 1)) + name;
}

const auto kIsNamedPath = CLI::Validator(
    [](std::string& text) {
        const std::size_t equals = text.find('=');
        const bool is_valid = equals != std::string::npos && equals > 0 && equals + 1 < text.size();
        return is_valid ? std::string() : "expected NAME=PATH, got " + text;
    },
    "NAME=PATH");

std::vector<NamedPath> split(const std::vector<std::string>& texts) {
    std::vector<NamedPath> result;
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        result.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
    return result;
}

struct Output {
    std::string format = "table";
    std::string json_path;
    std::string table_path;
    std::string plot_path;
};

// 0, or 1 when a file could not be written or a row failed. Several reports are an array in JSON.
int print(const std::vector<Report>& reports, const Output& output) {
    std::string table, json;
    for (const Report& report : reports) {
        table += (table.empty() ? "" : "\n") + to_table(report);
        json += (json.empty() ? "" : ",") + to_json(report);
    }
    if (reports.size() > 1) json = "[" + json + "]\n";
    std::fputs((output.format == "json" ? json : table).c_str(), stdout);
    const std::string plot = output.plot_path.empty() ? "" : to_svg(reports);
    const std::pair<const std::string&, const std::string&> files[] = {
        {output.json_path, json}, {output.table_path, table}, {output.plot_path, plot}};
    for (const auto& [path, text] : files) {
        if (path.empty()) continue;
        auto fd = urc::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (!fd.ok() || !urc::write_all(fd->get(), text, path).ok()) {
            std::fprintf(stderr, "urc-bench: cannot write %s\n", path.c_str());
            return 1;
        }
    }
    for (const Report& report : reports)
        for (const urc::bench::Row& row : report.rows)
            if (row.failures > 0) return 1;
    return 0;
}

// What every subcommand has.
struct Common {
    std::vector<std::string> runtimes, preloads;
    std::string view = "host";
    Output output;
};

template <typename Options>
void add_round_options(CLI::App& command, Options& options, Common& common) {
    command.add_option("-n,--runs", options.runs, "measured containers or rounds a row")
        ->capture_default_str();
    command.add_option("--warm-up", options.warm_up, "containers or rounds a row before that")
        ->capture_default_str();
    command.add_option("--seed", options.seed, "of the random order")->capture_default_str();
    command.add_option("--format", common.output.format, "table or json")
        ->check(CLI::IsMember({"table", "json"}));
    command.add_option("--json", common.output.json_path, "write the JSON to this file too");
    command.add_option("--table", common.output.table_path, "write the table to this file too");
    command.add_option("--plot", common.output.plot_path, "draw it into this file (SVG)");
}

template <typename Options>
void add_common(CLI::App& command, Options& options, Common& common) {
    command.add_option("--runtime", common.runtimes, "a runtime to measure, repeatable")->check(kIsNamedPath);
    command.add_option("--stamp", options.stamp, "the container's program")->check(CLI::ExistingFile);
    command.add_option("--config", options.config, "default, docker or a config.json")->capture_default_str();
    command.add_option("--view", common.view, "cgroup layout")->check(CLI::IsMember({"host", "v1", "v2"}));
    add_round_options(command, options, common);
}

void add_start_options(CLI::App& command, StartOptions& options, Common& common) {
    add_common(command, options, common);
    command.add_option("--preload", common.preloads, "LD_PRELOAD for the runtime NAME, repeatable")
        ->check(kIsNamedPath);
    command.add_option("--gap", options.gap_ms, "milliseconds between two containers")->capture_default_str();
}

void add_relay_options(CLI::App& command, RelayOptions& options, Common& common, bool& is_line) {
    add_common(command, options, common);
    command.add_option("--conmon", options.conmon, "conmon, a row with each --runtime below it")
        ->check(CLI::ExistingFile);
    command.add_option("--urc", options.urc, "urc, a row with each --driver")->check(CLI::ExistingFile);
    command.add_option("--driver", options.drivers, "log drivers of urc: k8s-file,raw-file")
        ->delimiter(',')
        ->check(CLI::IsMember({"k8s-file", "raw-file"}));
    command.add_flag("--bare", options.is_bare, "the rows without a container: file, copy, conmon/bare");
    command.add_option("--lines", options.log.count, "lines of each container")
        ->check(CLI::Range(1U, 1'000'000'000U))
        ->capture_default_str();
    command.add_option("--size", options.log.size, "bytes a line, together with its newline")
        ->check(CLI::Range(12, 1 << 20))
        ->capture_default_str();
    command.add_flag("--line", is_line, "one line a write, not as many as 64 KiB hold");
    command.add_option("--pace", options.per_s, "lines a second of each container (with --line)");
    command.add_option("--containers", options.containers, "at once, each with a log of its own")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    command.add_flag("--terminal", options.log.has_terminal, "the containers have terminals");
    command.add_option("--timeout", options.timeout_ms, "milliseconds for each step of a round")
        ->capture_default_str();
}

void add_density_options(CLI::App& command, DensityOptions& options, Common& common) {
    add_common(command, options, common);
    command.add_option("--conmon", options.conmon, "conmon, a row with each --runtime below it")
        ->check(CLI::ExistingFile);
    command.add_option("--urc", options.urc, "urc, a row with a log driver")->check(CLI::ExistingFile);
    command.add_option("--containers", options.containers, "how many")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
}

void add_notify_options(CLI::App& command, NotifyOptions& options, Common& common) {
    add_common(command, options, common);
    command.add_option("--conmon", options.conmon, "conmon, a row with each --runtime below it")
        ->check(CLI::ExistingFile);
    command.add_option("--urc", options.urc, "urc, in the foreground")->check(CLI::ExistingFile);
    command.add_option("--burst", options.burst, "datagrams at once")->capture_default_str();
    // Their times must fit into a fifo.
    command.add_option("--singles", options.singles, "datagrams one after the other")
        ->check(CLI::Range(1, 8000))
        ->capture_default_str();
    command.add_option("--gap", options.gap_us, "microseconds before each single one")->capture_default_str();
}

struct ProxyWords {
    std::vector<std::string> rows = {"direct", "urc", "rootlesskit"};
};

void add_proxy_options(CLI::App& command, ProxyOptions& options, ProxyWords& words, Common& common) {
    command.add_option("--row", words.rows, "direct, urc, rootlesskit, slirp4netns, pasta, socat, haproxy")
        ->delimiter(',')
        ->check([](const std::string& name) {
            return urc::bench::parse_way(name) ? std::string() : "no such row: " + name;
        })
        ->capture_default_str();
    command.add_option("--urc", options.urc, "urc, for the row of that name")->check(CLI::ExistingFile);
    command.add_option("--base", options.base, "the row that the others are compared with")
        ->capture_default_str();
    command.add_option("--measure", options.measures, "down, up, requests, connect, udp, memory")
        ->delimiter(',')
        ->check(CLI::IsMember({"down", "up", "requests", "connect", "udp", "memory"}))
        ->capture_default_str();
    command.add_option("--streams", options.streams, "connections at once of down and up")
        ->delimiter(',')
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    command.add_option("--connections", options.connections, "of requests, connect and udp")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    command.add_option("--ports", options.ports, "of memory")
        ->check(CLI::Range(1, 5000))
        ->capture_default_str();
    command.add_option("--time", options.run_ms, "milliseconds of each load")
        ->check(CLI::Range(10, 60'000))
        ->capture_default_str();
    add_round_options(command, options, common);
}

// 0: not worse; 1: worse; 2: one of them cannot be read.
int compare_files(const std::vector<std::string>& paths, double percent) {
    std::string texts[2];
    for (std::size_t i = 0; i < 2; ++i) {
        auto text = urc::read_file_at(AT_FDCWD, paths[i].c_str(), 64 << 20);
        if (!text.ok()) {
            std::fprintf(stderr, "urc-bench: %s\n", text.error().text().c_str());
            return 2;
        }
        texts[i] = std::move(*text);
    }
    auto comparison = urc::bench::compare(texts[0], texts[1], percent / 100);
    if (!comparison.ok()) {
        std::fprintf(stderr, "urc-bench: %s\n", comparison.error().text().c_str());
        return 2;
    }
    std::fputs(to_table(*comparison).c_str(), stdout);
    return comparison->is_worse() ? 1 : 0;
}

// One report of a subcommand, as the list that print() takes.
urc::Result<std::vector<Report>> listed(urc::Result<Report> report) {
    if (!report.ok()) return std::move(report).error();
    std::vector<Report> reports;
    reports.push_back(std::move(*report));
    return reports;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"urc-bench: compares container runtimes and monitors with each other and with the floor"};
    app.require_subcommand(0, 1);
    std::vector<std::string> compared;
    double tolerance = 5;
    app.add_option("--compare", compared, "OLD.json NEW.json: is NEW worse? Status 1 if so")->expected(2);
    app.add_option("--tolerance", tolerance, "percent that --compare lets pass")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    Common common;
    StartOptions start;
    RelayOptions relay;
    NotifyOptions notify;
    ProxyOptions proxy;
    ProxyWords proxy_words;
    bool is_line = false;
    DensityOptions density;
    start.stamp = density.stamp = relay.stamp = notify.stamp = beside_this_program("stamp");
    relay.lines = beside_this_program("lines");
    relay.copy = beside_this_program("copy");
    notify.blast = beside_this_program("notify_blast");
    proxy.load = beside_this_program("load");
    proxy.answer = beside_this_program("answer");

    CLI::App* command =
        app.add_subcommand("start", "time from the launch to the first instruction in the container");
    CLI::App* verbs = app.add_subcommand("verbs", "time of create, start, delete and exec");
    CLI::App* relays = app.add_subcommand("relay", "what it costs to carry output into a log");
    CLI::App* densities = app.add_subcommand("density", "what one more idle container costs");
    CLI::App* notifies = app.add_subcommand("notify", "what it costs to carry sd_notify datagrams");
    CLI::App* proxies =
        app.add_subcommand("proxy", "what it costs to bring a port of the host to a container");
    add_start_options(*command, start, common);
    add_start_options(*verbs, start, common);
    add_relay_options(*relays, relay, common, is_line);
    add_density_options(*densities, density, common);
    add_notify_options(*notifies, notify, common);
    command->add_option("--floor", start.floor, "the floor program, as a row of its own")
        ->check(CLI::ExistingFile);
    command
        ->add_option("--concurrency", start.in_flight,
                     "measure containers per second, so many in flight: 1,2,8")
        ->delimiter(',')
        ->check(CLI::Range(1, 512));
    command->add_option("--block", start.block, "containers in one block of --concurrency")
        ->capture_default_str();
    add_proxy_options(*proxies, proxy, proxy_words, common);
    CLI11_PARSE(app, argc, argv);

    if (!compared.empty()) return compare_files(compared, tolerance);
    if (app.get_subcommands().empty()) {
        std::fputs(app.help().c_str(), stderr);
        return 2;
    }
    start.runtimes = density.runtimes = relay.runtimes = notify.runtimes = split(common.runtimes);
    start.preloads = split(common.preloads);
    start.view = density.view = relay.view = notify.view = *urc::bench::parse_view(common.view);
    for (const std::string& row : proxy_words.rows) proxy.ways.push_back(*urc::bench::parse_way(row));
    relay.is_block = !is_line;
    if (relay.is_block && relay.per_s > 0) {
        std::fputs("urc-bench: --pace needs --line\n", stderr);
        return 2;
    }
    if ((*command || *verbs) && start.runtimes.empty() && start.floor.empty()) {
        std::fputs("urc-bench: nothing to measure: give --runtime or --floor\n", stderr);
        return 2;
    }
    auto reports = *verbs       ? urc::bench::run_verbs(start)
                   : *relays    ? listed(urc::bench::run_relay(relay))
                   : *proxies   ? urc::bench::run_proxy(proxy)
                   : *densities ? listed(urc::bench::run_density(density))
                   : *notifies  ? listed(urc::bench::run_notify(notify))
                                : listed(urc::bench::run_start(start));
    if (!reports.ok()) {
        std::fprintf(stderr, "urc-bench: %s\n", reports.error().text().c_str());
        return 1;
    }
    return print(*reports, common.output);
}
