#include "bench/relay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include "bench/bundle.h"
#include "bench/gate.h"
#include "bench/monitors.h"
#include "bench/runner.h"
#include "bench/watched.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

constexpr unsigned kLookUs = 500;  // between two looks at the ends of the logs

struct Cost {
    double seconds = 0, up_seconds = 0, end_seconds = 0;
    double cpu_seconds = 0, life_cpu_seconds = 0;
    double idle_kib = 0, end_kib = 0;  // of one monitor
    bool has_monitor = false;
};

double seconds_since(std::uint64_t begun_ns) {
    return static_cast<double>(monotonic_ns() - begun_ns) / 1e9;
}

// All containers of one row in one round. What is still there when it goes is put away.
class Round {
public:
    Round(const RelayOptions& options, Monitor& monitor, std::vector<Place> places, Gate gate)
        : options_(options), monitor_(monitor), places_(std::move(places)), gate_(std::move(gate)) {}
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;
    ~Round();

    Result<Cost> run();

private:
    Result<void> start_all();
    Result<void> await_logs();
    Result<void> end_all();
    double cpu_seconds() const;
    double private_kib() const;

    const RelayOptions& options_;
    Monitor& monitor_;
    std::vector<Place> places_;
    Gate gate_;
    std::vector<Running> running_;
    std::vector<Fd> logs_;
    bool is_over_ = false;
    Cost cost_;
};

Round::~Round() {
    gate_.go();
    gate_.end();
    for (std::size_t i = 0; i < places_.size() && !is_over_; ++i) {
        if (i < running_.size()) {
            if (running_[i].monitor) running_[i].monitor->kill();
            if (running_[i].program) {
                running_[i].program->kill();
                (void)running_[i].program->finish();
            }
        }
        // The one that failed to start may have left something, too; those after it were never begun.
        if (i <= running_.size()) monitor_.abandon(places_[i]);
    }
    running_.clear();
    reap_strays();
    for (const Place& place : places_) ::unlink(place.log.c_str());
}

Result<void> Round::start_all() {
    const std::uint64_t begun_ns = monotonic_ns();
    for (const Place& place : places_) {
        if (was_interrupted()) return Error::message("interrupted");
        URC_TRY(Running running, monitor_.start(place));
        cost_.has_monitor = running.monitor.has_value();
        running_.push_back(std::move(running));
    }
    URC_TRY_VOID(gate_.await('u', options_.containers, options_.timeout_ms));
    cost_.up_seconds = seconds_since(begun_ns);
    for (const Place& place : places_) {
        URC_TRY(Fd log, open_at(AT_FDCWD, place.log.c_str(), O_RDONLY));
        logs_.push_back(std::move(log));
    }
    return {};
}

// First the programs' own word, which costs nothing to wait for; then at most a pipe of each is on its way,
// and the logs are looked at.
Result<void> Round::await_logs() {
    URC_TRY_VOID(gate_.await('d', options_.containers, options_.timeout_ms));
    const std::uint64_t begun_ns = monotonic_ns();
    for (std::size_t next = 0; next < logs_.size();) {
        if (has_last_line(logs_[next].get(), options_.log)) {
            ++next;
            continue;
        }
        if (seconds_since(begun_ns) * 1000 > options_.timeout_ms || was_interrupted())
            return Error::message(fmt::format("{}: the last line is not in the log", places_[next].id));
        ::usleep(kLookUs);
    }
    return {};
}

double Round::cpu_seconds() const {
    std::uint64_t sum = 0;
    for (const Running& running : running_)
        if (running.monitor) sum += running.monitor->cpu_ns();
    return static_cast<double>(sum) / 1e9;
}

double Round::private_kib() const {
    std::uint64_t sum = 0;
    for (const Running& running : running_)
        if (running.monitor) sum += running.monitor->private_kib();
    return static_cast<double>(sum) / static_cast<double>(options_.containers);
}

Result<void> Round::end_all() {
    const std::uint64_t begun_ns = monotonic_ns();
    gate_.end();
    std::uint64_t sum = 0;
    for (Running& running : running_) {
        if (running.monitor) URC_TRY_VOID(running.monitor->await_end(options_.timeout_ms));
    }
    cost_.end_seconds = seconds_since(begun_ns);
    for (Running& running : running_) {
        if (running.monitor) {
            URC_TRY(const std::uint64_t cpu_ns, running.monitor->reap());
            sum += cpu_ns;
        }
        running.monitor.reset();
        if (running.program) (void)running.program->finish();
        running.program.reset();
    }
    cost_.life_cpu_seconds = static_cast<double>(sum) / 1e9;
    return {};
}

Result<Cost> Round::run() {
    URC_TRY_VOID(start_all());
    ::usleep(options_.settle_ms * 1000);
    cost_.idle_kib = private_kib();
    const double idle_cpu_seconds = cpu_seconds();

    const std::uint64_t begun_ns = monotonic_ns();
    gate_.go();
    URC_TRY_VOID(await_logs());
    cost_.seconds = seconds_since(begun_ns);
    cost_.cpu_seconds = cpu_seconds() - idle_cpu_seconds;
    cost_.end_kib = private_kib();

    URC_TRY_VOID(end_all());
    for (const Place& place : places_) {
        URC_TRY_VOID(monitor_.remove(place));
        URC_TRY_VOID(check_log(place.log, monitor_.format(), options_.log));
    }
    is_over_ = true;
    return cost_;
}

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

    void record(const Result<Cost>& result, const RelayOptions& options);
};

void Contestant::record(const Result<Cost>& result, const RelayOptions& options) {
    ++row.runs;
    if (!result.ok()) {
        if (row.failures++ == 0) row.first_failure = result.error().text();
        return;
    }
    const Cost& cost = result.value();
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

std::string version_of(const std::string& path) {
    auto output = run_for_output({{path, "--version"}, {}}, 5'000);
    return output.ok() ? output->substr(0, output->find('\n')) : std::string();
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

Result<Cost> measure_one(const RelayOptions& options, const Ground& ground, Monitor& monitor,
                         const std::string& id) {
    URC_TRY(Gate gate, Gate::create(ground.signals));
    std::vector<Place> places;
    for (unsigned i = 0; i < options.containers; ++i) {
        const std::string name = fmt::format("{}-{}", id, i);
        places.push_back({name, ground.bundles[i], ground.bundle.state.path() + "/" + name + ".log"});
    }
    Round round(options, monitor, std::move(places), std::move(gate));
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
    std::mt19937_64 random(options.seed);
    std::vector<std::size_t> order(contestants.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    unsigned last = 0;
    for (unsigned round = 0; round < options.warm_up + options.runs && !was_interrupted(); ++round) {
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t index : order) {
            if (was_interrupted()) break;
            Contestant& contestant = contestants[index];
            const std::string id = fmt::format("urc-bench-{}-{}", ::getpid(), ++last);
            const Result<Cost> result = measure_one(options, ground, *contestant.monitor, id);
            if (round >= options.warm_up && !was_interrupted()) contestant.record(result, options);
        }
    }
    if (was_interrupted())
        report.notes.emplace_back("interrupted: the numbers are of the rounds before that");
    for (Contestant& contestant : contestants) report.rows.push_back(std::move(contestant.row));
    return report;
}

}  // namespace urc::bench
