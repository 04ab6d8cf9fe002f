// Puts the device rules into force: a program on cgroup2, devices.allow and devices.deny on v1.
#include "core/cgroup/limits.h"

#include <fcntl.h>

#include "core/cgroup/control.h"
#include "core/cgroup/device_bpf.h"
#include "core/cgroup/device_rules.h"
#include "uring/file.h"

namespace urc::cgroup {

namespace {

// Neither bpf(2) nor devices.allow can be had in a user namespace, where no device node can be made either.
bool is_in_user_namespace() {
    auto map = read_file_at(AT_FDCWD, "/proc/self/uid_map", 4096);
    if (!map.ok()) return false;
    return map->find("4294967295") == std::string::npos;
}

bool is_forgivable(int code) {
    return (code == EPERM || code == EACCES) && is_in_user_namespace();
}

Result<void> write_list(const Directory& directory, const std::vector<DeviceWrite>& writes) {
    int dir = directory.fd.get();
    Fd allow, deny;
    for (const DeviceWrite& write : writes) {
        Fd& fd = write.allow ? allow : deny;
        const char* file = write.allow ? "devices.allow" : "devices.deny";
        if (!fd) fd = Fd(::openat(dir, file, O_WRONLY | O_CLOEXEC));
        if (fd && ::write(fd.get(), write.line.data(), write.line.size()) >= 0) continue;
        int code = errno;
        if (is_forgivable(code)) return {};
        return write_error(code, directory, file, write.line);
    }
    return {};
}

}  // namespace

Result<void> apply_devices_v1(const Directory& directory, const std::vector<spec::DeviceRule>& rules) {
    URC_TRY(DeviceState wanted, device_state(complete_rules(rules)));
    if (directory.is_fresh) return write_list(directory, all_writes(wanted));
    URC_TRY(std::string list, read_control(directory.fd.get(), "devices.list"));
    return write_list(directory, change_writes(parse_device_list(list), wanted));
}

Result<void> apply_devices_v2(const Directory& directory, const std::vector<spec::DeviceRule>& rules) {
    std::vector<DeviceRuleLine> lines = complete_rules(rules);
    // Nothing is forbidden as long as there is no program.
    if (directory.is_fresh && allows_all(lines)) return {};
    auto program = load_device_program(compile_device_program(lines));
    Result<void> attached =
        program.ok() ? attach_device_program(directory.fd.get(), program->get(),
                                             directory.is_fresh ? Attached::nothing_yet : Attached::maybe)
                     : Result<void>(std::move(program).error());
    if (attached.ok() || is_forgivable(attached.error().code())) return {};
    return attached;
}

}  // namespace urc::cgroup
