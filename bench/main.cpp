// urc-bench: the harness that compares urc with other runtimes and with the floor. One file a subcommand;
// what is measured and why it can be trusted is written in perf/method.md.
#include <fcntl.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/start.h"
#include "bench/verbs.h"
#include "uring/file.h"

namespace {

using urc::bench::NamedPath;
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
};

// 0, or 1 when a file could not be written or a row failed. Several reports are an array in JSON.
int print(const std::vector<urc::bench::Report>& reports, const Output& output) {
    std::string table, json;
    for (const urc::bench::Report& report : reports) {
        table += (table.empty() ? "" : "\n") + to_table(report);
        json += (json.empty() ? "" : ",") + to_json(report);
    }
    if (reports.size() > 1) json = "[" + json + "]\n";
    std::fputs((output.format == "json" ? json : table).c_str(), stdout);
    const std::pair<const std::string&, const std::string&> files[] = {{output.json_path, json},
                                                                       {output.table_path, table}};
    for (const auto& [path, text] : files) {
        if (path.empty()) continue;
        auto fd = urc::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (!fd.ok() || !urc::write_all(fd->get(), text, path).ok()) {
            std::fprintf(stderr, "urc-bench: cannot write %s\n", path.c_str());
            return 1;
        }
    }
    for (const urc::bench::Report& report : reports)
        for (const urc::bench::Row& row : report.rows)
            if (row.failures > 0) return 1;
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"urc-bench: compares container runtimes with each other and with the floor"};
    app.require_subcommand(1);
    Output output;
    StartOptions start;
    start.stamp = beside_this_program("stamp");
    std::vector<std::string> runtimes, preloads;
    std::string view = "host";

    CLI::App* command =
        app.add_subcommand("start", "time from the launch to the first instruction in the container");
    CLI::App* verbs = app.add_subcommand("verbs", "time of create, start, delete and exec");
    for (CLI::App* each : {command, verbs}) {
        each->add_option("--runtime", runtimes, "a runtime to measure, repeatable")->check(kIsNamedPath);
        each->add_option("--preload", preloads, "LD_PRELOAD for the runtime NAME, repeatable")
            ->check(kIsNamedPath);
        each->add_option("--stamp", start.stamp, "the container's program")->check(CLI::ExistingFile);
        each->add_option("--config", start.config, "default, docker or a config.json")->capture_default_str();
        each->add_option("--view", view, "cgroup layout")->check(CLI::IsMember({"host", "v1", "v2"}));
        each->add_option("-n,--runs", start.runs, "measured containers a row")->capture_default_str();
        each->add_option("--warm-up", start.warm_up, "containers a row before that")->capture_default_str();
        each->add_option("--gap", start.gap_ms, "milliseconds between two containers")->capture_default_str();
        each->add_option("--seed", start.seed, "of the random order")->capture_default_str();
        each->add_option("--format", output.format, "table or json")->check(CLI::IsMember({"table", "json"}));
        each->add_option("--json", output.json_path, "write the JSON to this file too");
        each->add_option("--table", output.table_path, "write the table to this file too");
    }
    command->add_option("--floor", start.floor, "the floor program, as a row of its own")
        ->check(CLI::ExistingFile);
    command
        ->add_option("--concurrency", start.in_flight,
                     "measure containers per second, so many in flight: 1,2,8")
        ->delimiter(',')
        ->check(CLI::Range(1, 512));
    command->add_option("--block", start.block, "containers in one block of --concurrency")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    start.runtimes = split(runtimes);
    start.preloads = split(preloads);
    start.view = *urc::bench::parse_view(view);
    if (start.runtimes.empty() && start.floor.empty()) {
        std::fputs("urc-bench: nothing to measure: give --runtime or --floor\n", stderr);
        return 2;
    }
    urc::Result<std::vector<urc::bench::Report>> reports = urc::Error::message("");
    if (*verbs) {
        reports = urc::bench::run_verbs(start);
    } else if (auto report = urc::bench::run_start(start); report.ok()) {
        reports = std::vector<urc::bench::Report>{std::move(*report)};
    } else {
        reports = std::move(report).error();
    }
    if (!reports.ok()) {
        std::fprintf(stderr, "urc-bench: %s\n", reports.error().text().c_str());
        return 1;
    }
    return print(*reports, output);
}
