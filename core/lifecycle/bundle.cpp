#include "core/lifecycle/bundle.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "core/child/labels.h"
#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "core/terminal/caller.h"
#include "uring/file.h"

namespace urc {

namespace {

Result<std::string> absolute_path(const std::string& path) {
    char resolved[PATH_MAX];
    if (!::realpath(path.empty() ? "." : path.c_str(), resolved)) return Error::last("bundle", path);
    return std::string(resolved);
}

}  // namespace

Result<Bundle> load_bundle(const Global& global, const CreateOptions& options) {
    Bundle bundle;
    URC_TRY(bundle.path, absolute_path(options.bundle));
    std::string path = options.config_file.empty() ? "config.json" : options.config_file;
    if (!path.starts_with('/')) path = (bundle.path == "/" ? "" : bundle.path) + "/" + path;
    URC_TRY(std::string text, read_file_at(AT_FDCWD, path.c_str(), kDocumentSizeMax));
    URC_TRY(bundle.spec, parse_spec(std::move(text)));
    // --rootless is about cgroups alone: root needs no user namespace, whatever it says.
    URC_TRY_VOID(validate(bundle.spec, {.is_rootless = ::geteuid() != 0}));
    for (const std::string& warning : warnings(bundle.spec)) global.log.warning(warning);
    if (!bundle.spec.process) return Error::message("config.json: process: required");
    auto has_modules = child::check_labels(*bundle.spec.process);
    if (!has_modules.ok()) return std::move(has_modules).error().context("config.json: process");
    const std::string& root = bundle.spec.root->path;
    bundle.rootfs = root.starts_with('/') ? root : bundle.path + "/" + root;
    return bundle;
}

Result<void> check_console(bool has_terminal, const std::string& console_socket, bool is_detached) {
    if (has_terminal && is_detached && console_socket.empty())
        return Error::message("cannot allocate tty if urc will detach without setting console socket");
    if (!console_socket.empty() && !(has_terminal && is_detached))
        return Error::message("cannot use console socket if urc will not detach or allocate tty");
    return {};
}

void take_size_of_caller(spec::Process& process) {
    if (auto size = terminal::Caller().size())
        process.console_size = spec::ConsoleSize{.height = size->ws_row, .width = size->ws_col};
}

}  // namespace urc
