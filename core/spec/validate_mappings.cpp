// The refusals about user and group ids: the maps of user namespaces and mounts, and the ids that have to be
// in them. The kernel answers a bad map with a bare EINVAL; here the reason is named.
#include <algorithm>

#include "core/number.h"
#include "core/spec/validate_parts.h"

namespace urc::spec {
namespace {

// linux/user_namespace.h, UID_GID_MAP_MAX_EXTENTS; and a map is written at once, in less than a page.
constexpr std::size_t kRangesMax = 340;
constexpr std::size_t kMapBytesMax = 4095;
constexpr std::uint64_t kIdsEnd = 0xffffffff;  // the last id, -1, is no id

std::size_t digits(std::uint32_t number) {
    return std::to_string(number).size();
}

// Two ranges of one side in the same ids. `start` picks the side.
template <typename Start>
bool overlap(std::vector<IdMapping> mappings, Start start) {
    std::sort(mappings.begin(), mappings.end(),
              [&](const IdMapping& a, const IdMapping& b) { return start(a) < start(b); });
    for (std::size_t i = 1; i < mappings.size(); ++i)
        if (std::uint64_t{start(mappings[i - 1])} + mappings[i - 1].size > start(mappings[i])) return true;
    return false;
}

Result<void> check_mapped_user(const Spec& spec) {
    const std::vector<IdMapping>& uids = spec.linux.uid_mappings;
    const std::vector<IdMapping>& gids = spec.linux.gid_mappings;
    if (!is_mapped(uids, 0)) return refusal({"linux.uidMappings: the container's root (0) is not mapped"});
    if (!is_mapped(gids, 0)) return refusal({"linux.gidMappings: the container's root (0) is not mapped"});
    if (!spec.process) return {};
    const User& user = spec.process->user;
    if (!is_mapped(uids, user.uid))
        return refusal({"process.user.uid: ", std::to_string(user.uid), " is not in linux.uidMappings"});
    if (!is_mapped(gids, user.gid))
        return refusal({"process.user.gid: ", std::to_string(user.gid), " is not in linux.gidMappings"});
    for (std::size_t i = 0; i < user.additional_gids.size(); ++i)
        if (!is_mapped(gids, user.additional_gids[i]))
            return refusal({indexed("process.user.additionalGids", i), ": ",
                            std::to_string(user.additional_gids[i]), " is not in linux.gidMappings"});
    return {};
}

}  // namespace

Result<void> check_mappings(const std::vector<IdMapping>& mappings, std::string_view path) {
    if (mappings.size() > kRangesMax)
        return refusal({path, ": ", std::to_string(mappings.size()), " ranges, the kernel takes 340"});
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < mappings.size(); ++i) {
        const IdMapping& range = mappings[i];
        if (range.size == 0) return refusal({indexed(path, i), ".size: must not be 0"});
        if (std::uint64_t{range.container_id} + range.size > kIdsEnd)
            return refusal({indexed(path, i), ": goes past the last id of the container"});
        if (std::uint64_t{range.host_id} + range.size > kIdsEnd)
            return refusal({indexed(path, i), ": goes past the last id of the host"});
        bytes += digits(range.container_id) + digits(range.host_id) + digits(range.size) + 3;
    }
    if (bytes > kMapBytesMax) return refusal({path, ": longer than the page that the kernel takes"});
    if (overlap(mappings, [](const IdMapping& range) { return range.container_id; }))
        return refusal({path, ": two ranges have container ids in common"});
    if (overlap(mappings, [](const IdMapping& range) { return range.host_id; }))
        return refusal({path, ": two ranges have host ids in common"});
    return {};
}

bool is_mapped(const std::vector<IdMapping>& mappings, std::uint32_t container_id) {
    return std::any_of(mappings.begin(), mappings.end(), [&](const IdMapping& range) {
        return container_id >= range.container_id && container_id - range.container_id < range.size;
    });
}

Result<void> check_ids(const Spec& spec, bool is_rootless) {
    const Linux& os = spec.linux;
    if (!os.find(NamespaceType::user)) {
        if (is_rootless)
            return refusal({"linux.namespaces: without root's rights a user namespace is needed"});
        if (!os.uid_mappings.empty()) return refusal({"linux.uidMappings: there is no user namespace"});
        if (!os.gid_mappings.empty()) return refusal({"linux.gidMappings: there is no user namespace"});
        return {};
    }
    URC_TRY_VOID(check_mappings(os.uid_mappings, "linux.uidMappings"));
    URC_TRY_VOID(check_mappings(os.gid_mappings, "linux.gidMappings"));
    // One that is joined by path has its maps already; whether these are the same is asked at the door.
    if (!os.has_new(NamespaceType::user)) return {};
    if (os.uid_mappings.empty()) return refusal({"linux.uidMappings: a new user namespace needs mappings"});
    if (os.gid_mappings.empty()) return refusal({"linux.gidMappings: a new user namespace needs mappings"});
    return check_mapped_user(spec);
}

}  // namespace urc::spec
