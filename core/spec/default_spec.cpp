#include "core/spec/default_spec.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <string_view>

#include "core/version.h"

namespace urc {
namespace {

// The text in three kinds of pieces: common to both, rooted only, rootless only. Written out whole, as the
// reader of this file wants to see the document and not its assembly.
constexpr std::string_view kBegin = R"(",
	"process": {
		"terminal": true,
		"user": {
			"uid": 0,
			"gid": 0
		},
		"args": [
			"sh"
		],
		"env": [
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"TERM=xterm"
		],
		"cwd": "/",
		"capabilities": {
			"bounding": [
				"CAP_AUDIT_WRITE",
				"CAP_KILL",
				"CAP_NET_BIND_SERVICE"
			],
			"effective": [
				"CAP_AUDIT_WRITE",
				"CAP_KILL",
				"CAP_NET_BIND_SERVICE"
			],
			"permitted": [
				"CAP_AUDIT_WRITE",
				"CAP_KILL",
				"CAP_NET_BIND_SERVICE"
			]
		},
		"rlimits": [
			{
				"type": "RLIMIT_NOFILE",
				"hard": 1024,
				"soft": 1024
			}
		],
		"noNewPrivileges": true
	},
	"root": {
		"path": "rootfs",
		"readonly": true
	},
	"hostname": "urc",
	"mounts": [
		{
			"destination": "/proc",
			"type": "proc",
			"source": "proc"
		},
		{
			"destination": "/dev",
			"type": "tmpfs",
			"source": "tmpfs",
			"options": [
				"nosuid",
				"strictatime",
				"mode=755",
				"size=65536k"
			]
		},
		{
			"destination": "/dev/pts",
			"type": "devpts",
			"source": "devpts",
			"options": [
				"nosuid",
				"noexec",
				"newinstance",
				"ptmxmode=0666",
				"mode=0620")";

// Group 5 (tty) is not mapped in a rootless container.
constexpr std::string_view kRootedPts = R"(,
				"gid=5")";

constexpr std::string_view kMiddle = R"(
			]
		},
		{
			"destination": "/dev/shm",
			"type": "tmpfs",
			"source": "shm",
			"options": [
				"nosuid",
				"noexec",
				"nodev",
				"mode=1777",
				"size=65536k"
			]
		},
		{
			"destination": "/dev/mqueue",
			"type": "mqueue",
			"source": "mqueue",
			"options": [
				"nosuid",
				"noexec",
				"nodev"
			]
		},
		{
			"destination": "/sys",
			)";

constexpr std::string_view kRootedSys = R"("type": "sysfs",
			"source": "sysfs",
			"options": [)";

// sysfs belongs to the network namespace, and that is the host's.
constexpr std::string_view kRootlessSys = R"("type": "none",
			"source": "/sys",
			"options": [
				"rbind",)";

constexpr std::string_view kAfterSys = R"(
				"nosuid",
				"noexec",
				"nodev",
				"ro"
			]
		},
		{
			"destination": "/sys/fs/cgroup",
			"type": "cgroup",
			"source": "cgroup",
			"options": [
				"nosuid",
				"noexec",
				"nodev",
				"relatime",
				"ro"
			]
		}
	],
	"linux": {
)";

constexpr std::string_view kRootedLinux = R"(		"resources": {
			"devices": [
				{
					"allow": false,
					"access": "rwm"
				}
			]
		},
		"namespaces": [
			{
				"type": "pid"
			},
			{
				"type": "network"
			},
			{
				"type": "ipc"
			},
			{
				"type": "uts"
			},
			{
				"type": "mount"
			})";

constexpr std::string_view kRootlessNamespaces = R"(		"namespaces": [
			{
				"type": "pid"
			},
			{
				"type": "ipc"
			},
			{
				"type": "uts"
			},
			{
				"type": "mount"
			},
			{
				"type": "user"
			})";

constexpr std::string_view kCgroupNamespace = R"(,
			{
				"type": "cgroup"
			})";

constexpr std::string_view kEnd = R"(
		],
		"maskedPaths": [
			"/proc/acpi",
			"/proc/asound",
			"/proc/kcore",
			"/proc/keys",
			"/proc/latency_stats",
			"/proc/timer_list",
			"/proc/timer_stats",
			"/proc/sched_debug",
			"/sys/firmware",
			"/proc/scsi"
		],
		"readonlyPaths": [
			"/proc/bus",
			"/proc/fs",
			"/proc/irq",
			"/proc/sys",
			"/proc/sysrq-trigger"
		]
	}
})";

void append_mapping(std::string& out, std::string_view name, unsigned host_id) {
    out.append("\t\t\"").append(name).append("\": [\n\t\t\t{\n\t\t\t\t\"containerID\": 0,\n");
    out.append("\t\t\t\t\"hostID\": ").append(std::to_string(host_id)).append(",\n");
    out.append("\t\t\t\t\"size\": 1\n\t\t\t}\n\t\t],\n");
}

}  // namespace

std::string default_spec(bool rootless, uid_t uid, gid_t gid) {
    struct statfs mounted {};
    bool is_unified = ::statfs("/sys/fs/cgroup", &mounted) == 0 && mounted.f_type == CGROUP2_SUPER_MAGIC;
    return default_spec(rootless, uid, gid, is_unified);
}

std::string default_spec(bool rootless, uid_t uid, gid_t gid, bool is_unified) {
    std::string out;
    out.reserve(4096);
    out.append("{\n\t\"ociVersion\": \"").append(kOciVersion).append(kBegin);
    if (!rootless) out.append(kRootedPts);
    out.append(kMiddle).append(rootless ? kRootlessSys : kRootedSys).append(kAfterSys);
    if (rootless) {
        append_mapping(out, "uidMappings", uid);
        append_mapping(out, "gidMappings", gid);
        out.append(kRootlessNamespaces);
    } else {
        out.append(kRootedLinux);
    }
    if (is_unified) out.append(kCgroupNamespace);
    return out.append(kEnd);
}

}  // namespace urc
