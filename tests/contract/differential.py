#!/usr/bin/env python3
"""The same bundles and the same calls to several runtimes, and everything that can be seen of them side by side.

    differential.py [--v1] [--show] RUNTIME PEER...

For every scenario each runtime is asked the same, and what it did is written down as "key: value" lines: exit status,
class of the error, state, namespaces, mounts, capabilities, limits, cgroup files. A line in which the first runtime
differs from a peer must be listed in differences.txt with its reason, as `SCENARIO KEY PEER: reason` (fnmatch
patterns); an unlisted difference fails, and so does an entry that matches nothing any more.
"""
import argparse
import fnmatch
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import contract  # noqa: E402
from registry import Fail, short  # noqa: E402
from runtime import Runtime, Work, until, write  # noqa: E402

# What a process in the container sees of itself: a line a fact. /proc/mounts is cut to what a configuration decides.
PROBE = r"""
for k in pid net ipc uts mnt user cgroup time; do echo "ns $k: $(readlink /proc/self/ns/$k)"; done
grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp|Groups|Uid|Gid|SigBlk|SigIgn|Cpus_allowed_list):' /proc/self/status |
    tr -s '\t ' '  ' | sed 's/^/status /; s/ *$//'
echo "umask: $(umask)"; echo "cwd: $(pwd)"; echo "hostname: $(hostname)"; echo "oom_score_adj: $(cat /proc/self/oom_score_adj)"
echo "domainname: $(cat /proc/sys/kernel/domainname)"
awk '{print "limit " $0}' /proc/self/limits | tr -s ' ' | grep -v 'limit Limit' | sed 's/\(hard\|soft\)//; s/^limit Max /limit /; s/ \([0-9u][^ ]* [0-9u][^ ]*\).*/: \1/'
env | grep -v ^_= | sort | sed 's/=/: /; s/^/env /'
awk '{o = $7; if (o == "-") o = ""; sub(":.*", "", o); print "mount " $5 ": " $6 " " o}' /proc/self/mountinfo |
    sed 's/,relatime//; s/ *$//'
for d in /dev/*; do echo "dev $d: $(stat -c '%A %u %g %t %T' $d)"; done | grep -v 'dev /dev/pts:'
for f in /proc/kcore /proc/keys /proc/bus /sys/firmware /proc/sysrq-trigger; do
    test -e $f && { (: <$f) 2>/dev/null && echo "read $f: yes" || echo "read $f: no"; }; done
echo "fds: $(ls /proc/self/fd | tr '\n' ' ')"
echo "sysctl ip_forward: $(cat /proc/sys/net/ipv4/ip_forward 2>/dev/null)"
echo "stdio: $(stat -L -c %u /proc/self/fd/1)"
echo "loopback: $(ip addr show lo 2>/dev/null | grep -c 'UP')"
"""
CGROUP_FILES = ("memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes",
                "memory/memory.soft_limit_in_bytes", "memory/memory.swappiness", "memory/memory.oom_control", "cpu/cpu.shares",
                "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpuset/cpuset.cpus", "cpuset/cpuset.mems",
                "pids/pids.max", "devices/devices.list", "memory.max", "memory.low", "memory.swap.max", "cpu.max",
                "cpu.weight", "cpuset.cpus", "pids.max")


def docker_like():
    with open(os.path.join(HERE, "../data/docker-like-config.json"), encoding="utf-8") as file:
        return json.load(file)


def edit_docker(bundle):
    config = docker_like()
    config["process"]["args"] = bundle.config["process"]["args"]
    config["process"]["env"] = ["PATH=/bin", "TERM=dumb"]
    config["process"]["cwd"] = "/"
    config["process"]["terminal"] = False
    config["root"] = {"path": "rootfs"}
    config["linux"]["cgroupsPath"] = bundle.config["linux"]["cgroupsPath"]
    bundle.config = config


def edit_user(bundle):
    linux = bundle.config["linux"]
    linux["namespaces"].append({"type": "user"})
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 300000, "size": 65536}]


def edit_limits(bundle):
    bundle.config["linux"]["resources"].update(
        memory={"limit": 64 << 20, "reservation": 32 << 20, "swap": 64 << 20}, pids={"limit": 50},
        cpu={"shares": 512, "quota": 20000, "period": 100000, "cpus": "0", "mems": "0"})


def edit_readonly(bundle):
    bundle.config["root"]["readonly"] = True
    bundle.config["process"].update(user={"uid": 1000, "gid": 1000, "additionalGids": [5]}, cwd="/tmp", oomScoreAdj=100,
                                    rlimits=[{"type": "RLIMIT_NOFILE", "soft": 500, "hard": 600}])


def edit_few_namespaces(bundle):
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}]
    bundle.config.pop("hostname")


def edit_mounts(bundle):
    os.makedirs(bundle.path + "/data")
    for name, options in (("ro", ["bind", "ro"]), ("flags", ["bind", "nosuid", "nodev", "noexec"]), ("shared", ["bind", "shared"]),
                          ("recursive", ["rbind", "rprivate"])):
        bundle.mount("/mnt/" + name, "bind", bundle.path + "/data", *options)
    bundle.mount("/mnt/tmpfs", "tmpfs", "tmpfs", "size=1m", "mode=1777", "noexec")
    bundle.mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
    bundle.mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k")


def edit_sysctl(bundle):
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.config["process"]["noNewPrivileges"] = False


def edit_cgroup_namespace(bundle):
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro")


SEEN_INSIDE = {"plain": lambda bundle: None, "docker-like": edit_docker, "user-namespace": edit_user, "limits": edit_limits,
               "readonly": edit_readonly, "few-namespaces": edit_few_namespaces, "mounts": edit_mounts,
               "sysctl-seccomp": edit_sysctl, "cgroup-namespace": edit_cgroup_namespace}
WRONG = {
    "missing-program": lambda b: b.config["process"].update(args=["no-such"]),
    "not-executable": lambda b: b.config["process"].update(args=["/etc/passwd"]),
    "missing-rootfs": lambda b: b.config["root"].update(path="nowhere"),
    "missing-source": lambda b: b.mount("/x", "bind", "/no/such", "bind"),
    "empty-args": lambda b: b.config["process"].update(args=[]),
    "unknown-namespace": lambda b: b.config["linux"]["namespaces"].append({"type": "tea"}),
    "sysctl-of-host": lambda b: b.config["linux"].update(sysctl={"vm.swappiness": "1"}),
    "unknown-rlimit": lambda b: b.config["process"].update(rlimits=[{"type": "RLIMIT_TEA", "soft": 1, "hard": 1}]),
    "wrong-cpuset": lambda b: b.config["linux"]["resources"].update(cpu={"cpus": "999"}),
    "failing-hook": lambda b: b.config.update(hooks={"createRuntime": [{"path": "/bin/false"}]}),
    "relative-cwd": lambda b: b.config["process"].update(cwd="tmp"),
    "proc-bind": lambda b: b.config["mounts"][0].update(type="bind", source="/tmp", options=["bind"]),
}
# What callers tell apart by stderr: the class is the first that matches.
CLASSES = (("not found in $PATH", r"not found in \$PATH"), ("no such file", "no such file|not exist|does not exist"),
           ("permission", "permission denied|operation not permitted"), ("args", "args"), ("namespace", "namespace"),
           ("sysctl", "sysctl"), ("rlimit", "rlimit"), ("cgroup", "cgroup|cpuset|invalid argument|range"), ("hook", "hook"),
           ("cwd", "cwd"), ("proc", "proc"), ("running", "not running|stopped|no such process|already|not in"), ("paused", "paused"), ("", "^$"))


def error_class(text):
    for name, pattern in CLASSES:
        if re.search(pattern, text.strip(), re.I):
            return name
    return "other: " + short(text, 60)


def facts_of(text):
    facts = {}
    for line in text.splitlines():
        key, _, value = line.partition(": ")
        facts[key] = value.strip()
    return facts


def new_or_host(facts):
    """The number of a namespace differs each time; whether it is the caller's does not."""
    for key, value in facts.items():
        if key.startswith("ns "):
            path = "/proc/self/ns/" + key[3:]
            facts[key] = "none" if not value else "host" if os.path.exists(path) and os.readlink(path) == value else "own"
    return facts


def inside(runtime, edit):
    bundle = runtime.bundle(script=PROBE)
    edit(bundle)
    result = runtime.run(bundle)
    facts = {"exit status": str(result.status), "stderr": error_class(result.err)}
    facts.update(new_or_host(facts_of(result.out.replace(bundle.id, "ID").replace(bundle.path, "BUNDLE"))))
    held = runtime.bundle("sleep", "1000")
    edit(held)
    held.write()
    started = runtime.call("run", "--detach", "--bundle", held.path, held.id)
    facts["detached exit status"] = str(started.status)
    if started.status == 0:
        state = runtime.state(held)
        for key in ("status", "bundle", "id"):
            facts["state " + key] = str(state[key]).replace(held.path, "BUNDLE").replace(held.id, "ID")
        facts["init descriptors"] = " ".join(sorted(os.listdir("/proc/%d/fd" % state["pid"]), key=int))
        for name in CGROUP_FILES:
            facts.update(cgroup_fact(held, name))
    return facts


def cgroup_fact(bundle, name):
    path = bundle.config["linux"]["cgroupsPath"].strip("/")
    controller, _, file = name.rpartition("/")
    full = "/sys/fs/cgroup/%s%s/%s" % (controller + "/" if controller else "", path, file)
    if not os.path.exists(full):
        return {}
    with open(full, encoding="utf-8") as opened:
        return {"cgroup " + name: " | ".join(sorted(opened.read().split("\n"))).strip(" |")}


def wrong(runtime, edit):
    bundle = runtime.bundle("true")
    edit(bundle)
    result = runtime.run(bundle)
    return {"exit status": "0" if result.status == 0 else "not 0", "stderr": error_class(result.err)}


def life(runtime):
    """Every verb in every status: the exit status (0, not 0) and the class of the error."""
    facts = {}

    def note(name, *args, status_matters=False):
        result = runtime.call(*args)
        facts[name] = "%s %s" % (result.status if status_matters else int(result.status != 0), error_class(result.err))

    bundle = runtime.bundle(script="sleep 1000; exit 3")
    for verb in ("start", "state", "kill", "delete", "pause", "ps"):
        note("%s of nobody" % verb, verb, "nobody")
    note("delete --force of nobody", "delete", "--force", "nobody")
    runtime.create(bundle)
    note("create twice", "create", "--bundle", bundle.path, bundle.id)
    note("exec while created", "exec", bundle.id, "true", status_matters=True)
    note("start", "start", bundle.id)
    note("start twice", "start", bundle.id)
    note("delete while running", "delete", bundle.id)
    note("resume while running", "resume", bundle.id)
    note("exec true", "exec", bundle.id, "true", status_matters=True)
    note("exec with status", "exec", bundle.id, "sh", "-c", "exit 9", status_matters=True)
    note("exec with signal", "exec", bundle.id, "sh", "-c", "kill -9 $$", status_matters=True)
    note("exec of nothing", "exec", bundle.id, "no-such-program")
    note("pause", "pause", bundle.id)
    note("pause twice", "pause", bundle.id)
    facts["status when paused"] = runtime.state(bundle)["status"]
    note("resume", "resume", bundle.id)
    note("kill KILL", "kill", bundle.id, "KILL")
    until(lambda: runtime.state(bundle)["status"] == "stopped", "stopped")
    note("kill while stopped", "kill", bundle.id, "KILL")
    note("kill --all while stopped", "kill", "--all", bundle.id, "KILL")
    note("start while stopped", "start", bundle.id)
    note("exec while stopped", "exec", bundle.id, "true")
    note("pause while stopped", "pause", bundle.id)
    note("update while stopped", "update", "--pids-limit", "5", bundle.id)
    note("ps while stopped", "ps", bundle.id)
    note("delete", "delete", bundle.id)
    note("delete twice", "delete", bundle.id)
    return facts


def exec_inside(runtime):
    """A process of exec sees what init sees."""
    held = runtime.hold(script="sleep 1000")
    result = runtime.exec(held, "sh", "-c", PROBE)
    facts = {"exit status": str(result.status)}
    facts.update(new_or_host(facts_of(result.out.replace(held.id, "ID").replace(held.path, "BUNDLE"))))
    return facts


def hooks_seen(runtime):
    facts = {}
    bundle = runtime.bundle("true")
    kinds = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    bundle.config["hooks"] = {}
    for kind in kinds:
        path = write(bundle.path + "/" + kind, "#!/bin/sh\nexport PATH=/usr/bin:/bin\n{ cat; echo; for n in mnt pid net; do readlink "
                     "/proc/self/ns/$n; done; pwd; } >%s/%s.out\n" % (bundle.path, kind), 0o755)
        bundle.config["hooks"][kind] = [{"path": path}]
    runtime.output(bundle)
    for kind in kinds:
        lines = open("%s/%s.out" % (bundle.path, kind), encoding="utf-8").read().splitlines()
        state = json.loads(lines[0])
        facts[kind + " status"] = state.get("status", "")
        facts[kind + " pid"] = "0" if not state.get("pid") else "given"
        for name, value in zip(("mnt", "pid", "net"), lines[-4:-1]):
            facts["%s %s" % (kind, name)] = "host" if value == os.readlink("/proc/self/ns/" + name) else "own"
        facts[kind + " cwd"] = lines[-1].replace(bundle.path, "BUNDLE")
    return facts


def scenarios():
    for name, edit in SEEN_INSIDE.items():
        yield name, lambda runtime, edit=edit: inside(runtime, edit)
    for name, edit in WRONG.items():
        yield "wrong/" + name, lambda runtime, edit=edit: wrong(runtime, edit)
    yield "life", life
    yield "exec", exec_inside
    yield "hooks", hooks_seen


def known_differences():
    known = []
    with open(HERE + "/differences.txt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            match = re.match(r"(\S+) (.+?) (\S+): (.+)$", line)
            if not match:
                raise SystemExit("differences.txt:%d: not `SCENARIO KEY PEER: reason`" % number)
            known.append(match.groups())
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtimes", nargs="+")
    parser.add_argument("--v1", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the known differences, too")
    options = parser.parse_args()
    contract.leave_unified(options.v1)
    known = known_differences()
    used = set()
    work = Work()
    unlisted = 0
    programs = [os.path.abspath(program) for program in options.runtimes]
    names = [os.path.basename(program) for program in programs]
    try:
        for number, (scenario, ask) in enumerate(scenarios()):
            seen = []
            for program in programs:
                runtime = Runtime(program, work, number)
                try:
                    seen.append(ask(runtime))
                except Fail as fail:
                    seen.append({"scenario": "stumbled: " + short(str(fail), 100)})
                try:
                    runtime.close()
                except Fail as left:
                    seen[-1]["left behind"] = short(str(left), 60)
            for peer, facts in zip(names[1:], seen[1:]):
                for key in sorted(set(seen[0]) | set(facts)):
                    ours, theirs = seen[0].get(key, "(nothing)"), facts.get(key, "(nothing)")
                    if ours == theirs:
                        continue
                    entry = next((e for e in known if fnmatch.fnmatchcase(scenario, e[0]) and
                                  fnmatch.fnmatchcase(key, e[1]) and fnmatch.fnmatchcase(peer, e[2])), None)
                    used.add(entry)
                    if entry is None:
                        unlisted += 1
                    if entry is None or options.show:
                        print("%s: %s %s: %s has %r, %s %r%s" % (
                            "listed" if entry else "NEW   ", scenario, key, names[0], short(ours, 90), peer, short(theirs, 90),
                            ": " + entry[3] if entry else ""), flush=True)
    finally:
        work.remove()
    stale = [entry for entry in known if entry not in used and any(fnmatch.fnmatchcase(n, entry[2]) for n in names[1:])]
    for entry in stale:
        print("STALE : %s %s %s: no such difference any more" % entry[:3])
    print("%d scenarios, %d listed differences, %d unlisted, %d stale entries" % (
        number + 1, len(used - {None}), unlisted, len(stale)))
    return 1 if unlisted or stale else 0


if __name__ == "__main__":
    sys.exit(main())
