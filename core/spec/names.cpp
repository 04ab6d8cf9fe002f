#include "core/spec/names.h"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

namespace urc::spec {
namespace {

// In the kernel's order (linux/capability.h): the index is the number.
constexpr std::string_view kCapabilities[] = {"CAP_CHOWN",
                                              "CAP_DAC_OVERRIDE",
                                              "CAP_DAC_READ_SEARCH",
                                              "CAP_FOWNER",
                                              "CAP_FSETID",
                                              "CAP_KILL",
                                              "CAP_SETGID",
                                              "CAP_SETUID",
                                              "CAP_SETPCAP",
                                              "CAP_LINUX_IMMUTABLE",
                                              "CAP_NET_BIND_SERVICE",
                                              "CAP_NET_BROADCAST",
                                              "CAP_NET_ADMIN",
                                              "CAP_NET_RAW",
                                              "CAP_IPC_LOCK",
                                              "CAP_IPC_OWNER",
                                              "CAP_SYS_MODULE",
                                              "CAP_SYS_RAWIO",
                                              "CAP_SYS_CHROOT",
                                              "CAP_SYS_PTRACE",
                                              "CAP_SYS_PACCT",
                                              "CAP_SYS_ADMIN",
                                              "CAP_SYS_BOOT",
                                              "CAP_SYS_NICE",
                                              "CAP_SYS_RESOURCE",
                                              "CAP_SYS_TIME",
                                              "CAP_SYS_TTY_CONFIG",
                                              "CAP_MKNOD",
                                              "CAP_LEASE",
                                              "CAP_AUDIT_WRITE",
                                              "CAP_AUDIT_CONTROL",
                                              "CAP_SETFCAP",
                                              "CAP_MAC_OVERRIDE",
                                              "CAP_MAC_ADMIN",
                                              "CAP_SYSLOG",
                                              "CAP_WAKE_ALARM",
                                              "CAP_BLOCK_SUSPEND",
                                              "CAP_AUDIT_READ",
                                              "CAP_PERFMON",
                                              "CAP_BPF",
                                              "CAP_CHECKPOINT_RESTORE"};
constexpr std::size_t kCapabilityCount = std::size(kCapabilities);

// The numbers again, by name, for a binary search: docker's configuration asks for 42 of them. Made by the
// compiler.
constexpr auto kCapabilitiesByName = [] {
    std::array<std::uint8_t, kCapabilityCount> order{};
    for (std::size_t i = 0; i < kCapabilityCount; ++i) order[i] = static_cast<std::uint8_t>(i);
    std::sort(order.begin(), order.end(),
              [](std::uint8_t a, std::uint8_t b) { return kCapabilities[a] < kCapabilities[b]; });
    return order;
}();

template <typename T>
struct Name {
    std::string_view name;
    T value;
};

template <typename T>
std::optional<T> find_value(std::span<const Name<T>> names, std::string_view name) {
    for (const Name<T>& entry : names)
        if (entry.name == name) return entry.value;
    return std::nullopt;
}

template <typename T>
std::string_view find_name(std::span<const Name<T>> names, T value) {
    for (const Name<T>& entry : names)
        if (entry.value == value) return entry.name;
    return {};
}

constexpr Name<int> kRlimits[] = {{"RLIMIT_AS", RLIMIT_AS},
                                  {"RLIMIT_CORE", RLIMIT_CORE},
                                  {"RLIMIT_CPU", RLIMIT_CPU},
                                  {"RLIMIT_DATA", RLIMIT_DATA},
                                  {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                  {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                  {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                  {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                  {"RLIMIT_NICE", RLIMIT_NICE},
                                  {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                  {"RLIMIT_NPROC", RLIMIT_NPROC},
                                  {"RLIMIT_RSS", RLIMIT_RSS},
                                  {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                  {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                  {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                  {"RLIMIT_STACK", RLIMIT_STACK}};

constexpr Name<NamespaceType> kNamespaces[] = {
    {"pid", NamespaceType::pid},       {"network", NamespaceType::network}, {"mount", NamespaceType::mount},
    {"ipc", NamespaceType::ipc},       {"uts", NamespaceType::uts},         {"user", NamespaceType::user},
    {"cgroup", NamespaceType::cgroup}, {"time", NamespaceType::time}};

constexpr Name<Propagation> kPropagations[] = {{"", Propagation::unset},
                                               {"rprivate", Propagation::rprivate},
                                               {"rslave", Propagation::rslave},
                                               {"rshared", Propagation::rshared},
                                               {"runbindable", Propagation::runbindable},
                                               {"private", Propagation::priv},
                                               {"slave", Propagation::slave},
                                               {"shared", Propagation::shared},
                                               {"unbindable", Propagation::unbindable}};

// SCHED_ISO (4) is reserved in the kernel and refused by it; glibc's sched.h knows no SCHED_DEADLINE.
constexpr Name<std::uint32_t> kPolicies[] = {
    {"SCHED_OTHER", SCHED_NORMAL},     {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},      {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE}};

constexpr Name<std::uint64_t> kSchedulerFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
                                                   {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
                                                   {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
                                                   {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
                                                   {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
                                                   {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
                                                   {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}};

// Numbers of linux/ioprio.h, which is not C++.
constexpr Name<int> kIoClasses[] = {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};

constexpr Name<std::uint32_t> kDomains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}};

// set_mempolicy(2). Weighted interleaving came with Linux 6.9.
constexpr unsigned kWeightedInterleave = 6;
constexpr Name<unsigned> kMemoryModes[] = {{"MPOL_DEFAULT", MPOL_DEFAULT},
                                           {"MPOL_PREFERRED", MPOL_PREFERRED},
                                           {"MPOL_BIND", MPOL_BIND},
                                           {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
                                           {"MPOL_LOCAL", MPOL_LOCAL},
                                           {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
                                           {"MPOL_WEIGHTED_INTERLEAVE", kWeightedInterleave}};
constexpr Name<unsigned> kMemoryFlags[] = {{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
                                           {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
                                           {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING}};

template <typename T, std::size_t N>
std::vector<std::string_view> all_names(const Name<T> (&names)[N]) {
    std::vector<std::string_view> words;
    for (const Name<T>& entry : names) words.push_back(entry.name);
    return words;
}

}  // namespace

std::optional<int> capability_number(std::string_view name) {
    auto found = std::lower_bound(
        kCapabilitiesByName.begin(), kCapabilitiesByName.end(), name,
        [](std::uint8_t number, std::string_view wanted) { return kCapabilities[number] < wanted; });
    if (found == kCapabilitiesByName.end() || kCapabilities[*found] != name) return std::nullopt;
    return *found;
}

std::string_view capability_name(int number) {
    if (number < 0 || number >= capability_count()) return {};
    return kCapabilities[static_cast<std::size_t>(number)];
}

int capability_count() {
    return static_cast<int>(kCapabilityCount);
}

std::optional<int> rlimit_number(std::string_view name) {
    return find_value<int>(kRlimits, name);
}
std::string_view rlimit_name(int resource) {
    return find_name<int>(kRlimits, resource);
}
std::optional<NamespaceType> namespace_type(std::string_view name) {
    return find_value<NamespaceType>(kNamespaces, name);
}
std::string_view namespace_name(NamespaceType type) {
    return find_name<NamespaceType>(kNamespaces, type);
}
std::optional<Propagation> propagation(std::string_view name) {
    return find_value<Propagation>(kPropagations, name);
}
std::optional<std::uint32_t> scheduler_policy(std::string_view name) {
    return find_value<std::uint32_t>(kPolicies, name);
}
std::optional<std::uint64_t> scheduler_flag(std::string_view name) {
    return find_value<std::uint64_t>(kSchedulerFlags, name);
}
std::optional<int> io_priority_class(std::string_view name) {
    return find_value<int>(kIoClasses, name);
}
std::optional<std::uint32_t> personality_domain(std::string_view name) {
    return find_value<std::uint32_t>(kDomains, name);
}

std::optional<unsigned> memory_policy_mode(std::string_view name) {
    return find_value<unsigned>(kMemoryModes, name);
}
std::optional<unsigned> memory_policy_flag(std::string_view name) {
    return find_value<unsigned>(kMemoryFlags, name);
}

std::vector<std::string_view> namespace_names() {
    return all_names(kNamespaces);
}
std::vector<std::string_view> memory_policy_mode_names() {
    return all_names(kMemoryModes);
}
std::vector<std::string_view> memory_policy_flag_names() {
    return all_names(kMemoryFlags);
}

}  // namespace urc::spec
