// One call of urc: global options, the verb, help, failures.
#include <unistd.h>

#include "cli/command.h"
#include "core/spec/parse.h"
#include "core/version.h"
#include "uring/file.h"

namespace urc::cli {
namespace {

constexpr int kUnknownCommand = 3;

Error wrong_global(std::string_view option, std::string_view value, std::string_view expected) {
    std::string text = "invalid ";
    text += option;
    text += " \"";
    text += value;
    text += "\": must be ";
    text += expected;
    return Error::message(text);
}

std::string version_text(std::string_view program) {
    std::string text(program);
    text += " version ";
    text += kVersion;
    text += "\ncommit: ";
    text += kCommit;
    text += "\nspec: ";
    text += kOciVersion;
    text += '\n';
    return text;
}

}  // namespace

void GlobalOptions::declare(OptionSet& options) {
    options.flag("debug", 0, debug, "write debug lines, with a clock in microseconds");
    options.text("log", 0, log, "append the log to this file (default: stderr)");
    options.text("log-format", 0, log_format, "\"text\" (default) or \"json\"");
    options.text("log-level", 0, log_level,
                 "\"error\", \"warning\" or \"debug\"; default: warning, in a --log file error");
    options.text("root", 0, root, "directory for the containers' state, on a tmpfs (default: below /run)");
    options.flag("systemd-cgroup", 0, systemd_cgroup, "let systemd make the cgroups: a scope a container");
    options.text("cgroup-manager", 0, cgroup_manager, "\"cgroupfs\" (default), \"systemd\" or \"disabled\"");
    options.text("rootless", 0, rootless,
                 "ignore cgroup permission errors: \"true\", \"false\" or \"auto\" (default)");
    options.text("criu", 0, criu, "obsolete and ignored");
    options.flag("version", 'v', version, "print the version");
}

int Session::main(std::span<const std::string> words) {
    GlobalOptions globals;
    OptionSet options;
    globals.declare(options);
    auto parsed = options.parse(words, Placement::before_arguments);
    if (!parsed) {
        (void)apply(globals);
        return usage_error(parsed.error(), program_help());
    }
    if (parsed->wants_help) return answer(program_help());
    if (globals.version) return answer(version_text(program_));
    if (auto applied = apply(globals); !applied) {
        say(applied.error().text());
        return 1;
    }
    return dispatch(*parsed);
}

int Session::dispatch(const Parsed& parsed) {
    if (parsed.arguments.empty()) return answer(program_help());
    const std::string& verb = parsed.arguments[0];
    words_ = std::span(parsed.arguments).subspan(1);
    if (verb == "help" || verb == "h") return help(words_);
    command_ = find_command(verb);
    if (!command_) {
        say("No help topic for '" + verb + "'");
        return kUnknownCommand;
    }
    return command_->call(*this);
}

Result<void> Session::apply(const GlobalOptions& options) {
    LogOptions& log = log_options_;
    log.path = options.log;
    if (options.log_format == "json")
        log.format = LogFormat::json;
    else if (!options.log_format.empty() && options.log_format != "text")
        return wrong_global("log-format", options.log_format, "text or json");
    if (options.log_level == "warning")
        log.level = LogLevel::warning;
    else if (options.log_level == "debug")
        log.level = LogLevel::debug;
    else if (options.log_level == "error")
        log.level = LogLevel::error;
    else if (!options.log_level.empty())
        return wrong_global("log-level", options.log_level, "error, warning or debug");
    if (options.debug) log.level = LogLevel::debug;

    if (options.cgroup_manager == "systemd" || options.systemd_cgroup)
        global_.cgroup_manager = CgroupManager::systemd;
    else if (options.cgroup_manager == "disabled")
        global_.cgroup_manager = CgroupManager::disabled;
    else if (!options.cgroup_manager.empty() && options.cgroup_manager != "cgroupfs")
        return wrong_global("cgroup-manager", options.cgroup_manager, "cgroupfs, systemd or disabled");

    if (options.rootless == "true")
        global_.rootless = Rootless::yes;
    else if (options.rootless == "false")
        global_.rootless = Rootless::no;
    else if (!options.rootless.empty() && options.rootless != "auto")
        return wrong_global("rootless", options.rootless, "true, false or auto");

    has_criu_ = !options.criu.empty();
    given_root_ = options.root;
    return {};
}

std::optional<int> Session::begin(OptionSet& options) {
    if (auto status = parse(options)) return status;
    return prepare();
}

std::optional<int> Session::begin(OptionSet& options, PassedOptions& passed) {
    if (auto status = parse(options)) return status;
    auto found = process::find_passed_fds(passed.preserve_fds);
    if (!found) return fail(found.error());
    passed.found = *found;
    // Where this starts urc over, the document must still be unread: it may be a pipe.
    if (auto guarded = guard_own_executable(); !guarded) return fail(guarded.error());
    if (!passed.document_path.empty()) {
        auto text = read_file_at(AT_FDCWD, passed.document_path.c_str(), kDocumentSizeMax);
        if (!text) return fail(text.error());
        passed.document = std::move(*text);
    }
    auto closed = process::close_leaked_fds(passed.found,
                                            relay::sink_descriptors(passed.log_drivers, passed.log_options));
    if (!closed) return fail(closed.error());
    return prepare();
}

std::optional<int> Session::parse(OptionSet& options) {
    auto parsed = options.parse(words_, command_->placement);
    if (!parsed) return usage_error(parsed.error(), command_help(options));
    if (parsed->wants_help) return answer(command_help(options));
    arguments_ = std::move(parsed->arguments);
    const std::size_t count = arguments_.size();
    if (count < command_->arguments_min || count > command_->arguments_max) {
        const bool is_few = count < command_->arguments_min;
        const unsigned bound = is_few ? command_->arguments_min : command_->arguments_max;
        const bool is_exact = command_->arguments_min == command_->arguments_max;
        std::string text = "\"" + std::string(command_->name) + "\" requires ";
        text += is_exact ? "exactly " : is_few ? "a minimum of " : "a maximum of ";
        text += std::to_string(bound) + " argument(s)";
        return usage_error(Error::message(text), command_help(options));
    }
    return std::nullopt;
}

std::optional<int> Session::prepare() {
    if (auto opened = open_log(); !opened) return fail(opened.error());
    log_.debug("phase: command line read");
    if (has_criu_) log_.warning("--criu is obsolete and ignored: criu is found in $PATH");
    auto root = find_state_root({.given = given_root_, .program = program_});
    if (!root) return fail(root.error());
    global_.root = std::move(root->path);
    global_.root_is_default = root->is_default;
    return std::nullopt;
}

// At most once: when it cannot be opened, stderr has to do.
Result<void> Session::open_log() {
    if (is_log_open_) return {};
    is_log_open_ = true;
    URC_TRY(log_, Log::open(log_options_));
    return {};
}

void Session::say(std::string_view error) {
    if (auto opened = open_log(); !opened) log_.error("log: " + opened.error().text());
    log_.error(error);
}

int Session::fail(const Error& error) {
    std::string message(command_->name);
    if (!arguments_.empty() && !arguments_[0].empty()) message += " " + arguments_[0];
    say(message + ": " + error.text());
    return command_->failure_status;
}

int Session::answer(std::string_view text) {
    auto written = write_all(STDOUT_FILENO, text, "stdout");
    if (written) return 0;
    say(written.error().text());
    return 1;
}

int Session::usage_error(const Error& error, std::string_view help_text) {
    (void)answer("Incorrect Usage: " + error.text() + "\n\n" + std::string(help_text));
    say(error.text());
    return 1;
}

}  // namespace urc::cli
