"""config.json: namespaces, ids, sysctl and the rest of `linux`."""
import os
import re
import subprocess

from registry import Skip, all_of, check, need, put, refused, refuses, same, section, shows
from runtime import read, until

section("namespaces and ids")

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "time": "time",
         "user": "user"}
MAPPING = [{"containerID": 0, "hostID": 300000, "size": 65536}]


def link(pid, kind):
    return os.readlink("/proc/%s/ns/%s" % (pid, kind))


def with_user_namespace(config):
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = MAPPING
    config["linux"]["gidMappings"] = MAPPING


def new_namespace(kind):
    @check("linux.namespaces " + kind, "a new one")
    def act(runtime):
        if not os.path.exists("/proc/self/ns/" + KINDS[kind]):
            raise Skip("this kernel has none")
        bundle = runtime.bundle("readlink", "/proc/self/ns/" + KINDS[kind])
        namespaces = bundle.config["linux"]["namespaces"]
        if kind == "user":
            with_user_namespace(bundle.config)
        elif {"type": kind} not in namespaces:
            namespaces.append({"type": kind})
        need(runtime.output(bundle).strip() not in ("", link("self", KINDS[kind])), "it is the caller's")


def joined_namespace(kind):
    @check("linux.namespaces %s, path" % kind, "another container's is joined")
    def act(runtime):
        def edit(config):
            if kind == "user":
                with_user_namespace(config)
            elif {"type": kind} not in config["linux"]["namespaces"]:
                config["linux"]["namespaces"].append({"type": kind})
        first = runtime.hold(edit)
        path = "/proc/%d/ns/%s" % (first.pid, KINDS[kind])
        second = runtime.bundle("readlink", "/proc/self/ns/" + KINDS[kind])
        linux = second.config["linux"]
        linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] != kind] + [{"type": kind, "path": path}]
        if kind == "user":
            linux.update(uidMappings=MAPPING, gidMappings=MAPPING)
        if kind == "uts":
            second.config.pop("hostname")
        if kind == "mount":
            raise Skip("a mount namespace with a root of its own cannot be joined")
        same(runtime.output(second).strip(), link(first.pid, KINDS[kind]), "namespace")


for name in KINDS:
    new_namespace(name)
for name in KINDS:
    if name != "mount":
        joined_namespace(name)
refuses("linux.namespaces", put("linux.namespaces+", {"type": "pid"}), "duplicate|twice|pid|namespace",
        "one given twice is refused")
refuses("linux.namespaces", put("linux.namespaces+", {"type": "tea"}), "tea|namespace", "an unknown kind is refused")


@check("linux.namespaces", "a path of another kind is refused")
def wrong_kind(runtime):
    bundle = runtime.bundle("true")
    linux = bundle.config["linux"]
    linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] != "ipc"]
    linux["namespaces"].append({"type": "ipc", "path": "/proc/self/ns/net"})
    refused(runtime.run(bundle), "ipc|namespace|net|invalid argument")
    runtime.nothing_left(bundle)


@check("linux.namespaces pid", "without one the processes are in the caller's, and all end with delete")
def no_pid_namespace(runtime):
    bundle = runtime.bundle(script="sleep 1001 & exec sleep 1000")
    linux = bundle.config["linux"]
    linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] != "pid"]
    bundle.write()
    runtime.ok("run", "--detach", "--bundle", bundle.path, bundle.id)
    pid = runtime.state(bundle)["pid"]
    same(link(pid, "pid"), link("self", "pid"), "pid namespace")
    children = until(lambda: read("/proc/%d/task/%d/children" % (pid, pid)).split(), "second process")
    runtime.ok("delete", "--force", bundle.id)
    until(lambda: not os.path.exists("/proc/" + children[0]), "end of the second process")


shows(["linux.uidMappings", "linux.gidMappings"], with_user_namespace,
      "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; id -u",
      lambda out: out.split() == ["0", "300000", "65536"] * 2 + ["0"])
refuses("linux.uidMappings", put("linux.namespaces+", {"type": "user"}), "mapping", "refused when there are none")
shows("linux.timeOffsets", all_of(put("linux.namespaces+", {"type": "time"}),
                                  put("linux.timeOffsets", {"boottime": {"secs": 1000000, "nanosecs": 0}})),
      "cut -d. -f1 /proc/uptime", lambda out: int(out) >= 1000000)
shows("linux.sysctl", put("linux.sysctl", {"net.ipv4.ip_forward": "1", "kernel/msgmax": "9000"}),
      "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax", "1\n9000")
refuses("linux.sysctl", put("linux.sysctl", {"vm.swappiness": "1"}), "sysctl", "one of the whole host is refused")
refuses("linux.sysctl", all_of(put("linux.sysctl", {"net.ipv4.ip_forward": "1"}), lambda c: c["linux"].update(
    namespaces=[n for n in c["linux"]["namespaces"] if n["type"] != "network"])), "sysctl|net",
        "one of the host's network is refused")
shows("loopback", put("x", 0), "ip addr show lo | grep -c UP", lambda out: int(out) >= 1,
      "is up in a new network namespace")
shows("linux.personality", put("linux.personality", {"domain": "LINUX32"}), "uname -m", re.compile("i686|armv8l|armv7l"))
refuses("linux.personality", put("linux.personality", {"domain": "TEMPLEOS"}), "TEMPLEOS|personality",
        "an unknown one is refused")


@check("linux.memoryPolicy", "is the program's")
def memory_policy(runtime):
    bundle = runtime.bundle(script="head -1 /proc/self/numa_maps")
    bundle.config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
    if not os.path.exists("/proc/self/numa_maps"):
        raise Skip("this kernel has no NUMA policies")
    need("bind:0" in runtime.output(bundle), "no policy")


refuses("linux.memoryPolicy", put("linux.memoryPolicy", {"mode": "MPOL_TEA", "nodes": "0"}), "MPOL_TEA|memory ?policy",
        "an unknown mode is refused")


@check("linux.netDevices", "a host's device is moved, renamed and set up")
def net_device(runtime):
    name = "urcc%d" % (os.getpid() % 10000)
    made = subprocess.run(["ip", "link", "add", name, "type", "dummy"], check=False, capture_output=True)
    if made.returncode:
        raise Skip("no dummy devices here: " + made.stderr.decode().strip())
    try:
        subprocess.run(["ip", "addr", "add", "192.0.2.7/24", "dev", name], check=True)
        bundle = runtime.bundle(script="ip addr show eth7")
        bundle.config["linux"]["netDevices"] = {name: {"name": "eth7"}}
        out = runtime.output(bundle)
        need("192.0.2.7/24" in out and "UP" in out, "device is " + out)
    finally:
        subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


@check(["linux.intelRdt", "linux.intelRdt.enableCMT", "linux.intelRdt.enableMBM"], "refused where the processor has none")
def intel_rdt(runtime):
    if "resctrl" in read("/proc/self/mountinfo"):
        raise Skip("this host has resctrl")
    bundle = runtime.bundle("true")
    bundle.config["linux"]["intelRdt"] = {"closID": "x", "l3CacheSchema": "L3:0=f"}
    refused(runtime.run(bundle), "rdt|resctrl")
    runtime.nothing_left(bundle)


@check(["linux.intelRdt", "linux.intelRdt.closID"], "a class that is no name is refused")
def intel_rdt_name(runtime):
    for name in ("..", "a/b", "a\nb"):
        bundle = runtime.bundle("true")
        bundle.config["linux"]["intelRdt"] = {"closID": name, "l3CacheSchema": "L3:0=f"}
        refused(runtime.run(bundle), "closid|rdt|resctrl")
