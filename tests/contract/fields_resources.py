"""config.json: linux.resources, linux.cgroupsPath and linux.seccomp."""
import json
import os
import re
import socket
import threading

from registry import Skip, all_of, check, need, put, refused, refuses, same, section, shows
from runtime import patience, read

section("resources")


def limit(row, path, value, v1, v2, want1, want2=None, more=None):
    """A running container whose cgroup file says `want1` (v1) or `want2` (v2)."""
    @check("linux.resources." + row, "is written")
    def act(runtime):
        needs_skip(v1, v2)
        bundle = runtime.hold(all_of(put("linux.resources." + path, value), *(more or ())))
        got = runtime.cgroup_value(bundle, v1, v2)
        want = want2 if unified() and want2 is not None else want1
        if callable(want):
            need(want(got), "the file says " + got)
        else:
            same(got, want, v2 if unified() else v1)


def unified():
    return os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def needs_skip(v1, v2):
    """Skips when this host lacks the controller or the file: asked before the container, which would be refused."""
    if unified():
        if v2 is None:
            raise Skip("not in cgroup v2")
        controller = v2.split(".")[0]
        if controller not in ("cgroup",) and controller not in read("/sys/fs/cgroup/cgroup.controllers").split():
            raise Skip("no %s controller on this host" % controller)
        return
    if v1 is None:
        raise Skip("only in cgroup v2")
    controller, file = v1.split("/")
    directory = "/sys/fs/cgroup/" + controller
    if not os.path.isdir(directory):
        raise Skip("no %s controller on this host" % controller)
    if not os.path.exists(directory + "/" + file) and not os.path.exists(some_child(directory) + "/" + file):
        raise Skip("this kernel has no " + file)


def some_child(directory):
    return next((e.path for e in os.scandir(directory) if e.is_dir(follow_symlinks=False)), directory)


MB = 1 << 20
limit("memory.limit", "memory", {"limit": 64 * MB}, "memory/memory.limit_in_bytes", "memory.max", str(64 * MB))
limit("memory.reservation", "memory", {"reservation": 32 * MB}, "memory/memory.soft_limit_in_bytes", "memory.low",
      str(32 * MB))
limit("memory.swap", "memory", {"limit": 64 * MB, "swap": 96 * MB}, "memory/memory.memsw.limit_in_bytes",
      "memory.swap.max", str(96 * MB), str(32 * MB))
limit("memory.swappiness", "memory", {"swappiness": 17}, "memory/memory.swappiness", None, "17")
limit("memory.disableOOMKiller", "memory", {"limit": 64 * MB, "disableOOMKiller": True}, "memory/memory.oom_control",
      None, lambda got: "oom_kill_disable 1" in got)
limit("memory.kernelTCP", "memory", {"kernelTCP": 8 * MB}, "memory/memory.kmem.tcp.limit_in_bytes", None, str(8 * MB))
shows("linux.resources.memory.kernel", put("linux.resources.memory", {"kernel": 8 * MB}), "echo fine", "fine",
      "is obsolete, and ignored")
shows("linux.resources.memory.useHierarchy", put("linux.resources.memory", {"useHierarchy": True}), "echo fine", "fine",
      "is always so")
shows("linux.resources.memory.checkBeforeUpdate", put("linux.resources.memory", {"checkBeforeUpdate": True}),
      "echo fine", "fine", "is taken")
limit("cpu.shares", "cpu", {"shares": 2048}, "cpu/cpu.shares", "cpu.weight", "2048", lambda got: int(got) > 70)
limit("cpu.quota", "cpu", {"quota": 20000, "period": 50000}, "cpu/cpu.cfs_quota_us", "cpu.max", "20000", "20000 50000")
limit("cpu.period", "cpu", {"quota": 20000, "period": 50000}, "cpu/cpu.cfs_period_us", "cpu.max", "50000",
      "20000 50000")
limit("cpu.burst", "cpu", {"quota": 20000, "period": 50000, "burst": 10000}, "cpu/cpu.cfs_burst_us", "cpu.max.burst",
      "10000")
limit("cpu.realtimeRuntime", "cpu", {"realtimeRuntime": 0}, "cpu/cpu.rt_runtime_us", None, "0")
limit("cpu.realtimePeriod", "cpu", {"realtimePeriod": 1000000}, "cpu/cpu.rt_period_us", None, "1000000")
limit("cpu.cpus", "cpu", {"cpus": "0"}, "cpuset/cpuset.cpus", "cpuset.cpus", "0")
limit("cpu.mems", "cpu", {"mems": "0"}, "cpuset/cpuset.mems", "cpuset.mems", "0")
limit("cpu.idle", "cpu", {"idle": 1}, "cpu/cpu.idle", "cpu.idle", "1")
limit("pids.limit", "pids", {"limit": 77}, "pids/pids.max", "pids.max", "77")
limit("pids.limit", "pids", {"limit": -1}, "pids/pids.max", "pids.max", "max")
limit("blockIO.weight", "blockIO", {"weight": 300}, "blkio/blkio.bfq.weight", "io.bfq.weight",
      lambda got: "300" in got)
limit("blockIO.leafWeight", "blockIO", {"leafWeight": 300}, "blkio/blkio.leaf_weight", None, "300")
limit("hugepageLimits", "hugepageLimits", [{"pageSize": "2MB", "limit": 4 * MB}], "hugetlb/hugetlb.2MB.limit_in_bytes",
      "hugetlb.2MB.max", str(4 * MB))
limit("network.classID", "network", {"classID": 0x100001}, "net_cls/net_cls.classid", None, str(0x100001))
limit("network.priorities", "network", {"priorities": [{"name": "lo", "priority": 3}]}, "net_prio/net_prio.ifpriomap",
      None, lambda got: "lo 3" in got)
limit("unified", "unified", {"memory.high": "50000000"}, None, "memory.high", lambda got: got.startswith("4999"))


def block_device():
    for name in sorted(os.listdir("/sys/block")):
        if not name.startswith(("loop", "ram", "zram")):
            return [int(n) for n in read("/sys/block/%s/dev" % name).split(":")]
    raise Skip("no block device")


for field, v1 in (("throttleReadBpsDevice", "read_bps"), ("throttleWriteBpsDevice", "write_bps"),
                  ("throttleReadIOPSDevice", "read_iops"), ("throttleWriteIOPSDevice", "write_iops")):
    def throttle(runtime, field=field, v1=v1):
        file = "blkio.throttle.%s_device" % v1
        needs_skip("blkio/" + file, "io.max")
        major, minor = block_device()
        bundle = runtime.hold(put("linux.resources.blockIO", {field: [{"major": major, "minor": minor, "rate": 4096}]}))
        got = runtime.cgroup_value(bundle, "blkio/" + file, "io.max")
        need("%d:%d" % (major, minor) in got and "4096" in got, "the file says " + got)
    check("linux.resources.blockIO." + field, "is written")(throttle)

RULES = [{"allow": False, "access": "rwm"}]
shows("linux.resources.devices", put("linux.resources.devices", RULES),
      "mknod /dev/x c 1 1 && cat /dev/x 2>&1; head -c1 /dev/zero | wc -c", re.compile("Operation not permitted\n1"),
      "what is not allowed is refused; the default ones are allowed")
shows("linux.resources.devices", put("linux.resources.devices", RULES + [
    {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"},
    {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "w"}]),
      "mknod /dev/x c 1 11; (: </dev/x) && echo read; (: >/dev/x) 2>/dev/null || echo refused",
      re.compile("read\nrefused|refused"), "later rules win")
refuses("linux.resources.cpu.cpus", put("linux.resources.cpu", {"cpus": "0-99999"}), "cpu", "a wrong one is refused")
refuses("linux.resources.unified", put("linux.resources.unified", {"../memory.high": "1"}), "unified|memory.high",
        "a path is refused")


@check("linux.cgroupsPath", "an absolute one is below the mount point; no parent made is left")
def cgroups_path(runtime):
    bundle = runtime.hold()
    need(any(p.endswith(bundle.config["linux"]["cgroupsPath"]) for p in runtime.cgroup_directories(bundle)), "not there")
    runtime.ok("delete", "--force", bundle.id)
    need(not runtime.cgroup_directories(bundle), "still there")


@check("linux.resources.rdma", "is taken")
def rdma(runtime):
    if not os.path.isdir("/sys/fs/cgroup/rdma") and not unified():
        raise Skip("no rdma controller on this host")
    if not os.path.isdir("/sys/class/infiniband") or not os.listdir("/sys/class/infiniband"):
        raise Skip("no RDMA device on this host")
    runtime.hold(put("linux.resources.rdma", {os.listdir("/sys/class/infiniband")[0]: {"hcaHandles": 3}}))


section("seccomp")


def filter_of(*rules, default="SCMP_ACT_ALLOW", **more):
    rules = [{"names": r[0].split(), "action": r[1], **(r[2] if len(r) > 2 else {})} for r in rules]
    return put("linux.seccomp", {"defaultAction": default, "syscalls": rules, **more})


EPERM, EXDEV = 1, 18
shows("linux.seccomp.syscalls[].action SCMP_ACT_ERRNO", filter_of(("mkdir mkdirat", "SCMP_ACT_ERRNO")),
      "mkdir /tmp/x 2>&1", re.compile("Operation not permitted"), status=1)
shows("linux.seccomp.syscalls[].errnoRet", filter_of(("mkdir mkdirat", "SCMP_ACT_ERRNO", {"errnoRet": EXDEV})),
      "mkdir /tmp/x 2>&1", re.compile("link"), status=1)
shows("linux.seccomp.defaultErrnoRet", filter_of(("mkdir mkdirat", "SCMP_ACT_ERRNO"), defaultErrnoRet=EXDEV),
      "mkdir /tmp/x 2>&1 || echo refused", re.compile("refused"))
shows("linux.seccomp.defaultAction", filter_of(default="SCMP_ACT_LOG"), "grep ^Seccomp: /proc/self/status | tr -s '\\t' ' '",
      "Seccomp: 2")
shows("linux.seccomp.syscalls[].action SCMP_ACT_KILL_PROCESS", filter_of(("mkdir mkdirat", "SCMP_ACT_KILL_PROCESS")),
      "mkdir /tmp/x; echo $?", re.compile("159"))
shows("linux.seccomp.syscalls[].action SCMP_ACT_KILL", filter_of(("mkdir mkdirat", "SCMP_ACT_KILL")),
      "mkdir /tmp/x; echo $?", re.compile("159"))
shows("linux.seccomp.syscalls[].action SCMP_ACT_KILL_THREAD", filter_of(("mkdir mkdirat", "SCMP_ACT_KILL_THREAD")),
      "mkdir /tmp/x; echo $?", re.compile("159"))
shows("linux.seccomp.syscalls[].action SCMP_ACT_TRAP", filter_of(("mkdir mkdirat", "SCMP_ACT_TRAP")),
      "mkdir /tmp/x; echo $?", re.compile("159"))
shows("linux.seccomp.syscalls[].action SCMP_ACT_TRACE", filter_of(("mkdir mkdirat", "SCMP_ACT_TRACE")),
      "mkdir /tmp/x 2>&1", re.compile("not implemented"), status=1)
shows("linux.seccomp.syscalls[].action SCMP_ACT_LOG", filter_of(("mkdir mkdirat", "SCMP_ACT_LOG")),
      "mkdir /tmp/x && echo made", "made")
shows("linux.seccomp.syscalls[].names", filter_of(("mkdir mkdirat no_such_call", "SCMP_ACT_ERRNO")), "mkdir /tmp/x 2>&1",
      re.compile("not permitted"), "unknown ones are passed by", status=1)
# mkdir asks for mode 0777 here: for each operator a value that matches and one that does not.
MODE = 0o777
for op, matching, other in (("EQ", (MODE, 0), (MODE - 1, 0)), ("NE", (MODE - 1, 0), (MODE, 0)),
                            ("LT", (MODE + 1, 0), (MODE, 0)), ("LE", (MODE, 0), (MODE - 1, 0)),
                            ("GT", (MODE - 1, 0), (MODE, 0)), ("GE", (MODE, 0), (MODE + 1, 0)),
                            ("MASKED_EQ", (0o700, 0o700), (0o700, 0o300))):
    for (value, two), seen, title in ((matching, "refused", "matches"), (other, "made", "does not match")):
        rules = [(call, "SCMP_ACT_ERRNO", {"args": [
            {"index": index, "value": value, "valueTwo": two, "op": "SCMP_CMP_" + op}]})
            for call, index in (("mkdir", 1), ("mkdirat", 2))]
        shows("linux.seccomp.syscalls[].args op SCMP_CMP_" + op, filter_of(*rules),
              "umask 0; mkdir /tmp/x 2>/dev/null && echo made || echo refused", seen, title)
shows("linux.seccomp.architectures", filter_of(("mkdir mkdirat", "SCMP_ACT_ERRNO"),
                                               architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"]),
      "mkdir /tmp/x 2>&1", re.compile("not permitted"), status=1)
for flag in ("LOG", "SPEC_ALLOW", "TSYNC"):
    shows("linux.seccomp.flags SECCOMP_FILTER_FLAG_" + flag,
          filter_of(("mkdir mkdirat", "SCMP_ACT_ERRNO"), flags=["SECCOMP_FILTER_FLAG_" + flag]),
          "mkdir /tmp/x 2>&1", re.compile("not permitted"), status=1)
refuses("linux.seccomp.flags", filter_of(flags=["SECCOMP_FILTER_FLAG_TEA"]), "SECCOMP_FILTER_FLAG_TEA|flag",
        "an unknown one is refused")
refuses("linux.seccomp.defaultAction", filter_of(default="SCMP_ACT_TEA"), "SCMP_ACT_TEA|action",
        "an unknown one is refused")
shows("linux.seccomp", all_of(filter_of(("mkdir mkdirat", "SCMP_ACT_ERRNO")), put("process.noNewPrivileges", False),
                              put("process.capabilities", {k: ["CAP_SYS_ADMIN"] for k in (
                                  "bounding", "effective", "permitted")})),
      "mkdir /tmp/x 2>&1", re.compile("not permitted"), "without noNewPrivileges, too", status=1)


@check(["linux.seccomp.listenerPath", "linux.seccomp.listenerMetadata", "linux.seccomp.syscalls[].action SCMP_ACT_NOTIFY"],
       "the agent gets the descriptor and the state, and answers")
def notify(runtime):
    path = runtime.dir + "/agent.sock"
    bundle = runtime.bundle(script="mkdir /tmp/x 2>&1; echo after")
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "for the agent",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}
    agent = Agent(path)
    agent.start()
    out = runtime.output(bundle)
    agent.join(10)
    need(agent.state is not None, "the agent got nothing")
    same(agent.state["metadata"], "for the agent", "metadata")
    same(agent.state["fds"], ["seccompFd"], "fds")
    same(agent.state["state"]["id"], bundle.id, "state.id")
    need(agent.state["pid"] > 0, "no pid")
    need(re.search("too many open files in system", out, re.I) and "after" in out, "output is " + out)


class Agent(threading.Thread):
    """Takes one listener and answers its first call with ENFILE (seccomp_unotify(2), by raw ioctls)."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.state = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(patience())

    def run(self):
        import fcntl
        import struct
        peer, _ = self.listener.accept()
        with peer:
            text, descriptors, _, _ = socket.recv_fds(peer, 65536, 1)
        self.state = json.loads(text.rstrip(b"\0"))
        notification = bytearray(80)  # struct seccomp_notif
        fcntl.ioctl(descriptors[0], 0xc0502100, notification)
        call = struct.unpack_from("<Q", notification)[0]
        ENFILE = 23
        fcntl.ioctl(descriptors[0], 0xc0182101, struct.pack("<QqiI", call, 0, -ENFILE, 0))
        os.close(descriptors[0])
        self.listener.close()


@check("linux.seccomp.listenerPath", "an agent that is not there is told")
def no_agent(runtime):
    bundle = runtime.bundle("mkdir", "/tmp/x")
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/no/agent",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}
    refused(runtime.run(bundle), "agent|/no/agent")
    runtime.nothing_left(bundle)


shows("linux.seccomp.listenerPath", filter_of(("mkdir", "SCMP_ACT_ALLOW"), listenerPath="/no/agent"), "echo fine", "fine",
      "is not used when nothing notifies")
