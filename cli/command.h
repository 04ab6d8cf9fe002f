// Command: one verb. Session: the call of urc that is going on.
//
//   int state_command(Session& session) {
//       OptionSet options;
//       if (auto status = session.begin(options)) return *status;      // help shown, or a usage error
//       auto view = state(session.global(), session.argument(0));
//       if (!view) return session.fail(view.error());
//       ...
//   }
//
// Exit statuses: 0; 1 for every failure of urc and every usage error (255 for exec, so that it is not taken
// for the program's own); 3 for an unknown command; otherwise the container's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "core/runtime.h"

namespace urc::cli {

class Session;

struct Command {
    std::string_view name;
    std::string_view summary = {};
    std::string_view arguments = {};    // as in the usage line: "<container-id> [signal]"
    std::string_view explanation = {};  // the paragraphs under the usage line and under DESCRIPTION
    std::string_view description = {};
    unsigned arguments_min = 0;
    unsigned arguments_max = 0;
    Placement placement = Placement::anywhere;
    int failure_status = 1;
    int (*call)(Session&) = nullptr;
};

// All commands, in the order of the help.
std::span<const Command> commands();
const Command* find_command(std::string_view name);

int attach_command(Session&);
int checkpoint_command(Session&);
int restore_command(Session&);
int run_command(Session&);
int create_command(Session&);
int start_command(Session&);
int state_command(Session&);
int list_command(Session&);
int logs_command(Session&);
int kill_command(Session&);
int delete_command(Session&);
int features_command(Session&);
int pause_command(Session&);
int resume_command(Session&);
int port_command(Session&);
int proxy_command(Session&);
int ps_command(Session&);
int update_command(Session&);
int events_command(Session&);
int exec_command(Session&);
int spec_command(Session&);

// The global options as they were typed.
struct GlobalOptions {
    std::optional<std::string> root;
    std::string log, log_format, log_level, cgroup_manager, rootless, criu;
    bool debug = false;
    bool systemd_cgroup = false;
    bool version = false;

    void declare(OptionSet& options);
};

struct PassedOptions {
    unsigned preserve_fds = 0;  // the option
    process::PassedFds found;   // the answer
    // A file that may be one of the descriptors about to be closed (/dev/fd/63): read before that.
    std::string document_path;
    std::optional<std::string> document;
    // Log drivers may name descriptors that are urc's, and not the container's.
    std::vector<std::string> log_drivers, log_options;
};

class Session {
public:
    // `program` is "urc", or "runc" when it was called by that name.
    explicit Session(std::string_view program) : program_(program) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // The whole command line without argv[0]; gives the exit status.
    int main(std::span<const std::string> words);

    // Parses the words after the verb, checks how many arguments there are, finds the state root, opens the
    // log. A status means that all is said and done.
    std::optional<int> begin(OptionSet& options);
    // The same for commands that pass descriptors on: those are looked for, and all others closed, before urc
    // opens its first one, which would otherwise take the place of one that the caller forgot.
    std::optional<int> begin(OptionSet& options, PassedOptions& passed);

    const std::string& argument(std::size_t index) const { return arguments_[index]; }
    std::size_t arguments() const { return arguments_.size(); }
    const Global& global() const { return global_; }

    // Tells the failure, with the verb and the first argument in front.
    int fail(const Error& error);
    // Writes `text` on stdout.
    int answer(std::string_view text);

private:
    Result<void> apply(const GlobalOptions& options);
    void say(std::string_view error);
    Result<void> open_log();
    int help(std::span<const std::string> topic);
    int dispatch(const Parsed& parsed);
    std::optional<int> parse(OptionSet& options);
    std::optional<int> prepare();
    int usage_error(const Error& error, std::string_view help_text);
    std::string program_help() const;
    std::string command_help(const OptionSet& options) const;

    std::string_view program_;
    const Command* command_ = nullptr;
    std::optional<std::string> given_root_;
    std::span<const std::string> words_;
    std::vector<std::string> arguments_;
    LogOptions log_options_;
    bool is_log_open_ = false;
    bool has_criu_ = false;
    Log log_;
    Global global_{.root = {}, .log = log_};
};

}  // namespace urc::cli
