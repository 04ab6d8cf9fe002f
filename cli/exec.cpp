// urc exec: one more process in a container; in the foreground its exit status is ours.
#include "cli/command.h"

namespace urc::cli {

static void declare_exec_options(OptionSet& options, ExecOptions& exec, PassedOptions& passed) {
    options.text("console-socket", 0, exec.console_socket,
                 "unix socket that gets the master side of the process's terminal");
    options.text("pidfd-socket", 0, exec.pidfd_socket, "unix socket that gets a pidfd of the process");
    options.text("cwd", 0, exec.cwd, "working directory in the container");
    options.texts("env", 'e', exec.env, "add NAME=VALUE to the environment (repeatable)");
    options.flag("tty", 't', exec.tty, "give the process a terminal");
    options.text("user", 'u', exec.user, "user of the process, as numbers: UID[:GID]");
    options.numbers("additional-gids", 'g', exec.additional_gids, "add a group (repeatable)");
    options.text("process", 'p', passed.document_path,
                 "file with the whole process as JSON; then the options about the process do not count");
    options.flag("detach", 'd', exec.detach, "return as soon as the process runs");
    options.text("pid-file", 0, exec.pid_file, "file to write the process id to, once the process runs");
    options.text("process-label", 0, exec.process_label, "SELinux label of the process");
    options.text("apparmor", 0, exec.apparmor, "AppArmor profile of the process");
    options.flag("no-new-privs", 0, exec.no_new_privs, "no privileges from set-user-id programs");
    options.texts("cap", 'c', exec.caps, "add a capability (repeatable)");
    options.number("preserve-fds", 0, passed.preserve_fds,
                   "pass this many more descriptors, from 3 + $LISTEN_FDS on (default: 0)");
    options.texts("cgroup", 0, exec.cgroups,
                  "run in a cgroup below the container's: [CONTROLLER[,CONTROLLER]:]PATH (repeatable)");
    options.flag("ignore-paused", 0, exec.ignore_paused, "in a paused container, wait until it is resumed");
    options.flag("no-subreaper", 0, exec.no_subreaper, "do not adopt processes that lose their parent");
}

int exec_command(Session& session) {
    ExecOptions exec_options;
    PassedOptions passed;
    OptionSet options;
    declare_exec_options(options, exec_options, passed);
    if (auto status = session.begin(options, passed)) return *status;
    exec_options.passed = passed.found;
    exec_options.process_document = std::move(passed.document);
    exec_options.id = session.argument(0);
    for (std::size_t i = 1; i < session.arguments(); ++i) exec_options.args.push_back(session.argument(i));
    auto result = exec(session.global(), exec_options);
    return result ? *result : session.fail(result.error());
}

}  // namespace urc::cli
