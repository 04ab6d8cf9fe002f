#include "bench/density.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "bench/bundle.h"
#include "bench/monitors.h"
#include "bench/rounds.h"
#include "bench/runner.h"
#include "bench/watched.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

enum Crowd : std::size_t { kReached, kUpSeconds, kEachMs, kAvailable, kPrivate, kGoneSeconds, kCrowdColumns };

std::vector<Figure> crowd_columns() {
    std::vector<Figure> all(kCrowdColumns);
    all[kReached] = {"containers", "containers", 0};
    all[kUpSeconds] = {"s until all are up", "up_s", 3};
    all[kEachMs] = {"ms each", "up_ms_each", 2};
    all[kAvailable] = {"KiB less available, each", "available_kib_each", 0};
    all[kPrivate] = {"monitor's private KiB, each", "private_kib_each", 0};
    all[kGoneSeconds] = {"s until all are gone", "gone_s", 3};
    return all;
}

// MemAvailable, proc(5).
double available_kib() {
    auto text = read_file_at(AT_FDCWD, "/proc/meminfo");
    const std::size_t at = text.ok() ? text->find("MemAvailable:") : std::string::npos;
    return at == std::string::npos ? 0 : std::strtod(text->c_str() + at + 13, nullptr);
}

struct CrowdRow {
    Row row;
    std::unique_ptr<Monitor> monitor;
};

// The containers of one row in one round; what there is of them ends with it.
class CrowdRound {
public:
    CrowdRound(Monitor& monitor, const std::string& bundle, std::string logs)
        : monitor_(monitor), bundle_(bundle), logs_(std::move(logs)) {}
    CrowdRound(const CrowdRound&) = delete;
    CrowdRound& operator=(const CrowdRound&) = delete;
    ~CrowdRound() {
        for (const Place& place : places_) monitor_.abandon(place);
        reap_strays();
    }

    // The reason why the next one could not be started; empty: there are `count`.
    std::string fill(const std::string& id, unsigned count) {
        while (running_.size() < count) {
            if (was_interrupted()) return "interrupted";
            const std::string name = fmt::format("{}-{}", id, running_.size());
            places_.push_back({name, bundle_, logs_ + "/" + name + ".log"});
            auto started = monitor_.start(places_.back());
            if (!started.ok())
                return fmt::format("container {}: {}", running_.size() + 1, started.error().text());
            running_.push_back(std::move(*started));
        }
        return {};
    }
    std::size_t size() const { return running_.size(); }
    double private_kib() const {
        std::uint64_t sum = 0;
        for (const Running& running : running_)
            if (running.monitor) sum += running.monitor->private_kib();
        return static_cast<double>(sum);
    }
    bool has_monitors() const { return !running_.empty() && running_.front().monitor.has_value(); }
    Result<void> empty() {
        while (!running_.empty()) {
            URC_TRY_VOID(monitor_.end(places_.back()));
            if (running_.back().monitor) URC_TRY_VOID(running_.back().monitor->await_end(kTimeoutMs));
            ::unlink(places_.back().log.c_str());
            running_.pop_back();
            places_.pop_back();
        }
        return {};
    }

private:
    Monitor& monitor_;
    const std::string& bundle_;
    std::string logs_;
    std::vector<Place> places_;
    std::vector<Running> running_;
};

void measure_row(const DensityOptions& options, const Bundle& bundle, const std::string& id, CrowdRow& entry,
                 bool is_measured) {
    CrowdRound round(*entry.monitor, bundle.path, bundle.state.path());
    const double before_kib = available_kib();
    const std::uint64_t begun_ns = monotonic_ns();
    std::string failure = round.fill(id, options.containers);
    const double up_seconds = seconds_since(begun_ns);
    ::usleep(options.settle_ms * 1000);
    const auto count = static_cast<double>(round.size());
    const double used_kib = before_kib - available_kib(), private_kib = round.private_kib();
    const bool has_monitors = round.has_monitors();
    const std::uint64_t ending_ns = monotonic_ns();
    if (const auto emptied = round.empty(); !emptied.ok() && failure.empty())
        failure = "end: " + Result<void>(emptied).error().text();
    const double gone_seconds = seconds_since(ending_ns);
    // What the kernel frees later must not look like the next row's.
    ::usleep(options.settle_ms * 1000);
    if (!is_measured || was_interrupted()) return;
    ++entry.row.runs;
    if (!failure.empty() && entry.row.failures++ == 0) entry.row.first_failure = failure;
    if (count == 0) return;
    const auto add = [&](Crowd column, double value) { entry.row.figures[column].values.push_back(value); };
    add(kReached, count);
    add(kUpSeconds, up_seconds);
    add(kEachMs, up_seconds * 1000 / count);
    add(kAvailable, used_kib / count);
    if (has_monitors) add(kPrivate, private_kib / count);
    add(kGoneSeconds, gone_seconds);
}

Result<std::vector<CrowdRow>> make_rows(const DensityOptions& options, const Bundle& bundle) {
    std::vector<CrowdRow> rows;
    const std::string& state = bundle.state.path();
    const auto add = [&](std::unique_ptr<Monitor> monitor, std::string note) {
        CrowdRow& entry = rows.emplace_back();
        entry.row.name = monitor->name();
        entry.row.path = monitor->path();
        entry.row.version = version_of(monitor->path());
        if (!note.empty()) entry.row.notes.push_back(std::move(note));
        entry.row.figures = crowd_columns();
        entry.monitor = std::move(monitor);
    };
    if (!options.urc.empty()) add(urc_monitor({options.urc, "k8s-file", state + "/urc"}), {});
    for (const NamedPath& runtime : options.runtimes) {
        add(no_monitor({runtime, state + "/alone-" + runtime.name}), {});
        if (options.conmon.empty()) continue;
        ConmonOptions conmon;
        conmon.conmon = options.conmon;
        conmon.runtime = runtime;
        conmon.directory = state + "/conmon-" + runtime.name;
        if (::mkdir(conmon.directory.c_str(), 0755) < 0) return Error::last("mkdir", conmon.directory);
        URC_TRY(std::unique_ptr<Monitor> monitor, conmon_monitor(conmon));
        add(std::move(monitor), version_of(runtime.path));
    }
    if (rows.empty()) return Error::message("density: nothing to measure: give --urc or --runtime");
    return rows;
}

}  // namespace

Result<Report> run_density(const DensityOptions& options) {
    catch_interrupts();
    URC_TRY_VOID(become_subreaper());
    URC_TRY_VOID(enter_view(options.view));
    BundleOptions wanted;
    wanted.config = options.config;
    wanted.stamp = options.stamp;
    wanted.args = {"/bin/busybox", "sleep", "1000000"};
    URC_TRY(wanted.unusable_resources, resources_without_controller());
    URC_TRY(const Bundle bundle, make_bundle(wanted));
    URC_TRY(std::vector<CrowdRow> rows, make_rows(options, bundle));

    Report report;
    report.subcommand = "density";
    report.machine = describe_machine();
    report.seed = options.seed;
    report.settings = {{"config", options.config},
                       {"view", std::string(view_name(options.view))},
                       {"containers", std::to_string(options.containers)},
                       {"seed", std::to_string(options.seed)}};
    const Rounds rounds{.warm_up = options.warm_up, .runs = options.runs, .gap_ms = 0, .seed = options.seed};
    in_rounds(rounds, rows.size(), [&](std::size_t index, const std::string& id, bool is_measured) {
        measure_row(options, bundle, id, rows[index], is_measured);
    });
    if (was_interrupted())
        report.notes.emplace_back("interrupted: the numbers are of the rounds before that");
    for (CrowdRow& entry : rows) report.rows.push_back(std::move(entry.row));
    return report;
}

}  // namespace urc::bench
