#include "bench/monitors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include <utility>

#include "bench/leftovers.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

Result<Fd> create_log(const std::string& path) {
    return open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
}

Result<void> call(std::vector<std::string> words, const char* step) {
    const Outcome outcome = run_call({std::move(words), {}});
    if (!outcome.ok()) return Error::message(fmt::format("{}: {}", step, outcome.failure));
    return {};
}

class File final : public Monitor {
public:
    explicit File(std::vector<std::string> program) : program_(std::move(program)) {}

    std::string name() const override { return "file"; }
    std::string path() const override { return program_.front(); }
    LogFormat format() const override { return LogFormat::raw; }

    Result<Running> start(const Place& place) override {
        URC_TRY(const Fd log, create_log(place.log));
        Running running;
        URC_TRY(running.program, Launch::begin({program_, {}, {{log.get(), 1}}}));
        return running;
    }
    Result<void> remove(const Place&) override { return {}; }
    void abandon(const Place&) override {}

private:
    std::vector<std::string> program_;
};

class Copy final : public Monitor {
public:
    Copy(std::vector<std::string> program, std::string copy)
        : program_(std::move(program)), copy_(std::move(copy)) {}

    std::string name() const override { return "copy"; }
    std::string path() const override { return copy_; }
    LogFormat format() const override { return LogFormat::raw; }

    Result<Running> start(const Place& place) override {
        URC_TRY(const Fd log, create_log(place.log));
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe");
        const Fd reader(ends[0]), writer(ends[1]);
        Running running;
        URC_TRY(const Launch copy, Launch::begin({{copy_}, {}, {{reader.get(), 0}, {log.get(), 1}}}));
        URC_TRY(running.monitor, Watched::open(copy.pid()));
        URC_TRY(running.program, Launch::begin({program_, {}, {{writer.get(), 1}}}));
        return running;
    }
    Result<void> remove(const Place&) override { return {}; }
    void abandon(const Place&) override {}

private:
    std::vector<std::string> program_;
    std::string copy_;
};

class Alone : public Monitor {
public:
    explicit Alone(AloneOptions options) : options_(std::move(options)) {}

    std::string name() const override { return options_.runtime.name + " alone"; }
    std::string path() const override { return options_.runtime.path; }
    LogFormat format() const override { return LogFormat::raw; }

    Result<Running> start(const Place& place) override {
        URC_TRY_VOID(call(words({"run", "-d", "--bundle", place.bundle, place.id}), "run -d"));
        return Running();
    }
    Result<void> remove(const Place& place) override { return call(words({"delete", place.id}), "delete"); }
    Result<void> end(const Place& place) override {
        return call(words({"delete", "--force", place.id}), "delete --force");
    }
    void abandon(const Place& place) override {
        (void)end(place);
        remove_cgroups(place.id);
    }

protected:
    std::vector<std::string> words(std::vector<std::string> verb) const {
        verb.insert(verb.begin(), {options_.runtime.path, "--root", options_.root});
        return verb;
    }

private:
    AloneOptions options_;
};

class Urc final : public Alone {
public:
    explicit Urc(const UrcOptions& options)
        : Alone({.runtime = {"urc", options.urc}, .root = options.root}), driver_(options.driver) {}

    std::string name() const override { return "urc " + driver_; }
    LogFormat format() const override { return driver_ == "raw-file" ? LogFormat::raw : LogFormat::k8s; }

    Result<Running> start(const Place& place) override {
        URC_TRY_VOID(call(words({"run", "-d", "--log-driver", driver_, "--log-opt", "path=" + place.log,
                                 "--bundle", place.bundle, place.id}),
                          "run -d"));
        URC_TRY(const std::string state, run_for_output({words({"state", place.id}), {}}));
        simdjson::dom::parser parser;
        std::int64_t pid = 0;
        if (parser.parse(simdjson::padded_string(state)).at_pointer("/monitorPid").get(pid) !=
                simdjson::SUCCESS ||
            pid <= 0)
            return Error::message("state: no monitorPid");
        Running running;
        URC_TRY(running.monitor, Watched::open(static_cast<pid_t>(pid)));
        return running;
    }

private:
    std::string driver_;
};

}  // namespace

std::unique_ptr<Monitor> no_monitor(AloneOptions options) {
    return std::make_unique<Alone>(std::move(options));
}

std::unique_ptr<Monitor> file_monitor(std::vector<std::string> program) {
    return std::make_unique<File>(std::move(program));
}

std::unique_ptr<Monitor> copy_monitor(std::vector<std::string> program, std::string copy) {
    return std::make_unique<Copy>(std::move(program), std::move(copy));
}

std::unique_ptr<Monitor> urc_monitor(const UrcOptions& options) {
    return std::make_unique<Urc>(options);
}

}  // namespace urc::bench
