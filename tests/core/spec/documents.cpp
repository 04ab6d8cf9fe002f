#include "tests/core/spec/documents.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "uring/file.h"

namespace urc::test {

const std::string_view kEveryField = R"({
  "ociVersion": "1.2.1",
  "process": {
    "terminal": true,
    "consoleSize": {"height": 25, "width": 80},
    "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [5, 6], "username": "u"},
    "args": ["sh", "-c", "echo \u00e9\n"],
    "env": ["PATH=/bin", "A=1\n2"],
    "cwd": "/tmp",
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"], "effective": ["CAP_KILL"], "inheritable": [],
      "permitted": ["CAP_NET_ADMIN", "CAP_FROB"], "ambient": ["CAP_SYS_ADMIN", "CAP_FROB", "cap_kill"]
    },
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 2048, "soft": 1024},
                {"type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 0}],
    "noNewPrivileges": true,
    "apparmorProfile": "profile",
    "oomScoreAdj": -500,
    "selinuxLabel": "system_u:system_r:t",
    "scheduler": {"policy": "SCHED_DEADLINE", "nice": 3, "priority": 4, "runtime": 10, "deadline": 20,
                  "period": 30, "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"]},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    "execCPUAffinity": {"initial": "0-3,7", "final": "1"}
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "host",
  "domainname": "domain",
  "mounts": [{"destination": "/d", "type": "t", "source": "/s", "options": ["rbind", "ro"],
              "uidMappings": [{"containerID": 1, "hostID": 2, "size": 3}],
              "gidMappings": [{"containerID": 4, "hostID": 5, "size": 6}]}],
  "hooks": {
    "prestart": [{"path": "/1", "args": ["1", "x"], "env": ["K=V"], "timeout": 9}],
    "createRuntime": [{"path": "/2"}], "createContainer": [{"path": "/3"}],
    "startContainer": [{"path": "/4"}], "poststart": [{"path": "/5"}], "poststop": [{"path": "/6"}]
  },
  "annotations": {"a": "1", "b.c": "2"},
  "linux": {
    "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
    "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 20}, {"containerID": 20, "hostID": 3000, "size": 1}],
    "sysctl": {"net.ipv4.ip_forward": "1", "kernel.sem": "1 2 3 4"},
    "resources": {
      "devices": [{"allow": false, "access": "rwm"},
                  {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"},
                  {"allow": true, "type": "b", "major": 8, "minor": -1, "access": "m"}],
      "memory": {"limit": 1, "reservation": 2, "swap": -1, "kernel": 4, "kernelTCP": 5, "swappiness": 6,
                 "disableOOMKiller": true, "useHierarchy": false, "checkBeforeUpdate": true},
      "cpu": {"shares": 1, "quota": -1, "burst": 3, "period": 4, "realtimeRuntime": 5, "realtimePeriod": 6,
              "cpus": "0-1", "mems": "0", "idle": 1},
      "pids": {"limit": 64},
      "blockIO": {"weight": 10, "leafWeight": 11,
                  "weightDevice": [{"major": 8, "minor": 1, "weight": 12, "leafWeight": 13}],
                  "throttleReadBpsDevice": [{"major": 8, "minor": 2, "rate": 14}],
                  "throttleWriteBpsDevice": [{"major": 8, "minor": 3, "rate": 15}],
                  "throttleReadIOPSDevice": [{"major": 8, "minor": 4, "rate": 16}],
                  "throttleWriteIOPSDevice": [{"major": 8, "minor": 5, "rate": 17}]},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 18}],
      "network": {"classID": 19, "priorities": [{"name": "eth0", "priority": 20}]},
      "rdma": {"mlx5_1": {"hcaHandles": 21, "hcaObjects": 22}},
      "unified": {"memory.high": "23"}
    },
    "cgroupsPath": "/a/b",
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/n"}, {"type": "mount"}, {"type": "ipc"},
                   {"type": "uts"}, {"type": "user"}, {"type": "cgroup"}, {"type": "time"}],
    "devices": [{"path": "/dev/x", "type": "c", "major": 10, "minor": 200, "fileMode": 8630, "uid": 7, "gid": 8}],
    "netDevices": {"eth1": {"name": "inner"}, "eth2": {}},
    "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a}]"]}]},
    "rootfsPropagation": "rslave",
    "maskedPaths": ["/proc/kcore"],
    "readonlyPaths": ["/proc/sys"],
    "mountLabel": "label",
    "intelRdt": {"closID": "c", "schemata": ["L3:0=f"], "l3CacheSchema": "l3", "memBwSchema": "mb",
                 "enableCMT": true, "enableMBM": true, "enableMonitoring": true},
    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    "personality": {"domain": "LINUX32", "flags": []},
    "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 6}, "boottime": {"secs": 7, "nanosecs": 8}}
  },
  "windows": {"anything": [1, 2.5e3, true, null]},
  "vm": {"kernel": {"path": 7}}
})";

const std::string_view kPlain = R"({
  "ociVersion": "1.0.2-dev",
  "process": {"args": ["sh"], "cwd": "/", "env": ["PATH=/bin"]},
  "root": {"path": "rootfs"},
  "linux": {"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "mount"}, {"type": "ipc"},
                           {"type": "uts"}, {"type": "cgroup"}]}
})";

std::string nest(std::string_view path, std::string_view value) {
    std::string head;
    std::string tail;
    while (!path.empty()) {
        std::string_view key;
        if (path.front() == '"') {
            key = path.substr(1, path.find('"', 1) - 1);
            path.remove_prefix(key.size() + 2);
        } else {
            key = path.substr(0, path.find_first_of(".["));
            path.remove_prefix(key.size());
        }
        head.append("{\"").append(key).append("\": ");
        tail.insert(0, "}");
        if (path.substr(0, 3) == "[0]") {
            head += "[";
            tail.insert(0, "]");
            path.remove_prefix(3);
        }
        if (!path.empty()) path.remove_prefix(1);  // the dot
    }
    return head.append(value).append(tail);
}

std::string docker_like() {
    auto text = read_file_at(AT_FDCWD, URC_SOURCE_DIR "/tests/data/docker-like-config.json");
    EXPECT_TRUE(text.ok());
    return text.ok() ? *text : std::string();
}

}  // namespace urc::test
