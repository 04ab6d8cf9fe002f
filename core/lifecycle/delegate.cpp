#include "core/lifecycle/delegate.h"

#include <algorithm>

namespace urc {
namespace {

// The id on the host that is 0 inside; nullopt when 0 is not mapped.
std::optional<std::uint32_t> host_root(const std::vector<spec::IdMapping>& mappings) {
    for (const spec::IdMapping& mapping : mappings)
        if (mapping.container_id == 0 && mapping.size > 0) return mapping.host_id;
    return std::nullopt;
}

bool is_writable_cgroup(const spec::Mount& mount) {
    if (mount.type != "cgroup" && mount.type != "cgroup2") return false;
    return std::none_of(mount.options.begin(), mount.options.end(),
                        [](const std::string& option) { return option == "ro" || option == "rro"; });
}

}  // namespace

bool owns_cgroup(const spec::Spec& spec) {
    return spec.linux.has_new(spec::NamespaceType::user) && spec.linux.has_new(spec::NamespaceType::cgroup) &&
           std::any_of(spec.mounts.begin(), spec.mounts.end(), is_writable_cgroup);
}

Result<void> delegate_cgroup(const spec::Spec& spec, const cgroup::Cgroup& group, bool is_rootless) {
    if (!owns_cgroup(spec) || group.version() != cgroup::Version::v2) return {};
    const auto uid = host_root(spec.linux.uid_mappings);
    const auto gid = host_root(spec.linux.gid_mappings);
    if (!uid) return {};
    auto given = group.delegate(*uid, gid.value_or(static_cast<gid_t>(-1)));
    if (!given.ok() && is_rootless && given.error().code() == EPERM) return {};
    return given;
}

}  // namespace urc
