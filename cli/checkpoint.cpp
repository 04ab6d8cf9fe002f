// urc checkpoint: criu saves the container's processes.
#include "cli/image_options.h"

namespace urc::cli {

void declare_image_options(OptionSet& options, ImageOptions& image) {
    options.text("image-path", 0, image.image_path, "directory of criu's images (default: ./checkpoint)");
    options.text("work-path", 0, image.work_path, "directory of criu's log (default: that of the images)");
    options.flag("tcp-established", 0, image.tcp_established, "allow open TCP connections");
    options.flag("ext-unix-sk", 0, image.external_unix_sockets,
                 "allow connections to unix sockets outside of the container");
    options.flag("shell-job", 0, image.shell_job, "allow a terminal or session of the caller");
    options.flag("file-locks", 0, image.file_locks, "allow file locks");
    options.flag("lazy-pages", 0, image.lazy_pages, "transfer memory when it is asked for (userfaultfd)");
    options.text("manage-cgroups-mode", 0, image.manage_cgroups_mode,
                 "soft, full, strict or ignore (default: criu's own)");
    options.texts("empty-ns", 0, image.empty_namespaces, "network: do not touch what is in that namespace");
    options.flag("auto-dedup", 0, image.auto_dedup, "drop pages from the images that newer ones replace");
}

int checkpoint_command(Session& session) {
    CheckpointOptions checkpoint_options;
    OptionSet options;
    declare_image_options(options, checkpoint_options.image);
    options.text("parent-path", 0, checkpoint_options.parent_path,
                 "images of an earlier --pre-dump, relative to --image-path");
    options.flag("leave-running", 0, checkpoint_options.leave_running, "let the container run on");
    options.flag("pre-dump", 0, checkpoint_options.pre_dump,
                 "save memory only, and let the container run on");
    options.flag("tcp-skip-in-flight", 0, checkpoint_options.tcp_skip_in_flight,
                 "leave out TCP connections that are not established yet");
    options.flag("link-remap", 0, checkpoint_options.link_remap,
                 "allow open files that have been removed, by links beside them");
    options.text("page-server", 0, checkpoint_options.page_server,
                 "ADDRESS:PORT of a criu page server that takes the memory");
    options.text("status-fd", 0, checkpoint_options.status_fd,
                 "descriptor that gets a NUL byte when lazy pages can be fetched");
    if (auto status = session.begin(options)) return *status;
    auto result = checkpoint(session.global(), session.argument(0), checkpoint_options);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
