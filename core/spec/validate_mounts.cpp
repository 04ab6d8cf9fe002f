// The refusals about `mounts`, the other paths of the root file system, and `hooks`.
#include <algorithm>

#include "core/number.h"
#include "core/spec/validate_parts.h"

namespace urc::spec {
namespace {

bool has_option(const Mount& mount, std::string_view option) {
    return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

bool is_bind(const Mount& mount) {
    return mount.type == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
}

Result<void> check_idmap(const Spec& spec, const Mount& mount, std::string_view path, bool is_rootless) {
    bool has_own = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
    bool wants_idmap = has_own || has_option(mount, "idmap") || has_option(mount, "ridmap");
    if (!wants_idmap) return {};
    if (!is_bind(mount)) return refusal({path, ": only bind mounts can have mapped ids"});
    if (is_rootless) return refusal({path, ": mapped ids need root's rights"});
    if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
        return refusal({path, ": uidMappings and gidMappings belong together"});
    if (!has_own && !spec.linux.find(NamespaceType::user))
        return refusal({path, ": idmap needs uidMappings and gidMappings or a user namespace"});
    URC_TRY_VOID(check_mappings(mount.uid_mappings, concat({path, ".uidMappings"})));
    return check_mappings(mount.gid_mappings, concat({path, ".gidMappings"}));
}

// A file system mounted inside a user namespace cannot give its files to ids that do not exist there.
Result<void> check_owner_options(const Spec& spec, const Mount& mount, std::string_view path) {
    for (const std::string& option : mount.options) {
        std::string_view word = option;
        bool is_uid = word.substr(0, 4) == "uid=";
        if (!is_uid && word.substr(0, 4) != "gid=") continue;
        auto id = parse_number<std::uint32_t>(word.substr(4));
        if (id && !is_mapped(is_uid ? spec.linux.uid_mappings : spec.linux.gid_mappings, *id))
            return refusal({path, ".options: ", in_quotes(option), " is not mapped in the user namespace"});
    }
    return {};
}

Result<void> check_paths(const std::vector<std::string>& paths, std::string_view name) {
    for (std::size_t i = 0; i < paths.size(); ++i)
        if (!is_absolute(paths[i])) return refusal({indexed(name, i), ": must be an absolute path"});
    return {};
}

// Without a mount namespace every one of these would be done to the host.
Result<void> check_without_namespace(const Spec& spec) {
    constexpr std::string_view kWhy = ": needs a mount namespace";
    if (!spec.mounts.empty()) return refusal({"mounts", kWhy});
    if (spec.root && spec.root->readonly) return refusal({"root.readonly", kWhy});
    if (!spec.linux.masked_paths.empty()) return refusal({"linux.maskedPaths", kWhy});
    if (!spec.linux.readonly_paths.empty()) return refusal({"linux.readonlyPaths", kWhy});
    if (spec.linux.rootfs_propagation != Propagation::unset)
        return refusal({"linux.rootfsPropagation", kWhy});
    return {};
}

Result<void> check_hook_list(const std::vector<Hook>& hooks, std::string_view name) {
    for (std::size_t i = 0; i < hooks.size(); ++i) {
        std::string path = indexed(name, i);
        if (!is_absolute(hooks[i].path)) return refusal({path, ".path: must be an absolute path"});
        if (hooks[i].timeout_s && *hooks[i].timeout_s <= 0)
            return refusal({path, ".timeout: must be more than 0"});
        URC_TRY_VOID(check_env(hooks[i].env, concat({path, ".env"})));
    }
    return {};
}

}  // namespace

Result<void> check_mounts(const Spec& spec, bool is_rootless) {
    if (!spec.linux.find(NamespaceType::mount)) return check_without_namespace(spec);
    for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
        const Mount& mount = spec.mounts[i];
        std::string path = indexed("mounts", i);
        if (mount.destination.empty()) return refusal({path, ".destination: must not be empty"});
        if (is_bind(mount) && mount.source.empty()) return refusal({path, ".source: a bind mount needs one"});
        URC_TRY_VOID(check_idmap(spec, mount, path, is_rootless));
        if (is_rootless && spec.linux.has_new(NamespaceType::user))
            URC_TRY_VOID(check_owner_options(spec, mount, path));
    }
    URC_TRY_VOID(check_paths(spec.linux.masked_paths, "linux.maskedPaths"));
    return check_paths(spec.linux.readonly_paths, "linux.readonlyPaths");
}

Result<void> check_hooks(const Hooks& hooks) {
    URC_TRY_VOID(check_hook_list(hooks.prestart, "hooks.prestart"));
    URC_TRY_VOID(check_hook_list(hooks.create_runtime, "hooks.createRuntime"));
    URC_TRY_VOID(check_hook_list(hooks.create_container, "hooks.createContainer"));
    URC_TRY_VOID(check_hook_list(hooks.start_container, "hooks.startContainer"));
    URC_TRY_VOID(check_hook_list(hooks.poststart, "hooks.poststart"));
    return check_hook_list(hooks.poststop, "hooks.poststop");
}

}  // namespace urc::spec
