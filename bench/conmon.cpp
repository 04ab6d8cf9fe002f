// conmon as podman calls it: a daemon of its own (two forks), which calls the runtime's `create`, says in the
// pipe that _OCI_SYNCPIPE names that the container is there, and stays until it has ended; `start` is the
// caller's. Left out is --exit-command, podman's own clean-up: it is not conmon's cost.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "bench/leftovers.h"
#include "bench/monitors.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

constexpr int kSyncNumber = 3;

// One line of JSON: {"data": PID}, or a negative number and the runtime's last words.
Result<void> read_sync(const Fd& pipe) {
    std::string text;
    while (text.find('\n') == std::string::npos) {
        pollfd entry{pipe.get(), POLLIN, 0};
        const int ready = ::poll(&entry, 1, kTimeoutMs);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return Error::message("conmon: nothing in the sync pipe in time");
        char bytes[4096];
        const ssize_t size = ::read(pipe.get(), bytes, sizeof bytes);
        if (size <= 0) return Error::message("conmon: ended before the container was there");
        text.append(bytes, static_cast<std::size_t>(size));
    }
    simdjson::dom::parser parser;
    std::int64_t data = -1;
    if (parser.parse(simdjson::padded_string(text)).at_key("data").get(data) != simdjson::SUCCESS ||
        data <= 0)
        return Error::message("conmon: " + text.substr(0, text.find('\n')));
    return {};
}

Result<pid_t> read_pid(const std::string& path) {
    URC_TRY(const std::string text, read_file_at(AT_FDCWD, path.c_str(), 64));
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    if (pid <= 0) return Error::message("no pid in " + path);
    return pid;
}

class Conmon final : public Monitor {
public:
    explicit Conmon(ConmonOptions options) : options_(std::move(options)) {}

    std::string name() const override { return "conmon/" + options_.runtime.name; }
    std::string path() const override { return options_.conmon; }
    LogFormat format() const override { return LogFormat::k8s; }

    Result<Running> start(const Place& place) override {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe");
        const Fd reader(ends[0]);
        Fd writer(ends[1]);
        const Outcome outcome = run_call(
            {words(place), {fmt::format("_OCI_SYNCPIPE={}", kSyncNumber)}, {{writer.get(), kSyncNumber}}});
        writer.reset();
        if (!outcome.ok()) return Error::message("conmon: " + outcome.failure);
        URC_TRY_VOID(read_sync(reader));
        URC_TRY(const pid_t pid, read_pid(monitor_pid_file(place)));
        Running running;
        URC_TRY(running.monitor, Watched::open(pid));
        URC_TRY_VOID(runtime({"start", place.id}));
        return running;
    }

    Result<void> remove(const Place& place) override { return runtime({"delete", place.id}); }

    Result<void> end(const Place& place) override { return runtime({"delete", "--force", place.id}); }

    void abandon(const Place& place) override {
        (void)end(place);
        if (auto pid = read_pid(monitor_pid_file(place)); pid.ok()) {
            if (auto monitor = Watched::open(*pid); monitor.ok()) monitor->kill();
        }
        remove_cgroups(place.id);
    }

private:
    std::string monitor_pid_file(const Place& place) const {
        return options_.directory + "/" + place.id + ".conmon";
    }

    std::vector<std::string> words(const Place& place) const {
        std::vector<std::string> all{options_.conmon,
                                     "--api-version",
                                     "1",
                                     "--cid",
                                     place.id,
                                     "--cuuid",
                                     place.id,
                                     "--name",
                                     place.id,
                                     "--runtime",
                                     options_.runtime.path,
                                     "--bundle",
                                     place.bundle,
                                     "--container-pidfile",
                                     options_.directory + "/" + place.id + ".pid",
                                     "--conmon-pidfile",
                                     monitor_pid_file(place),
                                     "--exit-dir",
                                     options_.directory + "/exits",
                                     "--full-attach",
                                     "--log-level",
                                     "error",
                                     "--log-path",
                                     "k8s-file:" + place.log,
                                     "--runtime-arg=--root",
                                     "--runtime-arg=" + root()};
        if (options_.has_terminal) all.emplace_back("--terminal");
        if (!options_.notify_socket.empty()) {
            all.emplace_back("--sdnotify-socket");
            all.push_back(options_.notify_socket);
        }
        return all;
    }

    std::string root() const { return options_.directory + "/root"; }

    Result<void> runtime(std::vector<std::string> verb) const {
        Command command{{options_.runtime.path, "--root", root()}, {}};
        const std::string step = verb.front();
        for (std::string& word : verb) command.argv.push_back(std::move(word));
        const Outcome outcome = run_call(command);
        if (!outcome.ok()) return Error::message(fmt::format("{}: {}", step, outcome.failure));
        return {};
    }

    ConmonOptions options_;
};

}  // namespace

Result<std::unique_ptr<Monitor>> conmon_monitor(ConmonOptions options) {
    for (const char* name : {"/exits", "/root"}) {
        const std::string path = options.directory + name;
        if (::mkdir(path.c_str(), 0755) < 0) return Error::last("mkdir", path);
    }
    return std::unique_ptr<Monitor>(std::make_unique<Conmon>(std::move(options)));
}

// The shell puts /dev/null in place of the standard input of what it leaves behind, which the program does
// not read.
Result<void> write_bare_runtime(const std::string& path, const std::vector<std::string>& program) {
    std::string script =
        "#!/bin/sh\ncase $* in *\" create \"*) ;; *) exit 0 ;; esac\n"
        "while [ \"$1\" != --pid-file ]; do shift; done\n";
    for (const std::string& word : program) script += "'" + word + "' ";
    script += "2>/dev/null &\nprintf %s $! >\"$2\"\n";
    URC_TRY(const Fd fd, open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0755));
    return write_all(fd.get(), script, path);
}

}  // namespace urc::bench
