// urc restore: a container from a bundle and the images of a checkpoint.
#include "cli/create_options.h"
#include "cli/image_options.h"

namespace urc::cli {

int restore_command(Session& session) {
    RestoreOptions restore_options;
    CreateOptions& create = restore_options.create;
    PassedOptions passed;
    OptionSet options;
    declare_image_options(options, restore_options.image);
    options.text("bundle", 'b', create.bundle, "directory of the bundle (default: the working directory)");
    options.text("config", 'f', create.config_file, "other file than config.json in the bundle");
    options.text("console-socket", 0, create.console_socket,
                 "unix socket that gets the master side of the container's terminal");
    options.text("pid-file", 0, create.pid_file, "file to write init's process id to");
    options.flag("detach", 'd', create.detach, "return as soon as the processes run");
    options.flag("no-subreaper", 0, create.no_subreaper, "do not adopt processes that lose their parent");
    options.flag("no-pivot", 0, create.no_pivot, "accepted; criu makes the root");
    options.flag("tcp-close", 0, restore_options.tcp_close, "restore TCP connections as closed ones");
    options.text("lsm-profile", 0, restore_options.lsm_profile,
                 "TYPE:NAME of the security label to restore with, apparmor:NAME or selinux:LABEL");
    options.text("lsm-mount-context", 0, restore_options.lsm_mount_context,
                 "SELinux context of the mounts to restore with");
    if (auto status = session.begin(options, passed)) return *status;
    create.id = session.argument(0);
    if (auto possible = check_cgroup_manager(session.global()); !possible)
        return session.fail(possible.error());
    auto result = restore(session.global(), restore_options);
    return result ? *result : session.fail(result.error());
}

}  // namespace urc::cli
