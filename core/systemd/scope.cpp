#include "core/systemd/scope.h"

#include <fcntl.h>

#include <iterator>

#include "core/systemd/limits.h"
#include "uring/file.h"

namespace urc::systemd {

namespace {

constexpr std::size_t kProcDevicesMax = 1 << 16;

Properties scope_properties(std::string_view id, pid_t init, bool is_v2) {
    Properties properties;
    properties.push_back(property("Description", "urc container " + std::string(id)));
    properties.push_back(property("Delegate", true));
    properties.push_back({"PIDs", "au", {static_cast<std::uint64_t>(init)}});
    // All controllers that a limit may need later: joining the memory controller late loses what was used.
    for (std::string_view accounting : {"MemoryAccounting", "CPUAccounting", "TasksAccounting"})
        properties.push_back(property(accounting, true));
    properties.push_back(property(is_v2 ? "IOAccounting" : "BlockIOAccounting", true));
    // The ones of a scope would have it stopped at shutdown before its engine.
    properties.push_back(property("DefaultDependencies", false));
    return properties;
}

void append(Properties& all, Properties more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Scope::Scope(Bus bus, UnitName name, std::string path, std::string_view id)
    : bus_(std::move(bus)), name_(std::move(name)), path_(std::move(path)), id_(id) {}

Result<Scope> Scope::find(Instance instance, std::string_view cgroups_path, std::string_view id) {
    URC_TRY(UnitName name, unit_name(cgroups_path, id, instance));
    URC_TRY(std::string below, slice_path(name.slice));
    URC_TRY(Bus bus, Bus::connect(instance));
    URC_TRY(std::string path, bus.control_group());
    path.append(below).append("/").append(name.scope);
    return Scope(std::move(bus), std::move(name), std::move(path), id);
}

Result<void> Scope::start(pid_t init, const spec::Spec& spec, cgroup::Cgroup& group) {
    bool is_v2 = group.version() == cgroup::Version::v2;
    Properties properties = scope_properties(id_, init, is_v2);
    // Before the limits, which a container's creator cannot lift by an annotation.
    URC_TRY(Properties annotated, annotated_properties(spec.annotations));
    append(properties, std::move(annotated));
    URC_TRY(unsigned version, bus_.version());
    const spec::Resources& resources = spec.linux.resources;
    URC_TRY(Properties limits,
            limit_properties(resources, {.version = group.version(), .systemd_version = version}));
    append(properties, std::move(limits));
    if (!is_v2) {
        URC_TRY(std::string devices, read_file_at(AT_FDCWD, "/proc/devices", kProcDevicesMax));
        URC_TRY(Properties rules, device_properties(resources.devices, devices));
        append(properties, std::move(rules));
    }
    auto started = bus_.start_scope(name_, std::move(properties));
    // After anything but a refusal the unit may be there.
    is_started_ = started.ok() || started.error().code() == ETIMEDOUT || started.error().code() == EPROTO;
    URC_TRY_VOID(std::move(started));
    return group.adopt(init);
}

void Scope::abandon() {
    if (is_started_) (void)bus_.stop(name_.scope);
}

Result<void> update_unit(Instance instance, std::string_view unit, const spec::Resources& resources,
                         cgroup::Version version) {
    URC_TRY(Bus bus, Bus::connect(instance));
    URC_TRY(unsigned systemd_version, bus.version());
    URC_TRY(Properties properties,
            limit_properties(resources, {.version = version, .systemd_version = systemd_version}));
    return bus.set_properties(unit, properties);
}

Result<void> stop_unit(Instance instance, std::string_view unit) {
    URC_TRY(Bus bus, Bus::connect(instance));
    return bus.stop(unit);
}

}  // namespace urc::systemd
