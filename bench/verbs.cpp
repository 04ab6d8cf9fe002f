#include "bench/verbs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "bench/bundle.h"
#include "bench/leftovers.h"
#include "bench/rounds.h"
#include "bench/runner.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

enum Verb : std::size_t { create, start, remove, life, exec, kVerbs };
constexpr std::array<const char*, kVerbs> kVerbNames = {"create", "start", "delete",
                                                        "create + start + delete", "exec"};

// One runtime: its rows, a verb each, and the container that `exec` goes into.
class Contestant {
public:
    Contestant(const NamedPath& runtime, std::string preload, std::string version, const Bundle& bundle,
               const Bundle& lasting)
        : runtime_(runtime),
          root_(bundle.state.path() + "/" + runtime.name),
          pid_file_(bundle.state.path() + "/" + runtime.name + ".pid"),
          bundle_(bundle),
          lasting_(lasting),
          lasting_id_(fmt::format("urc-bench-{}-{}-lasting", ::getpid(), runtime.name)) {
        if (!preload.empty()) environment_.push_back("LD_PRELOAD=" + preload);
        for (Row& row : rows_) {
            row.name = runtime.name;
            row.path = runtime.path;
            row.version = version;
            if (!preload.empty()) row.notes.push_back("started with LD_PRELOAD=" + preload);
        }
    }

    // The container for exec; what is wrong with it, or nothing.
    std::string begin() { return call({"run", "--detach", "--bundle", lasting_.path, lasting_id_}).failure; }
    void end() {
        (void)call({"delete", "--force", lasting_id_});
        remove_cgroups(lasting_id_);
    }

    void round(const std::string& id, bool is_measured) {
        const Outcome created = call({"create", "--pid-file", pid_file_, "--bundle", bundle_.path, id});
        const Pidfd init = created.ok() ? open_init() : Pidfd();
        const Outcome started = created.ok() ? call({"start", id}) : created;
        if (started.ok()) await(init);
        const Outcome deleted = started.ok() ? call({"delete", id}) : started;
        if (!deleted.ok()) {
            (void)call({"delete", "--force", id});
            remove_cgroups(id);
        }
        Outcome whole = deleted;
        whole.wall_ns = created.wall_ns + started.wall_ns + deleted.wall_ns;
        const Outcome entered = run_once(command({"exec", lasting_id_, "/bin/stamp"}));
        if (!is_measured) return;
        record(rows_[create], created, created.wall_ns);
        record(rows_[start], started, started.wall_ns);
        record(rows_[remove], deleted, deleted.wall_ns);
        record(rows_[life], whole, whole.wall_ns);
        record(rows_[exec], entered, entered.start_ns);
    }

    Row& row(std::size_t verb) { return rows_[verb]; }

private:
    Command command(std::vector<std::string> words) const {
        Command command{{runtime_.path, "--root", root_}, environment_};
        for (std::string& word : words) command.argv.push_back(std::move(word));
        return command;
    }
    Outcome call(std::vector<std::string> words) const { return run_call(command(std::move(words))); }

    Pidfd open_init() const {
        auto text = read_file_at(AT_FDCWD, pid_file_.c_str(), 64);
        int pid = 0;
        if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), pid);
        return Pidfd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
    }

    // Outside of what is measured: the program's own time is not the runtime's.
    static void await(const Pidfd& init) {
        pollfd entry{init.get(), POLLIN, 0};
        if (init) ::poll(&entry, 1, kTimeoutMs);
    }

    static void record(Row& row, const Outcome& outcome, std::uint64_t first_ns) {
        ++row.runs;
        if (outcome.ok()) {
            row.start.add(first_ns);
            row.wall.add(outcome.wall_ns);
        } else if (row.failures++ == 0) {
            row.first_failure = outcome.failure;
        }
    }

    NamedPath runtime_;
    std::string root_, pid_file_;
    const Bundle& bundle_;
    const Bundle& lasting_;
    std::string lasting_id_;
    std::vector<std::string> environment_;
    std::array<Row, kVerbs> rows_;
};

void measure(const StartOptions& options, std::vector<Contestant>& contestants) {
    const Rounds rounds{options.warm_up, options.runs, options.gap_ms, options.seed};
    in_rounds(rounds, contestants.size(), [&](std::size_t index, const std::string& id, bool is_measured) {
        contestants[index].round(id, is_measured);
    });
}

}  // namespace

Result<std::vector<Report>> run_verbs(const StartOptions& options) {
    catch_interrupts();
    URC_TRY_VOID(enter_view(options.view));
    BundleOptions wanted;
    wanted.config = options.config;
    wanted.stamp = options.stamp;
    wanted.args = {"/bin/busybox", "true"};
    URC_TRY(wanted.unusable_resources, resources_without_controller());
    URC_TRY(const Bundle bundle, make_bundle(wanted));
    wanted.args = {"/bin/busybox", "sleep", "100000"};
    URC_TRY(const Bundle lasting, make_bundle(wanted));

    std::vector<Contestant> contestants;
    contestants.reserve(options.runtimes.size());
    for (const NamedPath& runtime : options.runtimes) {
        std::string preload;
        for (const NamedPath& given : options.preloads)
            if (given.name == runtime.name) preload = given.path;
        contestants.emplace_back(runtime, preload, version_of(runtime.path), bundle, lasting);
    }
    std::string problem;
    for (Contestant& contestant : contestants)
        if (std::string failure = contestant.begin(); !failure.empty() && problem.empty())
            problem = contestant.row(exec).name + ": run --detach: " + failure;
    if (problem.empty()) measure(options, contestants);
    for (Contestant& contestant : contestants) contestant.end();
    if (!problem.empty()) return Error::message(problem);

    std::vector<Report> reports(kVerbs);
    const Machine machine = describe_machine();
    for (std::size_t verb = 0; verb < kVerbs; ++verb) {
        Report& report = reports[verb];
        report.subcommand = kVerbNames[verb];
        report.measure = verb == exec ? "start" : "call";
        report.machine = machine;
        report.seed = options.seed;
        report.base = options.runtimes.front().name;
        report.settings = {{"config", options.config},
                           {"view", std::string(view_name(options.view))},
                           {"gap_ms", std::to_string(options.gap_ms)},
                           {"seed", std::to_string(options.seed)}};
        if (was_interrupted())
            report.notes.emplace_back("interrupted: the numbers are of the runs before that");
        for (Contestant& contestant : contestants) report.rows.push_back(std::move(contestant.row(verb)));
    }
    return reports;
}

}  // namespace urc::bench
