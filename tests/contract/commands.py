"""The command line: every command with every flag."""
import json
import os
import re
import signal
import socket
import time

from fields_process import with_console
from registry import Fail, Skip, check, need, put, refused, same, section, short
from runtime import Result, patience, read, until, write

section("Commands")


def command(rows, title="does what it says"):
    return check(rows, title)


# ---- global options
@command("--root", "containers are known below it alone")
def root_option(runtime):
    bundle = runtime.hold()
    other = runtime.dir + "/other"
    os.mkdir(other)
    result = runtime.call("state", bundle.id, options=["--root", other])
    refused(result, "does not exist|not exist|no such")


@command(["--log", "--log-format"], "JSON objects with level, msg and time; the error on stderr as well")
def log_options(runtime):
    path = runtime.dir + "/log"
    result = runtime.call("state", "nobody", options=["--log", path, "--log-format", "json"])
    need(result.status == 1 and result.err.strip(), "no error on stderr")
    lines = [json.loads(line) for line in read(path).splitlines()]
    same([line["level"] for line in lines], ["error"], "levels")
    need(lines[0]["msg"] and re.match(r"\d{4}-\d\d-\d\dT", lines[0]["time"]), "no message or time")


@command("--debug", "writes debug lines")
def debug_option(runtime):
    path = runtime.dir + "/log"
    bundle = runtime.bundle("true")
    bundle.write()
    runtime.ok("run", "--bundle", bundle.path, bundle.id, options=["--debug", "--log", path, "--log-format", "json"])
    need(any(json.loads(line)["level"] == "debug" for line in read(path).splitlines()), "no debug line")


@command("--version", "name, commit and spec")
def version(runtime):
    out = runtime.ok("--version").out.splitlines()
    need(" version " in out[0], "first line is " + out[0])
    need(any(re.match(r"spec: \d+\.\d+\.\d+", line) for line in out), "no spec line")


@command("--help", "of every command")
def help_texts(runtime):
    for name in ("run", "create", "start", "state", "kill", "delete", "list", "ps", "exec", "pause", "resume", "update",
                 "spec"):
        need(runtime.ok(name, "--help").out.strip(), name + " has no help")


@command("--systemd-cgroup", "refused without systemd")
def systemd_cgroup(runtime):
    if os.path.isdir("/run/systemd/system"):
        raise Skip("this host has systemd: tests/vm shows it")
    bundle = runtime.bundle("true")
    bundle.config["linux"]["cgroupsPath"] = "system.slice:x:" + bundle.id
    bundle.write()
    refused(runtime.call("run", "--bundle", bundle.path, bundle.id, options=["--systemd-cgroup"]), "systemd")


@command("--rootless", "true, false and auto are taken")
def rootless_option(runtime):
    for value in ("true", "false", "auto"):
        need("ID" in runtime.ok("list", options=["--rootless=" + value]).out, "no list")


@command("--cgroup-manager", "disabled: no cgroup is made")
def cgroup_manager(runtime):
    bundle = runtime.bundle("cat", "/proc/self/cgroup")
    bundle.write()
    result = runtime.ok("run", "--bundle", bundle.path, bundle.id, options=["--cgroup-manager", "disabled"])
    need(result.out and bundle.id not in result.out, "it is in a cgroup of its own")
    need(not runtime.cgroup_directories(bundle), "a cgroup was made")


@command("--log-level", "is taken")
def log_level(runtime):
    need("ID" in runtime.ok("list", options=["--log-level", "debug"]).out, "no list")


# ---- create, start, run
@command(["create", "start", "state", "delete"], "created, running, stopped, gone")
def life(runtime):
    bundle = runtime.bundle(script="touch /tmp/ran; exec sleep 1000")
    runtime.create(bundle)
    same(runtime.state(bundle)["status"], "created", "status")
    need(not os.path.exists(bundle.rootfs + "/tmp/ran"), "it ran before start")
    runtime.ok("start", bundle.id)
    same(runtime.state(bundle)["status"], "running", "status")
    until(lambda: os.path.exists(bundle.rootfs + "/tmp/ran"), "run")
    runtime.ok("kill", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    same(runtime.state(bundle)["pid"], 0, "pid of a stopped one")
    runtime.ok("delete", bundle.id)
    refused(runtime.call("state", bundle.id), "does not exist|not exist|no such", 1)


@command("start", "of a running or stopped one is refused")
def start_twice(runtime):
    bundle = runtime.hold()
    refused(runtime.call("start", bundle.id), "running|start", 1)
    runtime.ok("kill", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    refused(runtime.call("start", bundle.id), "stopped|not running|start", 1)


@command("run", "ends with the program's status and leaves nothing")
def run(runtime):
    bundle = runtime.bundle(script="echo out; echo err >&2; exit 3")
    result = runtime.run(bundle)
    same((result.status, result.out, result.err), (3, "out\n", "err\n"))
    runtime.nothing_left(bundle)


@command(["run --bundle", "create --bundle"], "the working directory when absent")
def bundle_option(runtime):
    bundle = runtime.bundle("echo", "fine")
    bundle.write()
    same(runtime.ok("run", bundle.id, cwd=bundle.path).out, "fine\n")


@command(["run --pid-file", "create --pid-file"], "the number alone, relative to the caller's directory")
def pid_file(runtime):
    bundle = runtime.bundle("sleep", "1000")
    runtime.create(bundle, "--pid-file", "the.pid", cwd=runtime.dir)
    same(read(runtime.dir + "/the.pid"), str(runtime.state(bundle)["pid"]), "pid file")


@command("run --detach", "returns when the program runs")
def detach(runtime):
    same(runtime.state(runtime.hold())["status"], "running", "status")


@command("run --keep", "the stopped container stays until delete")
def keep(runtime):
    bundle = runtime.bundle("true")
    runtime.output(bundle, "--keep")
    same(runtime.state(bundle)["status"], "stopped", "status")
    runtime.ok("delete", bundle.id)


def preserve(verb):
    @command(verb + " --preserve-fds", "the given descriptors reach the program, and no others")
    def act(runtime):
        descriptor = os.open("/etc/hostname" if os.path.exists("/etc/hostname") else "/etc/passwd", os.O_RDONLY)
        leaked = os.open("/", os.O_RDONLY)
        os.dup2(descriptor, 3)
        os.dup2(leaked, 9)
        for number in (3, 9):
            os.set_inheritable(number, True)
        script = "ls /proc/self/fd | tr '\\n' ' '"
        if verb == "exec":
            bundle = runtime.hold()
            result = runtime.exec(bundle, "sh", "-c", script, options=["--preserve-fds", "1"], pass_fds=(3, 9))
        elif verb == "create":
            bundle = runtime.bundle("sleep", "1000")
            runtime.create(bundle, "--preserve-fds", "1", pass_fds=(3, 9))
            runtime.ok("start", bundle.id)
            pid = runtime.state(bundle)["pid"]
            result = Result(0, " ".join(os.listdir("/proc/%d/fd" % pid)), "")
        else:
            bundle = runtime.bundle(script=script)
            result = runtime.run(bundle, "--preserve-fds", "1", pass_fds=(3, 9))
        for number in {descriptor, leaked, 3, 9}:
            os.close(number)
        need(result.status == 0, short(result.err))
        numbers = [int(n) for n in result.out.split()]
        need(3 in numbers and 9 not in numbers, "descriptors %s" % numbers)
        need(len(numbers) <= 5, "descriptors %s" % numbers)  # 0 1 2 3 and ls's own
    return act


preserve("run")
preserve("create")
preserve("exec")


@command("LISTEN_FDS", "are passed on, with LISTEN_PID=1")
def listen_fds(runtime):
    bundle = runtime.bundle(script="echo $LISTEN_FDS $LISTEN_PID; test -e /proc/self/fd/3 && echo there")
    bundle.write()
    descriptor = os.open("/etc/passwd", os.O_RDONLY)
    os.dup2(descriptor, 3)
    os.set_inheritable(3, True)
    runtime.prefix = ["sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", "sh"]
    try:
        result = runtime.call("run", "--bundle", bundle.path, bundle.id, pass_fds=(3,))
    finally:
        os.close(3)
        if descriptor != 3:
            os.close(descriptor)
        runtime.prefix = []
    same(result.out, "1 1\nthere\n", "output (%s)" % short(result.err))


def taken(verb, flag):
    @command("%s %s" % (verb, flag), "is taken")
    def act(runtime):
        bundle = runtime.bundle("echo", "fine")
        if verb == "run":
            same(runtime.output(bundle, flag), "fine\n")
        else:
            runtime.create(bundle, flag)
            same(runtime.state(bundle)["status"], "created", "status")


for name in ("--no-new-keyring", "--no-subreaper", "-no-subreaper", "--keep=false"):
    taken("run", name)
for name in ("--no-pivot", "--no-new-keyring", "--no-subreaper", "--detach"):
    taken("create", name)


@command(["run --config", "create --config"], "another file than config.json")
def config_option(runtime):
    bundle = runtime.bundle("echo", "fine")
    bundle.write()
    os.rename(bundle.path + "/config.json", bundle.path + "/other.json")
    same(runtime.ok("run", "--bundle", bundle.path, "--config", bundle.path + "/other.json", bundle.id).out, "fine\n")


def pidfd_socket(verb):
    @command(verb + " --pidfd-socket", "a pidfd of the process comes through it")
    def act(runtime):
        path = runtime.dir + "/pidfd.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(patience())
            if verb == "exec":
                bundle = runtime.hold()
                result = runtime.exec(bundle, "true", options=["--pidfd-socket", path])
            elif verb == "create":
                result = runtime.create(runtime.bundle("true"), "--pidfd-socket", path)
            else:
                result = runtime.run(runtime.bundle("true"), "--pidfd-socket", path)
            need(result.status == 0, short(result.err))
            peer, _ = listener.accept()
            with peer:
                _, descriptors, _, _ = socket.recv_fds(peer, 4096, 1)
        need(descriptors, "no descriptor")
        need("Pid:" in read("/proc/self/fdinfo/%d" % descriptors[0]), "not a pidfd")
        os.close(descriptors[0])


pidfd_socket("run")
pidfd_socket("create")
pidfd_socket("exec")


@command("ids", "odd ones are refused")
def ids(runtime):
    bundle = runtime.bundle("true")
    bundle.write()
    for name in ("..", ".", "a/b", "a b", "", "\u00e9", "a\nb"):
        refused(runtime.call("run", "--bundle", bundle.path, name), "id|container|argument", 1)


# ---- exec
@command("exec", "in all of the container's namespaces, with its status")
def exec_command(runtime):
    bundle = runtime.hold()
    kinds = ("pid", "net", "ipc", "uts", "mnt")
    result = runtime.exec(bundle, "sh", "-c", "for n in %s; do readlink /proc/self/ns/$n; done; exit 7" % " ".join(kinds))
    same(result.status, 7, "exit status")
    same(result.out.split(), [os.readlink("/proc/%d/ns/%s" % (bundle.pid, kind)) for kind in kinds], "namespaces")


@command("exec", "a signal's death is 128 + n; urc's own failures are 255")
def exec_status(runtime):
    bundle = runtime.hold()
    same(runtime.exec(bundle, "sh", "-c", "kill -TERM $$").status, 143, "status after SIGTERM")
    same(runtime.exec(bundle, "no-such-program").status, 255, "status of a missing program")
    same(runtime.call("exec", "nobody", "true").status, 255, "status without a container")


def exec_flag(flag, options, script, want, edit=None):
    @command("exec " + flag)
    def act(runtime):
        bundle = runtime.hold(edit)
        result = runtime.exec(bundle, "sh", "-c", script, options=options)
        need(result.status == 0, short(result.err))
        same(result.out.strip(), want)


exec_flag("--cwd", ["--cwd", "/tmp"], "pwd", "/tmp")
exec_flag("--env", ["--env", "A=1,2", "--env", "B=3"], "echo $A $B", "1,2 3")
exec_flag("--user", ["--user", "1000:1001"], "id -u; id -g", "1000\n1001")
exec_flag("--additional-gids", ["--user", "1000:1000", "--additional-gids", "7", "--additional-gids", "8"], "id -G", "1000 7 8")
exec_flag("--no-new-privs", ["--no-new-privs"], "grep NoNewPrivs /proc/self/status | tr -d '\\t'", "NoNewPrivs:1",
          put("process.noNewPrivileges", False))
exec_flag("--cap", ["--cap", "CAP_SYS_CHROOT"], "grep CapEff /proc/self/status | tr -d '\\t'",
          "CapEff:%016x" % sum(1 << n for n in (0, 1, 3, 5, 6, 7, 10, 18, 27)))


@command("exec --process", "a document of its own, also from a pipe")
def exec_process(runtime):
    bundle = runtime.hold()
    document = {"args": ["sh", "-c", "echo $A; id -u; pwd"], "env": ["PATH=/bin", "A=b"], "cwd": "/tmp",
                "user": {"uid": 1000, "gid": 1000}}
    path = write(runtime.dir + "/process.json", json.dumps(document))
    result = runtime.call("exec", "--process", path, bundle.id)
    same(result.out, "b\n1000\n/tmp\n", "output (%s)" % short(result.err))
    result = runtime.call("exec", "--process", "/dev/stdin", bundle.id, stdin=json.dumps(document).encode())
    same(result.out, "b\n1000\n/tmp\n", "output with a pipe (%s)" % short(result.err))


@command(["exec --detach", "exec --pid-file"], "returns when the program runs; the pid file has its number")
def exec_detach(runtime):
    bundle = runtime.hold()
    path = runtime.dir + "/exec.pid"
    result = runtime.exec(bundle, "sleep", "1001", options=["--detach", "--pid-file", path])
    need(result.status == 0, short(result.err))
    same(read("/proc/%s/cmdline" % read(path)), "sleep\x001001\x00", "program")


@command(["exec --tty", "exec --console-socket"], "a terminal of the container's own")
def exec_tty(runtime):
    bundle = runtime.hold()
    path = runtime.dir + "/console.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(patience())
        result = runtime.exec(bundle, "sh", "-c", "test -t 0 && tty",
                              options=["--tty", "--detach", "--console-socket", path])
        need(result.status == 0, short(result.err))
        peer, _ = listener.accept()
        with peer:
            _, descriptors, _, _ = socket.recv_fds(peer, 4096, 1)
    out = b""
    try:
        while True:
            more = os.read(descriptors[0], 4096)
            if not more:
                break
            out += more
    except OSError:
        pass
    os.close(descriptors[0])
    need(out.startswith(b"/dev/pts/"), "output is %r" % out)


@command("exec --ignore-paused", "else a paused container is refused")
def exec_paused(runtime):
    bundle = runtime.hold()
    runtime.ok("pause", bundle.id)
    refused(runtime.exec(bundle, "true"), "paused", 255)
    process = runtime.start("exec", "--ignore-paused", bundle.id, "true")
    time.sleep(0.05)
    runtime.ok("resume", bundle.id)
    same(process.wait(20), 0, "exit status")


@command("exec --cgroup", "a cgroup below the container's; never one above")
def exec_cgroup(runtime):
    bundle = runtime.hold()
    refused(runtime.exec(bundle, "true", options=["--cgroup", "../up"]), "cgroup|sub", 255)


@command("exec --preserve-fds", "more than there are is refused")
def exec_preserve_missing(runtime):
    refused(runtime.exec(runtime.hold(), "true", options=["--preserve-fds", "5"]), "fd|descriptor", 255)


@command("exec", "in a stopped container is refused")
def exec_stopped(runtime):
    bundle = runtime.hold()
    runtime.ok("kill", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    refused(runtime.exec(bundle, "true"), "stopped|not running", 255)


@command(["exec --process-label", "exec --apparmor"], "refused where the module is off")
def exec_labels(runtime):
    for path, option in (("/sys/fs/selinux/enforce", ["--process-label", "u:r:t:s0"]),
                         ("/sys/kernel/security/apparmor", ["--apparmor", "urc-contract"])):
        if os.path.exists(path):
            raise Skip("a security module is on: tests/vm shows it")
        refused(runtime.exec(runtime.hold(), "true", options=option), "selinux|apparmor|label")


# ---- signals, freezing, the end
def kill_by(spelling, number):
    @command("kill", "SIGNAL as " + spelling)
    def act(runtime):
        bundle = runtime.bundle(script="trap 'echo %d; exit 5' %d; touch /tmp/ready; while :; do sleep 0.02; done"
                                % (number, number))
        process = runtime.start("run", "--bundle", bundle_path(bundle), bundle.id, stdout=-1)
        until(lambda: os.path.exists(bundle.rootfs + "/tmp/ready"), "start of the program")
        runtime.ok("kill", bundle.id, spelling)
        out, _ = process.communicate(timeout=20)
        same((process.returncode, out), (5, b"%d\n" % number))


def bundle_path(bundle):
    bundle.write()
    return bundle.path


for text, value in (("USR1", 10), ("SIGUSR1", 10), ("10", 10), ("usr2", 12), ("RTMIN+3", 37)):
    kill_by(text, value)


@command("kill", "of a stopped one is refused with words that callers know")
def kill_stopped(runtime):
    bundle = runtime.bundle("true")
    runtime.create(bundle)
    runtime.ok("start", bundle.id)
    runtime.until_status(bundle, "stopped")
    refused(runtime.call("kill", bundle.id, "TERM"), "container not running|no such process", 1)


@command("kill --all", "reaches every process; a stopped container is no error")
def kill_all(runtime):
    bundle = runtime.hold(script="sleep 1001 & sleep 1002 & wait")
    until(lambda: len(read("/proc/%d/task/%d/children" % (bundle.pid, bundle.pid)).split()) == 2, "two children")
    runtime.ok("kill", "--all", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    runtime.ok("kill", "--all", bundle.id, "KILL")


@command("kill --regex", "all whose id matches")
def kill_regex(runtime):
    bundles = [runtime.hold(), runtime.hold()]
    runtime.ok("kill", "--regex", runtime.token + "-.*", "KILL")
    for bundle in bundles:
        runtime.until_status(bundle, "stopped")


@command("kill", "an unknown signal is refused")
def kill_unknown(runtime):
    refused(runtime.call("kill", runtime.hold().id, "TEATIME"), "signal", 1)


@command(["pause", "resume"], "state says so; the processes stand still")
def pause_resume(runtime):
    bundle = runtime.hold(script="while :; do date +%s%N >/tmp/clock; sleep 0.01; done")
    clock = bundle.rootfs + "/tmp/clock"
    until(lambda: os.path.exists(clock), "clock")
    runtime.ok("pause", bundle.id)
    same(runtime.state(bundle)["status"], "paused", "status")
    before = os.stat(clock).st_mtime_ns
    time.sleep(0.1)
    same(os.stat(clock).st_mtime_ns, before, "time of the last write")
    runtime.ok("resume", bundle.id)
    same(runtime.state(bundle)["status"], "running", "status")
    until(lambda: os.stat(clock).st_mtime_ns != before, "next write")


@command("delete", "of a running one is refused")
def delete_running(runtime):
    refused(runtime.call("delete", runtime.hold().id), "not stopped|running", 1)


@command("delete --force", "kills first; an unknown one is no error")
def delete_force(runtime):
    bundle = runtime.hold()
    runtime.ok("delete", "--force", bundle.id)
    need(not os.path.exists("/proc/%d" % bundle.pid) or "Z" in read("/proc/%d/stat" % bundle.pid).split(")")[1][:3],
         "init is alive")
    runtime.nothing_left(bundle)
    runtime.ok("delete", "--force", "nobody-of-this-name")


@command("delete --force", "of a paused one")
def delete_paused(runtime):
    bundle = runtime.hold()
    runtime.ok("pause", bundle.id)
    runtime.ok("delete", "--force", bundle.id)
    runtime.nothing_left(bundle)


@command("delete --regex", "all whose id matches")
def delete_regex(runtime):
    first, second = runtime.hold(), runtime.hold()
    runtime.ok("delete", "--force", "--regex", runtime.token + "-.*")
    for bundle in (first, second):
        runtime.nothing_left(bundle)


# ---- questions
@command(["list", "list --format", "list --quiet"], "a table, JSON, or the ids")
def list_command(runtime):
    bundle = runtime.hold()
    lines = runtime.ok("list").out.splitlines()
    same(lines[0].split(), ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], "header")
    same(lines[1].split()[:4], [bundle.id, str(bundle.pid), "running", bundle.path], "row")
    same(runtime.ok("list", "--quiet").out.split(), [bundle.id], "ids")
    same(json.loads(runtime.ok("list", "--format", "json").out)[0]["pid"], bundle.pid, "pid")


@command("state", "the fields of the specification and runc's")
def state_fields(runtime):
    bundle = runtime.hold()
    state = runtime.state(bundle)
    same(sorted(set(state) & {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"}),
         ["bundle", "created", "id", "ociVersion", "owner", "pid", "rootfs", "status"], "keys")
    same((state["id"], state["bundle"], state["rootfs"]), (bundle.id, bundle.path, bundle.rootfs))


@command(["ps", "ps --format"], "the container's processes, by the host's numbers")
def ps_command(runtime):
    bundle = runtime.hold()
    same(json.loads(runtime.ok("ps", "--format", "json", bundle.id).out), [bundle.pid], "pids")
    lines = runtime.ok("ps", bundle.id).out.splitlines()
    need("PID" in lines[0] and str(bundle.pid) in lines[1].split(), "table is " + short("\n".join(lines)))
    need("sleep" in runtime.ok("ps", bundle.id, "-o", "pid,comm").out, "ps(1) did not get its options")


def updates(flag, value, v1, v2, want1, want2=None, edit=None):
    @command("update " + flag, "is written to the running container")
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


@command("update --memory-swap", "raised and lowered together with --memory, in an order that the kernel takes")
def update_swap(runtime):
    from fields_resources import needs_skip
    needs_skip("memory/memory.memsw.limit_in_bytes", "memory.swap.max")
    bundle = runtime.hold(put("linux.resources.memory", {"limit": 50 * MB, "swap": 60 * MB}))
    for memory, swap in ((200, 250), (30, 40), (-1, -1)):
        value = lambda size: str(size * MB if size > 0 else -1)
        runtime.ok("update", "--memory", value(memory), "--memory-swap", value(swap), bundle.id)


@command("update --resources", "a document, from a file or standard input")
def update_resources(runtime):
    bundle = runtime.hold()
    document = json.dumps({"pids": {"limit": 44}})
    path = write(runtime.dir + "/resources.json", document)
    runtime.ok("update", "--resources", path, bundle.id)
    same(runtime.cgroup_value(bundle, "pids/pids.max", "pids.max"), "44")
    runtime.ok("update", "--resources", "-", bundle.id, stdin=document.replace("44", "45").encode())
    same(runtime.cgroup_value(bundle, "pids/pids.max", "pids.max"), "45")


@command(["update --kernel-memory", "update --kernel-memory-tcp"], "obsolete, and taken")
def update_kernel(runtime):
    bundle = runtime.hold()
    runtime.ok("update", "--kernel-memory", "50M", bundle.id)


@command(["update --l3-cache-schema", "update --mem-bw-schema"], "refused where the processor has none")
def update_rdt(runtime):
    if "resctrl" in read("/proc/self/mountinfo"):
        raise Skip("this host has resctrl")
    refused(runtime.call("update", "--l3-cache-schema", "L3:0=f", runtime.hold().id), "rdt|resctrl|l3", 1)


@command(["events --stats", "events"], "one JSON object with the figures")
def events_stats(runtime):
    bundle = runtime.hold()
    event = json.loads(runtime.ok("events", "--stats", bundle.id).out)
    same((event["type"], event["id"]), ("stats", bundle.id))
    need(event["data"]["pids"]["current"] == 1, "pids are %r" % event["data"].get("pids"))
    need(event["data"]["memory"]["usage"]["usage"] > 0, "no memory")


@command("events --interval", "one object an interval; ends with the container")
def events_interval(runtime):
    bundle = runtime.hold()
    process = runtime.start("events", "--interval", "100ms", bundle.id, stdout=-1)
    lines = [json.loads(process.stdout.readline()) for _ in range(3)]
    same({line["type"] for line in lines}, {"stats"}, "types")
    runtime.ok("kill", bundle.id, "KILL")
    process.wait(20)


@command("features", "what there is, as JSON")
def features(runtime):
    answer = json.loads(runtime.ok("features").out)
    need(answer["ociVersionMin"] and answer["ociVersionMax"], "no versions")
    need("rro" in answer["mountOptions"], "no rro")
    need("linux" in answer and "cgroup" in answer["linux"], "no linux.cgroup")


@command(["spec", "spec --bundle"], "an example that runs; never over another")
def spec(runtime):
    bundle = runtime.bundle("true")
    runtime.ok("spec", "--bundle", bundle.path)
    bundle.config = json.loads(read(bundle.path + "/config.json"))
    refused(runtime.call("spec", "--bundle", bundle.path), "exist", 1)
    bundle.config["process"].update(terminal=False, args=["echo", "fine"])
    bundle.config["linux"]["cgroupsPath"] = "/%s/%s" % (runtime.token, bundle.id)
    same(runtime.output(bundle), "fine\n")


@command("spec --rootless", "with a user namespace")
def spec_rootless(runtime):
    bundle = runtime.bundle("true")
    runtime.ok("spec", "--rootless", "--bundle", bundle.path)
    config = json.loads(read(bundle.path + "/config.json"))
    need({"type": "user"} in config["linux"]["namespaces"], "no user namespace")


@command(["checkpoint", "restore"], "a counter goes on where it was")
def checkpoint(runtime):
    raise Skip("needs criu and a kernel for it: tests/vm/checkpoint.sh shows it")


def known_option(verb, option, *value):
    """What it does needs criu; here it is only taken: the call fails for another reason."""
    @command("%s %s" % (verb, option), "is taken (tests/vm/checkpoint.sh shows more)")
    def act(runtime):
        bundle = runtime.bundle("true")
        bundle.write()
        more = [] if verb == "checkpoint" else ["--bundle", bundle.path, "--image-path", bundle.path + "/no-images"]
        result = runtime.call(verb, *more, option, *value, bundle.id)
        refused(result, "not exist|no such|criu|image|socket|console")
        need(not re.search("flag provided|unrecognized|unknown option|Incorrect Usage", result.out + result.err),
             "not known: " + short(result.err))


SHARED = (("--image-path", "/none"), ("--work-path", "/none"), ("--tcp-established",), ("--ext-unix-sk",), ("--shell-job",),
          ("--file-locks",), ("--lazy-pages",), ("--manage-cgroups-mode", "soft"), ("--empty-ns", "network"),
          ("--auto-dedup",))
for words in SHARED + (("--parent-path", "../parent"), ("--leave-running",), ("--pre-dump",), ("--tcp-skip-in-flight",),
                       ("--link-remap",), ("--page-server", "127.0.0.1:1"), ("--status-fd", "1")):
    known_option("checkpoint", *words)
for words in SHARED + (("--bundle", "/none"), ("--config", "other.json"), ("--console-socket", "/none"),
                       ("--pid-file", "pid"), ("--detach",), ("--no-subreaper",), ("-no-subreaper",), ("--no-pivot",),
                       ("--tcp-close",), ("--lsm-profile", "selinux:x"), ("--lsm-mount-context", "x")):
    known_option("restore", *words)


@command("exec --no-subreaper", "is taken")
def exec_no_subreaper(runtime):
    same(runtime.exec(runtime.hold(), "echo", "fine", options=["--no-subreaper"]).out, "fine\n")
