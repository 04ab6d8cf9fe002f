// The container's configuration as plain structs: the Linux part of the OCI runtime-spec 1.2 with the
// additions of 1.3. parse.cpp fills them from config.json, validate.cpp refuses what cannot be; nobody else
// reads the JSON.
//
// Names are the specification's own, in snake_case. std::optional means that absence is different from every
// value. Seccomp stays raw text here: on a cache hit nobody needs to read its four hundred names
// (core/seccomp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace urc::spec {

using StringMap = std::vector<std::pair<std::string, std::string>>;  // in the document's order, keys unique

struct ConsoleSize {
    std::uint16_t height = 0;
    std::uint16_t width = 0;
};

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
    std::optional<mode_t> umask;
    std::vector<gid_t> additional_gids;
    std::string username;  // Windows only by the specification; kept for messages
};

// Bit n is capability n (capability.h). `unknown` are names that this urc does not know: warned about,
// skipped.
struct Capabilities {
    std::uint64_t bounding = 0;
    std::uint64_t effective = 0;
    std::uint64_t inheritable = 0;
    std::uint64_t permitted = 0;
    std::uint64_t ambient = 0;
    std::vector<std::string> unknown;
};

struct Rlimit {
    int resource = 0;  // RLIMIT_*
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

struct Scheduler {
    std::uint32_t policy = 0;  // SCHED_*
    std::int32_t nice = 0;
    std::int32_t priority = 0;
    std::uint64_t flags = 0;  // SCHED_FLAG_*
    std::uint64_t runtime = 0;
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
};

struct IoPriority {
    int io_class = 0;  // IOPRIO_CLASS_*
    int priority = 0;
};

struct ExecCpuAffinity {
    std::string initial;  // "0-3,7"
    std::string final;
};

struct Process {
    bool terminal = false;
    std::optional<ConsoleSize> console_size;
    User user;
    std::vector<std::string> args;
    std::vector<std::string> env;
    std::string cwd;
    std::optional<Capabilities> capabilities;  // absent: five empty sets
    std::vector<Rlimit> rlimits;
    bool no_new_privileges = false;
    std::string apparmor_profile;
    std::optional<int> oom_score_adj;
    std::string selinux_label;
    std::optional<Scheduler> scheduler;
    std::optional<IoPriority> io_priority;
    std::optional<ExecCpuAffinity> exec_cpu_affinity;
};

struct Root {
    std::string path;
    bool readonly = false;
};

struct IdMapping {
    std::uint32_t container_id = 0;
    std::uint32_t host_id = 0;
    std::uint32_t size = 0;
};

struct Mount {
    std::string destination;
    std::string type;
    std::string source;
    std::vector<std::string> options;
    std::vector<IdMapping> uid_mappings;
    std::vector<IdMapping> gid_mappings;
};

struct Hook {
    std::string path;
    std::vector<std::string> args;
    std::vector<std::string> env;
    std::optional<int> timeout_s;
};

struct Hooks {
    std::vector<Hook> prestart;
    std::vector<Hook> create_runtime;
    std::vector<Hook> create_container;
    std::vector<Hook> start_container;
    std::vector<Hook> poststart;
    std::vector<Hook> poststop;
    bool empty() const {
        return prestart.empty() && create_runtime.empty() && create_container.empty() &&
               start_container.empty() && poststart.empty() && poststop.empty();
    }
    // Run in the runtime's namespaces while the child waits before pivot_root.
    bool has_any_of_create() const { return !prestart.empty() || !create_runtime.empty(); }
};

enum class NamespaceType : std::uint8_t { pid, network, mount, ipc, uts, user, cgroup, time };

struct Namespace {
    NamespaceType type{};
    std::string path;  // empty: a new one
};

// A device node to make (linux.devices).
struct Device {
    char type = 'c';  // 'c', 'u', 'b' or 'p'
    std::string path;
    std::int64_t major = 0;
    std::int64_t minor = 0;
    std::optional<mode_t> file_mode;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
};

// An access rule (linux.resources.devices). An absent number or type 'a' means any.
struct DeviceRule {
    bool allow = false;
    char type = 'a';
    std::optional<std::int64_t> major;
    std::optional<std::int64_t> minor;
    bool read = false, write = false, mknod = false;
};

struct MemoryResources {
    std::optional<std::int64_t> limit, reservation, swap, kernel, kernel_tcp;
    std::optional<std::uint64_t> swappiness;
    std::optional<bool> disable_oom_killer, use_hierarchy, check_before_update;
};

struct CpuResources {
    std::optional<std::uint64_t> shares;
    std::optional<std::int64_t> quota;
    std::optional<std::uint64_t> burst, period;
    std::optional<std::int64_t> realtime_runtime;
    std::optional<std::uint64_t> realtime_period;
    std::string cpus, mems;
    std::optional<std::int64_t> idle;
};

struct WeightDevice {
    std::int64_t major = 0, minor = 0;
    std::optional<std::uint16_t> weight, leaf_weight;
};

struct ThrottleDevice {
    std::int64_t major = 0, minor = 0;
    std::uint64_t rate = 0;
};

struct BlockIoResources {
    std::optional<std::uint16_t> weight, leaf_weight;
    std::vector<WeightDevice> weight_device;
    std::vector<ThrottleDevice> throttle_read_bps, throttle_write_bps, throttle_read_iops,
        throttle_write_iops;
};

struct HugepageLimit {
    std::string page_size;  // "2MB"
    std::uint64_t limit = 0;
};

struct NetworkPriority {
    std::string name;
    std::uint32_t priority = 0;
};

struct RdmaLimit {
    std::string device;
    std::optional<std::uint32_t> hca_handles, hca_objects;
};

struct Resources {
    std::vector<DeviceRule> devices;
    std::optional<MemoryResources> memory;
    std::optional<CpuResources> cpu;
    std::optional<std::int64_t> pids_limit;
    std::optional<BlockIoResources> block_io;
    std::vector<HugepageLimit> hugepage_limits;
    std::optional<std::uint32_t> network_class_id;
    std::vector<NetworkPriority> network_priorities;
    std::vector<RdmaLimit> rdma;
    StringMap unified;
};

struct TimeOffset {
    std::int64_t secs = 0;
    std::uint32_t nanosecs = 0;
};

struct IntelRdt {
    std::string clos_id, l3_cache_schema, mem_bw_schema;
    std::vector<std::string> schemata;
    bool enable_cmt = false, enable_mbm = false, enable_monitoring = false;
};

struct MemoryPolicy {
    std::string mode;                // memory_policy_mode() of names.h knows it
    std::string nodes;               // "0-3,7"
    std::vector<std::string> flags;  // memory_policy_flag()
};
inline constexpr std::size_t kMemoryNodesMax = 1024;  // of the kernel, at most (MAX_NUMNODES)

struct NetDevice {
    std::string host_name;
    std::string name;  // inside; empty: unchanged
};

enum class Propagation : std::uint8_t {
    unset,
    rprivate,
    rslave,
    rshared,
    runbindable,
    priv,
    slave,
    shared,
    unbindable
};

struct Linux {
    std::vector<Namespace> namespaces;
    std::vector<IdMapping> uid_mappings;
    std::vector<IdMapping> gid_mappings;
    std::vector<Device> devices;
    std::string cgroups_path;
    Resources resources;
    Propagation rootfs_propagation = Propagation::unset;
    std::string seccomp;  // raw JSON text of the object; empty: none
    StringMap sysctl;
    std::vector<std::string> masked_paths;
    std::vector<std::string> readonly_paths;
    std::string mount_label;
    std::optional<IntelRdt> intel_rdt;
    std::optional<std::uint32_t> personality;  // PER_LINUX or PER_LINUX32
    std::optional<TimeOffset> monotonic_offset, boottime_offset;
    std::optional<MemoryPolicy> memory_policy;
    std::vector<NetDevice> net_devices;

    const Namespace* find(NamespaceType type) const {
        for (const Namespace& ns : namespaces)
            if (ns.type == type) return &ns;
        return nullptr;
    }
    bool has_new(NamespaceType type) const {
        const Namespace* ns = find(type);
        return ns && ns->path.empty();
    }
};

struct Spec {
    std::string oci_version;
    std::optional<Process> process;
    std::optional<Root> root;
    std::string hostname;
    std::string domainname;
    std::vector<Mount> mounts;
    Hooks hooks;
    StringMap annotations;
    Linux linux;  // -std=c++20 without GNU extensions does not define `linux` as a macro
};

}  // namespace urc::spec
