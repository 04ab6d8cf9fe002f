#include "core/child/labels.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "uring/file.h"

namespace urc::child {

namespace {

constexpr std::string_view kUnconfined = "unconfined";

// The path in backquotes: podman looks for it to tell a label that cannot be set from other failures.
Error cannot(std::string_view what, const Error& error, std::string_view file) {
    return Error(error.code(), what, "write to `/proc/" + std::string(file) + "`");
}

Result<void> apply_apparmor(const Procfs& procfs, const std::string& profile) {
    // Where several modules are active, attr/exec belongs to whichever is the first of them.
    constexpr std::string_view kOwn = "self/attr/apparmor/exec", kShared = "self/attr/exec";
    const std::string wish = "exec " + profile;
    auto has_own = procfs.open_file("self/attr/apparmor", O_PATH);
    bool is_before_5_8 = !has_own.ok() && has_own.error().code() == ENOENT;
    std::string_view file = is_before_5_8 ? kShared : kOwn;
    auto written = procfs.write(file, wish);
    if (!written.ok()) return cannot("unable to apply apparmor profile " + profile, written.error(), file);
    return {};
}

}  // namespace

bool is_apparmor_enabled() {
    // tidy-ok paths-go-through-the-resolver: in the parent, a file of the host's kernel
    auto enabled = read_file_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16);
    return enabled.ok() && enabled->starts_with('Y');
}

// selinuxfs is only there to be mounted where SELinux is on, and it is mounted where a policy is loaded.
bool is_selinux_enabled() {
    struct statfs filesystem;
    return ::statfs("/sys/fs/selinux", &filesystem) == 0 && filesystem.f_type == SELINUX_MAGIC;
}

Result<void> check_labels(const spec::Process& process) {
    const std::string& profile = process.apparmor_profile;
    if (!profile.empty() && profile != kUnconfined && !is_apparmor_enabled())
        return Error::message(
            "unable to apply apparmor profile " + profile + ": apparmor is not enabled on this host",
            ENOTSUP);
    if (!process.selinux_label.empty() && !is_selinux_enabled())
        return Error::message(
            "selinux label is specified in config, but selinux is disabled or not supported", ENOTSUP);
    return {};
}

Result<void> set_labels(const Procfs& procfs, const spec::Process& process) {
    const std::string& profile = process.apparmor_profile;
    if (!profile.empty() && (profile != kUnconfined || is_apparmor_enabled()))
        URC_TRY_VOID(apply_apparmor(procfs, profile));
    if (process.selinux_label.empty()) return {};
    auto written = procfs.write("self/attr/exec", process.selinux_label);
    if (!written.ok())
        return cannot("unable to set process label " + process.selinux_label, written.error(),
                      "self/attr/exec");
    return {};
}

Result<void> set_key_label(const Procfs& procfs, const std::string& label) {
    auto written = procfs.write("self/attr/keycreate", label);
    if (!written.ok())
        return cannot("unable to set the label of keys", written.error(), "self/attr/keycreate");
    return {};
}

}  // namespace urc::child
