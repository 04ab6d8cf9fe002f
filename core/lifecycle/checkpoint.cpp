// checkpoint: criu saves the processes of a container. Afterwards the container is gone, runs on
// (--leave-running), or has only had its memory copied (--pre-dump).
//
//   urc                                criu
//    |--- DUMP, pid of the init ---------->|   freezes the cgroup, writes the images
//    |<-- network-lock, post-dump ... -----|   answered; nothing of ours depends on them
//    |<-- status-ready --------------------|   lazy pages: whoever waits at --status-fd may fetch them
//    |<-- DUMP ----------------------------|   the processes are dead, or run again
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cgroup/cgroup.h"
#include "core/child/rootfs.h"
#include "core/criu/externals.h"
#include "core/criu/images.h"
#include "core/criu/service.h"
#include "core/lifecycle/bundle.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/number.h"
#include "uring/file.h"

namespace urc {

namespace {

constexpr const char* kLogFile = "dump.log";

Result<void> check_parent_path(const std::string& images_path, const std::string& parent_path) {
    if (parent_path.empty()) return {};
    if (parent_path.starts_with('/')) return Error::message("--parent-path must be relative");
    const std::string path = images_path + "/" + parent_path;
    struct stat status;
    int code = ::stat(path.c_str(), &status) < 0 ? errno : 0;
    if (code == 0 && !S_ISDIR(status.st_mode)) code = ENOTDIR;
    return code == 0 ? Result<void>{} : Error(code, "invalid --parent-path", path);
}

// Somebody waits at the other end, so a descriptor that cannot tell him is refused before anything is done.
Result<Fd> open_status_fd(const CheckpointOptions& options) {
    if (options.status_fd.empty() || options.status_fd == "-1" || !options.image.lazy_pages) return Fd();
    const auto number = parse_number<int>(options.status_fd);
    if (!number || *number < 0) return Error(EINVAL, "--status-fd", options.status_fd);
    const int flags = ::fcntl(*number, F_GETFL);
    if (flags < 0) return Error::last("--status-fd", options.status_fd);
    if ((flags & O_ACCMODE) == O_RDONLY) return Error(EACCES, "--status-fd", options.status_fd);
    return Fd(*number);  // closed when all is told
}

// The cgroup that criu freezes, so that no process is missed that is just being forked.
std::string freezer_path(const State& state, unsigned criu_version) {
    for (const auto& [controller, path] : state.cgroup_paths)
        if (controller == "freezer") return path;
    if (criu_version < criu::kCriuWithFreezerV2) return {};
    for (const auto& [controller, path] : state.cgroup_paths)
        if (controller.empty()) return path;
    return {};
}

Result<child::RootfsPlan> plan_mounts(const Global& global, const State& state) {
    CreateOptions create;
    create.bundle = state.bundle;
    create.config_file = state.config_file;
    URC_TRY(const Bundle bundle, load_bundle(global, create));
    URC_TRY(const cgroup::Layout layout, cgroup::Layout::detect());
    URC_TRY(const cgroup::Cgroup group,
            cgroup::Cgroup::open({.paths = state.cgroup_paths, .made = state.cgroups_made}, state.rootless));
    child::RootfsOptions options;
    options.bundle = bundle.path;
    child::describe_cgroups(options, layout, &group);
    return child::plan_rootfs(bundle.spec, options);
}

// What only a full dump needs: pre-dumps hold memory and nothing else.
Result<void> tell_externals(const Global& global, const State& state, int images, criu::Options& options) {
    URC_TRY(const child::RootfsPlan plan, plan_mounts(global, state));
    const std::string root = "/proc/" + std::to_string(state.init.pid) + "/root";
    URC_TRY(const Fd container_root, open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY));
    options.mounts = criu::mounts_to_dump(plan, container_root.get());
    return criu::write_descriptors(images, state.external_descriptors);
}

Result<void> check_namespaces(const criu::Options& options, unsigned version) {
    for (const std::string& word : options.external) {
        const bool is_pid = word.starts_with("pid[");
        if (version < (is_pid ? criu::kCriuWithExternalPid : criu::kCriuWithExternalNetwork))
            return Error::message("criu lacks support for external " + std::string(is_pid ? "pid" : "net") +
                                      " namespace during checkpointing process (old criu version?)",
                                  ENOTSUP);
    }
    return {};
}

Result<void> dump_to(const criu::Images& images, Fd status_fd, const Global& global, const State& state,
                     const CheckpointOptions& options) {
    URC_TRY(criu::Options request, criu::make_options(options.image, kLogFile));
    URC_TRY_VOID(check_parent_path(images.path, options.parent_path));
    if (!options.page_server.empty()) URC_TRY_VOID(criu::set_page_server(options.page_server, request));
    request.pid = state.init.pid;
    request.root = state.rootfs;
    request.config_file = criu::config_file(state.annotations);
    request.parent_images = options.parent_path;
    request.track_memory = !options.parent_path.empty();
    request.leave_running = options.leave_running;
    request.tcp_skip_in_flight = options.tcp_skip_in_flight;
    request.link_remap = options.link_remap;
    URC_TRY(request.external, criu::namespaces_to_dump(state.namespaces));
    if (!options.pre_dump) URC_TRY_VOID(tell_externals(global, state, images.directory.get(), request));

    criu::Service::StartOptions start;
    start.images = images.path;
    start.work = images.work_path;
    if (status_fd) start.inherited.push_back(status_fd.get());
    URC_TRY(criu::Service service, criu::Service::start(start));
    URC_TRY(const unsigned version, service.version());
    global.log.debug("criu: version ", version);
    URC_TRY_VOID(check_namespaces(request, version));
    request.freeze_cgroup = freezer_path(state, version);
    const criu::Features wanted{.memory_tracking = options.pre_dump, .lazy_pages = options.image.lazy_pages};
    if (wanted.memory_tracking || wanted.lazy_pages) URC_TRY_VOID(service.check_features(wanted));
    if (status_fd && version < criu::kCriuWithStatusReady) request.status_fd = criu::Service::kFirstInherited;

    auto notified = [&](const criu::Response& response, Fd) -> Result<void> {
        global.log.debug("criu: ", response.script);
        if (response.script != "status-ready" || !status_fd) return {};
        // Nobody waits any more: then nobody misses it.
        if (!write_all(status_fd.get(), std::string_view("\0", 1), "--status-fd"))
            global.log.warning("checkpoint: --status-fd cannot be written");
        status_fd.reset();
        return {};
    };
    const auto type = options.pre_dump ? criu::RequestType::pre_dump : criu::RequestType::dump;
    auto answered = service.request(type, request, notified, images.log_path);
    if (!answered.ok()) return std::move(answered).error();
    return {};
}

Result<void> dump(const Global& global, const State& state, const CheckpointOptions& options) {
    // Judged before criu is started, and before directories are made.
    URC_TRY(Fd status_fd, open_status_fd(options));
    URC_TRY(const criu::Images images, criu::open_images(options.image, criu::Missing::is_made, kLogFile));
    auto dumped = dump_to(images, std::move(status_fd), global, state, options);
    if (dumped.ok() || images.made.empty()) return dumped;
    // Ours, and of no use without the images.
    (void)::unlinkat(images.directory.get(), criu::kDescriptorsFile, 0);
    images.remove_made();
    return dumped;
}

}  // namespace

Result<void> checkpoint(const Global& global, std::string_view id, const CheckpointOptions& options) {
    if (is_rootless(global)) global.log.warning("checkpoint is untested with rootless containers");
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY_VOID(dir.lock());
    URC_TRY(const State state, load_container(dir));
    const Status status = compute_status(dir, state, is_frozen);
    if (status != Status::running && status != Status::paused)
        return Error::message("Container cannot be checkpointed in " + std::string(status_word(status)) +
                              " state");
    URC_TRY_VOID(dump(global, state, options));
    if (options.pre_dump || options.leave_running) return {};
    return destroy(global, dir, state);
}

}  // namespace urc
