// What this urc can do, for callers that adapt to their runtime: CRI-O gives pods user namespaces only when
// idmap is enabled here, podman offers checkpoints only with runc's annotation, containerd looks for `rro`.
//
// Every list comes from the table that the parser itself uses, and what is refused as not supported yet is
// left out, so that neither can promise what the other does not know.
// https://github.com/opencontainers/runtime-spec/blob/main/features-linux.md
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/child/mount_options.h"
#include "core/json_writer.h"
#include "core/runtime.h"
#include "core/seccomp/words.h"
#include "core/spec/names.h"
#include "core/spec/validate.h"
#include "core/version.h"

namespace urc {

namespace {

using Names = std::vector<std::string_view>;

constexpr std::string_view kOciVersionMin = "1.0.0";

void write_names(JsonWriter& json, std::string_view key, Names names) {
    std::sort(names.begin(), names.end());
    json.key(key).begin_array();
    for (std::string_view name : names) json.string(name);
    json.end_array();
}

void write_enabled(JsonWriter& json, std::string_view key, bool is_enabled) {
    json.key(key).begin_object();
    json.key("enabled").boolean(is_enabled);
    json.end_object();
}

bool has_criu() {
    const char* variable = std::getenv("PATH");
    std::string_view path = variable ? variable : "";
    while (!path.empty()) {
        std::string_view directory = path.substr(0, path.find(':'));
        if (!directory.empty() && ::access((std::string(directory) + "/criu").c_str(), X_OK) == 0)
            return true;
        path.remove_prefix(std::min(path.size(), directory.size() + 1));
    }
    return false;
}

// EFAULT: the kernel knows the flag and misses the filter; EINVAL: it does not (seccomp(2)).
bool does_kernel_know(unsigned flag) {
    if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, nullptr) < 0 && errno == EFAULT;
}

void write_hooks(JsonWriter& json) {
    json.key("hooks").begin_array();
    for (std::string_view name : spec::hook_names()) json.string(name);
    json.end_array();
}

void write_seccomp(JsonWriter& json) {
    const seccomp::Words words = seccomp::known_words();
    json.key("seccomp").begin_object();
    json.key("enabled").boolean(true);
    write_names(json, "actions", words.actions);
    write_names(json, "operators", words.operators);
    write_names(json, "archs", words.architectures);
    write_names(json, "knownFlags", words.flags);
    Names supported;
    for (std::string_view name : words.flags)
        if (does_kernel_know(seccomp::flag_by_name(name).value_or(0))) supported.push_back(name);
    write_names(json, "supportedFlags", std::move(supported));
    json.end_object();
}

void write_cgroup(JsonWriter& json) {
    json.key("cgroup").begin_object();
    json.key("v1").boolean(true);
    json.key("v2").boolean(true);
    json.key("systemd").boolean(true);
    json.key("systemdUser").boolean(true);
    json.key("rdma").boolean(true);
    json.end_object();
}

void write_memory_policy(JsonWriter& json) {
    json.key("memoryPolicy").begin_object();
    write_names(json, "modes", spec::memory_policy_mode_names());
    write_names(json, "flags", spec::memory_policy_flag_names());
    json.end_object();
}

void write_linux(JsonWriter& json) {
    Names capabilities;
    for (int number = 0; number < spec::capability_count(); ++number)
        capabilities.push_back(spec::capability_name(number));

    json.key("linux").begin_object();
    write_names(json, "namespaces", spec::namespace_names());
    write_names(json, "capabilities", std::move(capabilities));
    write_cgroup(json);
    write_seccomp(json);
    write_enabled(json, "apparmor", true);
    write_enabled(json, "selinux", true);
    json.key("intelRdt").begin_object();
    for (const char* part : {"enabled", "schemata", "enableMonitoring"}) json.key(part).boolean(true);
    json.end_object();
    write_memory_policy(json);
    json.key("mountExtensions").begin_object();
    write_enabled(json, "idmap", true);
    json.end_object();
    write_enabled(json, "netDevices", true);
    json.end_object();
}

void write_annotations(JsonWriter& json) {
    const scmp_version* library = ::seccomp_version();
    json.key("annotations").begin_object();
    json.key("io.github.seccomp.libseccomp.version")
        .string(std::to_string(library->major) + "." + std::to_string(library->minor) + "." +
                std::to_string(library->micro));
    // runc's word, which podman looks for in every runtime.
    if (has_criu()) json.key("org.opencontainers.runc.checkpoint.enabled").string("true");
    json.key("dev.urc.commit").string(kCommit);
    json.key("dev.urc.version").string(kVersion);
    json.end_object();
}

}  // namespace

std::string describe_features() {
    std::string out;
    JsonWriter json(out, JsonLayout::indented);
    json.begin_object();
    json.key("ociVersionMin").string(kOciVersionMin);
    json.key("ociVersionMax").string(kOciVersion);
    write_hooks(json);
    write_names(json, "mountOptions", child::known_mount_options());
    write_annotations(json);
    // What makes urc, or what it calls, do more than the configuration's own fields say; a prefix ends in a
    // dot.
    write_names(json, "potentiallyUnsafeConfigAnnotations",
                {"bundle", "org.criu.config", "org.systemd.property."});
    write_linux(json);
    json.end_object();
    out += '\n';
    return out;
}

}  // namespace urc
