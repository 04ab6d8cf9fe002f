#include "core/spec/validate.h"

#include <linux/mempolicy.h>

#include <algorithm>

#include "core/number.h"
#include "core/number_list.h"
#include "core/spec/names.h"
#include "core/spec/sysctl.h"
#include "core/spec/validate_parts.h"

namespace urc {
namespace spec {
namespace {

constexpr std::size_t kUtsNameMax = 64;  // __NEW_UTS_LEN

// Any 1.x, as configurations of the future must run; "1.0.2-dev" and "1.1.0+x" are of that kind.
bool is_known_version(std::string_view version) {
    std::string_view numbers = version.substr(0, version.find_first_of("-+"));
    std::size_t parts = 0;
    while (true) {
        std::size_t dot = numbers.find('.');
        auto number = parse_number<std::uint32_t>(numbers.substr(0, dot));
        if (!number || (parts == 0 && *number != 1)) return false;
        ++parts;
        if (dot == std::string_view::npos) return parts == 2 || parts == 3;
        numbers.remove_prefix(dot + 1);
    }
}

Result<void> check_top(const Spec& spec) {
    if (spec.oci_version.empty()) return refusal({"ociVersion: is missing"});
    if (!is_known_version(spec.oci_version))
        return refusal({"ociVersion: ", in_quotes(spec.oci_version), " is not supported, only 1.x is"});
    if (!spec.process) return refusal({"process: is missing"});
    if (!spec.root) return refusal({"root: is missing"});
    if (spec.root->path.empty()) return refusal({"root.path: must not be empty"});
    for (const auto& [key, value] : spec.annotations)
        if (key.empty()) return refusal({"annotations: a key must not be empty"});
    return {};
}

Result<void> check_namespaces(const Linux& os) {
    unsigned seen = 0;
    for (std::size_t i = 0; i < os.namespaces.size(); ++i) {
        const Namespace& ns = os.namespaces[i];
        unsigned bit = 1u << static_cast<unsigned>(ns.type);
        if (seen & bit)
            return refusal(
                {indexed("linux.namespaces", i), ": a second ", namespace_name(ns.type), " namespace"});
        seen |= bit;
        if (!ns.path.empty() && !is_absolute(ns.path))
            return refusal({indexed("linux.namespaces", i), ".path: must be an absolute path, not ",
                            in_quotes(ns.path)});
    }
    return {};
}

Result<void> check_names(const Spec& spec) {
    bool has_uts = spec.linux.find(NamespaceType::uts) != nullptr;
    const std::pair<std::string_view, const std::string&> names[] = {{"hostname", spec.hostname},
                                                                     {"domainname", spec.domainname}};
    for (const auto& [field, name] : names) {
        if (!name.empty() && !has_uts) return refusal({field, ": cannot be set without a uts namespace"});
        if (name.size() > kUtsNameMax) return refusal({field, ": longer than 64 characters"});
    }
    return {};
}

Result<void> check_time(const Linux& os) {
    const std::pair<std::string_view, const std::optional<TimeOffset>&> clocks[] = {
        {"monotonic", os.monotonic_offset}, {"boottime", os.boottime_offset}};
    for (const auto& [clock, offset] : clocks) {
        if (!offset) continue;
        if (!os.has_new(NamespaceType::time))
            return refusal({"linux.timeOffsets.", clock, ": needs a new time namespace"});
        if (offset->nanosecs > 999'999'999)
            return refusal({"linux.timeOffsets.", clock, ".nanosecs: a second or more"});
    }
    return {};
}

Result<void> check_net_devices(const Linux& os, bool is_rootless) {
    if (os.net_devices.empty()) return {};
    if (is_rootless) return refusal({"linux.netDevices: needs root's rights"});
    if (!os.find(NamespaceType::network)) return refusal({"linux.netDevices: needs a network namespace"});
    // As the kernel has it (dev_valid_name); a '%' would make it count up by itself.
    auto is_name = [](std::string_view name) {
        return is_file_name(name) && name.size() <= kInterfaceNameMax &&
               name.find_first_of(":%") == std::string_view::npos;
    };
    std::vector<std::string_view> inside;
    for (const NetDevice& device : os.net_devices) {
        if (!is_name(device.host_name) || (!device.name.empty() && !is_name(device.name)))
            return refusal(
                {"linux.netDevices[", in_quotes(device.host_name), "]: not the name of an interface"});
        std::string_view name = device.name.empty() ? device.host_name : device.name;
        if (std::find(inside.begin(), inside.end(), name) != inside.end())
            return refusal({"linux.netDevices[", in_quotes(device.host_name), "]: a second device named ",
                            in_quotes(name)});
        inside.push_back(name);
    }
    return {};
}

Result<void> check_memory_policy(const MemoryPolicy& policy) {
    auto mode = memory_policy_mode(policy.mode);
    if (!mode) return refusal({"linux.memoryPolicy.mode: unknown mode ", in_quotes(policy.mode)});
    for (const std::string& flag : policy.flags)
        if (!memory_policy_flag(flag))
            return refusal({"linux.memoryPolicy.flags: unknown flag ", in_quotes(flag)});
    if (!policy.nodes.empty() && !parse_number_list(policy.nodes, kMemoryNodesMax))
        return refusal({"linux.memoryPolicy.nodes: not a list of nodes: ", in_quotes(policy.nodes)});
    bool takes_none = *mode == MPOL_DEFAULT || *mode == MPOL_LOCAL;
    if (takes_none && !policy.nodes.empty())
        return refusal({"linux.memoryPolicy.nodes: ", policy.mode, " takes no nodes"});
    // MPOL_PREFERRED without one means the local node.
    if (!takes_none && *mode != MPOL_PREFERRED && policy.nodes.empty())
        return refusal({"linux.memoryPolicy.nodes: ", policy.mode, " needs at least one node"});
    return {};
}

Result<void> check_spec(const Spec& spec, bool is_rootless) {
    const Linux& os = spec.linux;
    URC_TRY_VOID(check_top(spec));
    URC_TRY_VOID(check_process(*spec.process, "process."));
    URC_TRY_VOID(check_namespaces(os));
    URC_TRY_VOID(check_ids(spec, is_rootless));
    URC_TRY_VOID(check_names(spec));
    URC_TRY_VOID(check_mounts(spec, is_rootless));
    URC_TRY_VOID(check_sysctl(spec));
    URC_TRY_VOID(check_time(os));
    URC_TRY_VOID(check_devices(os.devices));
    URC_TRY_VOID(check_resources(os.resources, "linux.resources."));
    URC_TRY_VOID(check_net_devices(os, is_rootless));
    if (os.memory_policy) URC_TRY_VOID(check_memory_policy(*os.memory_policy));
    // "/" is the default class, the group at the root.
    const std::string clos_id = os.intel_rdt ? os.intel_rdt->clos_id : "";
    if (!clos_id.empty() && clos_id != "/" && !is_file_name(clos_id))
        return refusal({"linux.intelRdt.closID: not a name: ", in_quotes(clos_id)});
    return check_hooks(spec.hooks);
}

Result<void> in_document(Result<void> result, std::string_view name) {
    if (result.ok()) return result;
    return std::move(result).error().context(name);
}

}  // namespace
}  // namespace spec

Result<void> validate(const spec::Spec& spec, const ValidateOptions& options) {
    return spec::in_document(spec::check_spec(spec, options.is_rootless), "config.json");
}

Result<void> validate(const spec::Spec& spec) {
    return validate(spec, ValidateOptions{});
}

Result<void> validate_process(const spec::Process& process, std::string_view document) {
    return spec::in_document(spec::check_process(process, ""), document);
}

Result<void> validate_resources(const spec::Resources& resources) {
    return spec::in_document(spec::check_resources(resources, ""), "resources.json");
}

Result<void> validate_resources(const spec::Resources& resources, std::span<const FieldName> names) {
    auto checked = spec::check_resources(resources, "");
    if (checked) return checked;
    const std::string text = checked.error().text();
    const std::string_view field = std::string_view(text).substr(0, text.find(':'));
    for (const FieldName& known : names)
        if (known.field == field) return spec::refusal({known.name, text.substr(field.size())});
    return checked;
}

std::vector<std::string> warnings(const spec::Spec& spec) {
    std::vector<std::string> out;
    auto warn = [&](std::initializer_list<std::string_view> parts) { out.push_back(spec::concat(parts)); };
    if (spec.process && spec.process->capabilities)
        for (const std::string& name : spec.process->capabilities->unknown)
            warn({"process.capabilities: unknown capability ", spec::in_quotes(name), " is passed over"});
    for (std::size_t i = 0; i < spec.mounts.size(); ++i)
        if (!spec::is_absolute(spec.mounts[i].destination))
            warn({spec::indexed("mounts", i), ".destination: ", spec::in_quotes(spec.mounts[i].destination),
                  " is not absolute, taken as below /"});
    const auto& memory = spec.linux.resources.memory;
    if (memory && memory->kernel) warn({"linux.resources.memory.kernel: obsolete, ignored"});
    if (memory && memory->kernel_tcp) warn({"linux.resources.memory.kernelTCP: obsolete, ignored"});
    return out;
}

}  // namespace urc
