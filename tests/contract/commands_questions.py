"""list, state, ps, update, events, features, spec."""
import json
import os
import shutil

from registry import Skip, check, need, put, refused, same, section, short
from runtime import read, write

section("Commands")


@check(["list", "list --format", "list --quiet"], "a table, JSON, or the ids")
def list_command(runtime):
    bundle = runtime.hold()
    lines = runtime.ok("list").out.splitlines()
    same(lines[0].split(), ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], "header")
    same(lines[1].split()[:4], [bundle.id, str(bundle.pid), "running", bundle.path], "row")
    same(runtime.ok("list", "--quiet").out.split(), [bundle.id], "ids")
    same(json.loads(runtime.ok("list", "--format", "json").out)[0]["pid"], bundle.pid, "pid")


@check("state", "the fields of the specification and runc's")
def state_fields(runtime):
    bundle = runtime.hold()
    state = runtime.state(bundle)
    same(sorted(set(state) & {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"}),
         ["bundle", "created", "id", "ociVersion", "owner", "pid", "rootfs", "status"], "keys")
    same((state["id"], state["bundle"], state["rootfs"]), (bundle.id, bundle.path, bundle.rootfs))


@check(["ps", "ps --format"], "the container's processes, by the host's numbers")
def ps_command(runtime):
    bundle = runtime.hold()
    same(json.loads(runtime.ok("ps", "--format", "json", bundle.id).out), [bundle.pid], "pids")
    lines = runtime.ok("ps", bundle.id).out.splitlines()
    need("PID" in lines[0] and str(bundle.pid) in lines[1].split(), "table is " + short("\n".join(lines)))
    need("sleep" in runtime.ok("ps", bundle.id, "-o", "pid,comm").out, "ps(1) did not get its options")


def updates(flag, value, v1, v2, want1, want2=None, edit=None):
    @check("update " + flag, "is written to the running container")
    def act(runtime):
        from fields_resources import needs_skip, unified
        needs_skip(v1, v2)
        bundle = runtime.hold(edit)
        runtime.ok("update", "%s=%s" % (flag, value), bundle.id)
        same(runtime.cgroup_value(bundle, v1, v2), want2 if unified() and want2 else want1, flag)


MB = 1 << 20
updates("--memory", "50M", "memory/memory.limit_in_bytes", "memory.max", str(50 * MB))
updates("--memory-reservation", str(20 * MB), "memory/memory.soft_limit_in_bytes", "memory.low", str(20 * MB))
updates("--pids-limit", "33", "pids/pids.max", "pids.max", "33")
updates("--pids-limit", "-1", "pids/pids.max", "pids.max", "max", None, put("linux.resources.pids", {"limit": 9}))
updates("--cpu-share", "512", "cpu/cpu.shares", None, "512")
updates("--cpu-quota", "20000", "cpu/cpu.cfs_quota_us", "cpu.max", "20000", "20000 100000")
updates("--cpu-period", "50000", "cpu/cpu.cfs_period_us", "cpu.max", "50000", "max 50000")
updates("--cpu-burst", "5000", "cpu/cpu.cfs_burst_us", "cpu.max.burst", "5000", None,
        put("linux.resources.cpu", {"quota": 20000, "period": 50000}))
updates("--cpu-idle", "1", "cpu/cpu.idle", "cpu.idle", "1")
updates("--cpuset-cpus", "0", "cpuset/cpuset.cpus", "cpuset.cpus", "0")
updates("--cpuset-mems", "0", "cpuset/cpuset.mems", "cpuset.mems", "0")
updates("--blkio-weight", "200", "blkio/blkio.bfq.weight", "io.bfq.weight", "200", "default 200")
updates("--cpu-rt-period", "900000", "cpu/cpu.rt_period_us", None, "900000")
updates("--cpu-rt-runtime", "0", "cpu/cpu.rt_runtime_us", None, "0")


@check("update --memory-swap", "raised and lowered together with --memory, in an order that the kernel takes")
def update_swap(runtime):
    from fields_resources import needs_skip
    needs_skip("memory/memory.memsw.limit_in_bytes", "memory.swap.max")
    bundle = runtime.hold(put("linux.resources.memory", {"limit": 50 * MB, "swap": 60 * MB}))
    for memory, swap in ((200, 250), (30, 40), (-1, -1)):
        value = lambda size: str(size * MB if size > 0 else -1)
        runtime.ok("update", "--memory", value(memory), "--memory-swap", value(swap), bundle.id)


@check("update --resources", "a document, from a file or standard input")
def update_resources(runtime):
    bundle = runtime.hold()
    document = json.dumps({"pids": {"limit": 44}})
    path = write(runtime.dir + "/resources.json", document)
    runtime.ok("update", "--resources", path, bundle.id)
    same(runtime.cgroup_value(bundle, "pids/pids.max", "pids.max"), "44")
    runtime.ok("update", "--resources", "-", bundle.id, stdin=document.replace("44", "45").encode())
    same(runtime.cgroup_value(bundle, "pids/pids.max", "pids.max"), "45")


@check(["update --kernel-memory", "update --kernel-memory-tcp"], "obsolete, and taken")
def update_kernel(runtime):
    bundle = runtime.hold()
    runtime.ok("update", "--kernel-memory", "50M", bundle.id)


@check(["update --l3-cache-schema", "update --mem-bw-schema"], "refused where the processor has none")
def update_rdt(runtime):
    if "resctrl" in read("/proc/self/mountinfo"):
        raise Skip("this host has resctrl")
    refused(runtime.call("update", "--l3-cache-schema", "L3:0=f", runtime.hold().id), "rdt|resctrl|l3", 1)


@check(["events --stats", "events"], "one JSON object with the figures")
def events_stats(runtime):
    bundle = runtime.hold()
    event = json.loads(runtime.ok("events", "--stats", bundle.id).out)
    same((event["type"], event["id"]), ("stats", bundle.id))
    need(event["data"]["pids"]["current"] == 1, "pids are %r" % event["data"].get("pids"))
    need(event["data"]["memory"]["usage"]["usage"] > 0, "no memory")


@check("events --interval", "one object an interval; ends with the container")
def events_interval(runtime):
    bundle = runtime.hold()
    process = runtime.start("events", "--interval", "100ms", bundle.id, stdout=-1)
    lines = [json.loads(process.stdout.readline()) for _ in range(3)]
    same({line["type"] for line in lines}, {"stats"}, "types")
    runtime.ok("kill", bundle.id, "KILL")
    process.wait(20)


@check("features", "what there is, as JSON")
def features(runtime):
    answer = json.loads(runtime.ok("features").out)
    need(answer["ociVersionMin"] and answer["ociVersionMax"], "no versions")
    need("rro" in answer["mountOptions"], "no rro")
    need("linux" in answer and "cgroup" in answer["linux"], "no linux.cgroup")


@check(["spec", "spec --bundle"], "an example that runs; never over another")
def spec(runtime):
    bundle = runtime.bundle("true")
    runtime.ok("spec", "--bundle", bundle.path)
    bundle.config = json.loads(read(bundle.path + "/config.json"))
    refused(runtime.call("spec", "--bundle", bundle.path), "exist", 1)
    bundle.config["process"].update(terminal=False, args=["echo", "fine"])
    bundle.config["linux"]["cgroupsPath"] = "/%s/%s" % (runtime.token, bundle.id)
    same(runtime.output(bundle), "fine\n")


@check("spec --rootless", "with a user namespace")
def spec_rootless(runtime):
    bundle = runtime.bundle("true")
    runtime.ok("spec", "--rootless", "--bundle", bundle.path)
    config = json.loads(read(bundle.path + "/config.json"))
    need({"type": "user"} in config["linux"]["namespaces"], "no user namespace")


@check(["logs", "logs --tail", "logs --since", "logs --until", "logs --stdout", "logs --stderr", "logs --timestamps"],
       "what was kept, chosen by line, time and stream")
def logs(runtime):
    path = write(runtime.dir + "/log", "".join("2026-01-31T09:05:0%d.5Z %s F %s\n" % line for line in (
        (1, "stdout", "one"), (2, "stderr", "two"), (3, "stdout", "three"))))
    os.makedirs(runtime.root + "/kept", exist_ok=True)
    write(runtime.root + "/kept/state.json", json.dumps({
        "id": "kept", "init_process_pid": 0, "urc": {"log": [{"driver": "k8s-file", "path": path}]}}))
    shown = lambda *options: runtime.ok("logs", *options, "kept").out
    try:
        same(shown(), "one\nthree\n")
        same(shown("--tail", "1", "--stdout"), "three\n")
        same(shown("--stderr"), "")
        same(shown("--since", "2026-01-31T09:05:02Z"), "three\n")
        same(shown("--until", "2026-01-31T09:05:02Z", "--timestamps"), "2026-01-31T09:05:01.500000000Z one\n")
    finally:
        shutil.rmtree(runtime.root + "/kept")
