// urc create: everything but the start; init waits at start.sock.
#include "cli/create_options.h"
#include "cli/print.h"

namespace urc::cli {

void declare_create_options(OptionSet& options, CreateOptions& create, PassedOptions& passed,
                            AttendedOptions& attended) {
    options.text("bundle", 'b', create.bundle, "directory of the bundle (default: the working directory)");
    options.text("config", 'f', create.config_file, "other file than config.json in the bundle");
    options.text("console-socket", 0, create.console_socket,
                 "unix socket that gets the master side of the container's terminal");
    options.text("pidfd-socket", 0, create.pidfd_socket,
                 "unix socket that gets a pidfd of the container's init");
    options.text("pid-file", 0, create.pid_file, "file to write init's process id to");
    options.flag("no-subreaper", 0, create.no_subreaper, "do not adopt processes that lose their parent");
    options.flag("no-pivot", 0, create.no_pivot,
                 "move and chroot instead of pivot_root, for a root file system on a ramdisk");
    options.flag("no-new-keyring", 0, create.no_new_keyring, "keep the caller's session keyring");
    options.number("preserve-fds", 0, passed.preserve_fds,
                   "pass this many more descriptors, from 3 + $LISTEN_FDS on (default: 0)");
    options.texts(
        "log-driver", 0, passed.log_drivers,
        "where the output goes: null, raw-file, k8s-file, json-file, journald, fd, fifo, none; with\n"
        "KEY=VALUE behind it, separated by commas (repeatable)");
    options.texts(
        "log-opt", 0, passed.log_options,
        "KEY=VALUE for the log drivers: path, max-size, max-files, stream, policy, ... (repeatable)");
    options.flag("interactive", 'i', create.is_interactive,
                 "with --log-driver: keep the container's stdin open, for attach");
    options.texts(
        "publish", 'p', attended.publish,
        "[HOSTIP:]HOSTPORT:[CHILDIP:]PORT[/tcp|udp][,max=N][,handover]: a port of the host that leads to\n"
        "one of the container, or a range of them; host port 0 is any that is free; max: so many\n"
        "connections at once; handover: the socket goes to the container as LISTEN_FDS (repeatable)");
    options.flag("notify-fdstore", 0, attended.allows_fdstore,
                 "let the container keep descriptors in the manager's store (FDSTORE=1)");
    options.flag("notify-access", 0, attended.allows_access,
                 "let the container say who else may notify (NOTIFYACCESS=)");
    options.text("notify-compat", 0, attended.notify_compat,
                 "\"host-path\": the notify socket is below the path that it has on the host");
}

Result<void> take_attended_options(const PassedOptions& passed, const AttendedOptions& attended,
                                   CreateOptions& create) {
    const std::string bundle = create.bundle.empty() ? "." : create.bundle;
    URC_TRY(create.sinks,
            relay::parse_sinks(passed.log_drivers, passed.log_options, bundle + "/" + create.id + ".log"));
    create.notify = find_manager();
    create.notify.allows_access = attended.allows_access;
    create.notify.allows_fdstore = attended.allows_fdstore;
    create.notify.is_at_host_path = attended.notify_compat == "host-path";
    if (!attended.notify_compat.empty() && !create.notify.is_at_host_path)
        return Error::message("invalid notify-compat \"" + attended.notify_compat + "\": must be host-path");
    for (const std::string& text : attended.publish) {
        URC_TRY(const auto specs, ports::parse_publish(text));
        create.publish.insert(create.publish.end(), specs.begin(), specs.end());
    }
    create.published = tell_published;
    return {};
}

int create_command(Session& session) {
    CreateOptions create_options;
    bool detach = false;  // go-runc passes it; create never waits
    PassedOptions passed;
    AttendedOptions attended;
    OptionSet options;
    declare_create_options(options, create_options, passed, attended);
    options.flag("detach", 'd', detach, "accepted; create always detaches");
    if (auto status = session.begin(options, passed)) return *status;
    create_options.passed = passed.found;
    create_options.id = session.argument(0);
    create_options.detach = true;
    if (auto taken = take_attended_options(passed, attended, create_options); !taken)
        return session.fail(taken.error());
    if (auto possible = check_cgroup_manager(session.global()); !possible)
        return session.fail(possible.error());
    auto result = create(session.global(), create_options);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
