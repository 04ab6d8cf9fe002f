// urc create: everything but the start; init waits at start.sock.
#include "cli/create_options.h"

namespace urc::cli {

void declare_create_options(OptionSet& options, CreateOptions& create, PassedOptions& passed) {
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
}

int create_command(Session& session) {
    CreateOptions create_options;
    bool detach = false;  // go-runc passes it; create never waits
    PassedOptions passed;
    OptionSet options;
    declare_create_options(options, create_options, passed);
    options.flag("detach", 'd', detach, "accepted; create always detaches");
    if (auto status = session.begin(options, passed)) return *status;
    create_options.passed = passed.found;
    create_options.id = session.argument(0);
    create_options.detach = true;
    if (auto possible = check_cgroup_manager(session.global()); !possible)
        return session.fail(possible.error());
    auto result = create(session.global(), create_options);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
