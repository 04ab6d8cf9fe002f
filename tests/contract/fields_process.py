"""config.json: the top level and `process`."""
import os
import re
import socket

from registry import Skip, all_of, check, need, put, refused, refuses, same, section, shows
from runtime import patience, read, until

section("Top level")

shows("ociVersion", put("ociVersion", "1.2.1+dev"), "echo fine", "fine", "any 1.x is taken")
refuses("ociVersion", put("ociVersion", "2.0.0"), "version|2\\.0\\.0", "a newer major version is refused")
shows("hostname", put("hostname", "ark"), "hostname", "ark")
refuses("hostname", all_of(put("hostname", "ark"), lambda c: drop_namespace(c, "uts")), "hostname|uts",
        "refused without a UTS namespace")
shows("domainname", put("domainname", "sea.example"), "cat /proc/sys/kernel/domainname", "sea.example")


def drop_namespace(config, kind):
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != kind]


@check("annotations", "shown by state")
def annotations(runtime):
    bundle = runtime.hold(put("annotations", {"org.example.key": "a\"b\u00fc\n"}))
    same(runtime.state(bundle)["annotations"]["org.example.key"], "a\"b\u00fc\n", "annotation")


@check("unknown keys", "are ignored")
def unknown_keys(runtime):
    bundle = runtime.bundle("echo", "fine")
    bundle.config["mars"] = {"milestone": 1}
    bundle.config["process"]["newThing"] = [1, {"a": None}]
    same(runtime.output(bundle), "fine\n")


section("process")


def status_line(name):
    return "grep ^%s: /proc/self/status | tr -s '\\t' ' '" % name


def capability_mask(*numbers):
    return "%016x" % sum(1 << n for n in numbers)


shows("process.args", put("process.args", ["echo", "a b", "", "c"]), "", "a b  c", "reach the program as they are")
refuses("process.args", put("process.args", []), "args", "empty ones are refused")
refuses("process.args", put("process.args", ["no-such-program"]), "executable file not found in \\$PATH",
        "a missing program is named")
refuses("process.args", put("process.args", ["/bin/none"]), "no such file or directory", "a missing path is named")
refuses("process.args", put("process.args", ["/etc/passwd"]), "permission denied", "what may not be executed is named")
shows("process.env", put("process.env", ["PATH=/bin", "A=1", "B=x\ny", "A=2"]), "env | grep -c ^A=; echo \"$A$B\"",
      "1\n2x\ny", "the last of two counts; values may have newlines")
shows("process.env", put("process.env", ["PATH=/bin"]), "echo $HOME", "/root", "HOME comes from the passwd file")
shows("process.cwd", put("process.cwd", "/tmp/made/here"), "pwd", "/tmp/made/here", "is made when it is missing")
refuses("process.cwd", put("process.cwd", "tmp"), "cwd", "a relative one is refused")
shows("process.user.uid, gid", put("process.user", {"uid": 1000, "gid": 1001}), "id -u; id -g", "1000\n1001")
shows("process.user.additionalGids", put("process.user", {"uid": 1000, "gid": 1000, "additionalGids": [7, 4000000]}),
      "id -G", "1000 7 4000000")
shows("process.user.umask", put("process.user", {"uid": 0, "gid": 0, "umask": 0o27}), "umask", "0027")
shows("process.user.umask", put("process.user", {"uid": 0, "gid": 0}), "umask", "0022", "0022 when absent")
shows("process.user.username", put("process.user", {"uid": 0, "gid": 0, "username": "ContainerAdmin"}), "id -u", "0",
      "is for Windows, and ignored")
for kind, line in (("bounding", "CapBnd"), ("effective", "CapEff"), ("permitted", "CapPrm"), ("inheritable", "CapInh"),
                   ("ambient", "CapAmb")):
    names = {"bounding": ["CAP_CHOWN", "CAP_KILL"]}
    if kind != "bounding":
        names.update({k: ["CAP_CHOWN"] for k in ("permitted", "effective", "inheritable", "ambient")})
    shows("process.capabilities." + kind, put("process.capabilities", names), status_line(line),
          "%s: %s" % (line, capability_mask(0, 5) if kind == "bounding" else capability_mask(0)))
shows(["process.capabilities." + k for k in ("effective", "permitted")],
      all_of(put("process.user", {"uid": 1000, "gid": 1000}), put("process.capabilities", {
          k: ["CAP_CHOWN", "CAP_KILL"] for k in ("bounding", "effective", "permitted", "inheritable", "ambient")})),
      status_line("CapEff"), "CapEff: " + capability_mask(0, 5), "ambient ones stay with another user")
shows("process.capabilities.bounding", all_of(put("process.capabilities.bounding+", "CAP_UNHEARD_OF")), "echo fine",
      "fine", "an unknown name is only a warning")
shows("process.noNewPrivileges", put("process.noNewPrivileges", True), status_line("NoNewPrivs"), "NoNewPrivs: 1")
shows("process.noNewPrivileges", put("process.noNewPrivileges", False), status_line("NoNewPrivs"), "NoNewPrivs: 0",
      "off when false")
shows("process.rlimits", put("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]),
      "ulimit -Sn; ulimit -Hn", "100\n200")
refuses("process.rlimits", put("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}] * 2), "rlimit",
        "one given twice is refused")
refuses("process.rlimits", put("process.rlimits", [{"type": "RLIMIT_TEA", "soft": 1, "hard": 2}]), "rlimit",
        "an unknown one is refused")
shows("process.oomScoreAdj", put("process.oomScoreAdj", 321), "cat /proc/self/oom_score_adj", "321")


@check("process.oomScoreAdj", "the caller's stays when absent")
def oom_score_absent(runtime):
    same(runtime.output(runtime.bundle("cat", "/proc/self/oom_score_adj")).strip(),
         read("/proc/self/oom_score_adj").strip())


shows("process.scheduler", put("process.scheduler", {"policy": "SCHED_BATCH", "nice": 5}),
      "awk '{print $19, $41}' /proc/1/stat", "5 3")
refuses("process.scheduler", put("process.scheduler", {"policy": "SCHED_TEA"}), "SCHED_TEA|polic",
        "an unknown policy is refused")
shows("process.ioPriority", put("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 6}), "ionice -p 1",
      re.compile("best-effort: prio 6"))
refuses("process.ioPriority", put("process.ioPriority", {"class": "IOPRIO_CLASS_TEA", "priority": 6}),
        "IOPRIO_CLASS_TEA|prio", "an unknown class is refused")


def allowed_processors():
    return sorted(os.sched_getaffinity(0))


@check("processors", "the caller's affinity mask does not stay with the container")
def affinity_reset(runtime):
    if len(allowed_processors()) < 2:
        raise Skip("this host has one processor")
    bundle = runtime.bundle(script="grep Cpus_allowed_list /proc/self/status")
    bundle.write()
    result = runtime.call("run", "--bundle", bundle.path, bundle.id)
    everywhere = result.out
    mask = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {allowed_processors()[0]})
    try:
        bundle = runtime.bundle(script="grep Cpus_allowed_list /proc/self/status")
        need("Cpus_allowed_list" in everywhere, "no list: " + result.err)
        same(runtime.output(bundle), everywhere, "Cpus_allowed_list")
    finally:
        os.sched_setaffinity(0, mask)


@check("process.execCPUAffinity", "`final` holds for a process of exec")
def exec_affinity(runtime):
    processor = str(allowed_processors()[-1])
    bundle = runtime.hold(put("process.execCPUAffinity", {"initial": processor, "final": processor}))
    result = runtime.exec(bundle, "sh", "-c", "grep Cpus_allowed_list /proc/self/status | tr -s '\\t' ' '")
    same(result.out.strip(), "Cpus_allowed_list: " + processor)


def no_apparmor(_):
    if os.path.exists("/sys/module/apparmor/parameters/enabled") and \
            read("/sys/module/apparmor/parameters/enabled").strip() == "Y":
        raise Skip("AppArmor is on: tests/vm shows it")


def no_selinux(_):
    if os.path.exists("/sys/fs/selinux/enforce"):
        raise Skip("SELinux is on")


refuses("process.apparmorProfile", put("process.apparmorProfile", "urc-contract"), "apparmor",
        "refused where AppArmor is off", needs=no_apparmor)
refuses("process.selinuxLabel", put("process.selinuxLabel", "u:r:t:s0"), "selinux", "refused where SELinux is off",
        needs=no_selinux)


# ---- terminals: by a console socket, which is the way of the managers
def with_console(runtime, bundle, act=None):
    """Runs `bundle` detached with a console socket; gives the terminal's output and what `act(master)` gave."""
    path = runtime.dir + "/console.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(patience())
        bundle.write()
        runtime.ok("run", "--detach", "--console-socket", path, "--bundle", bundle.path, bundle.id)
        peer, _ = listener.accept()
        with peer:
            _, descriptors, _, _ = socket.recv_fds(peer, 4096, 1)
    os.unlink(path)
    master = descriptors[0]
    try:
        seen = act(master) if act else None
        out = b""
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:
                break
            if not more:
                break
            out += more
        return out.decode(), seen
    finally:
        os.close(master)


@check(["process.terminal", "create --console-socket", "run --console-socket"], "the master comes through the socket")
def terminal(runtime):
    bundle = runtime.bundle(script="tty; test -t 0 && test -t 1 && test -t 2 && echo terminals; ls /dev/console")
    bundle.config["process"]["terminal"] = True
    out, _ = with_console(runtime, bundle)
    need("terminals\r\n" in out and "/dev/console" in out, "output is %r" % out)


@check("process.consoleSize", "is set before the program runs")
def console_size(runtime):
    bundle = runtime.bundle(script="stty size")
    bundle.config["process"].update(terminal=True, consoleSize={"height": 33, "width": 77})
    out, _ = with_console(runtime, bundle)
    same(out.strip(), "33 77")


@check("process.terminal", "detached without a console socket is refused")
def terminal_detached(runtime):
    bundle = runtime.bundle("true")
    bundle.config["process"]["terminal"] = True
    result = runtime.run(bundle, "--detach")
    refused(result, "console")
    runtime.nothing_left(bundle)


@check("standard streams", "belong to the container's user")
def stdio_owner(runtime):
    bundle = runtime.bundle(script="echo fine >/dev/stdout")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    process = runtime.start("run", "--bundle", write_bundle(bundle), bundle.id, stdout=-1, stdin=-3)
    out, _ = process.communicate(timeout=20)
    same(out, b"fine\n")


def write_bundle(bundle):
    bundle.write()
    return bundle.path


@check("signals", "none is blocked or ignored in the container")
def clean_signals(runtime):
    bundle = runtime.bundle(script="grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -s '\\t' ' '")
    bundle.write()
    trap = ["sh", "-c", "trap '' PIPE USR1 TERM; exec \"$@\"", "sh"]
    runtime.prefix = trap
    result = runtime.call("run", "--bundle", bundle.path, bundle.id)
    same(result.out.split(), ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16])


@check("exit status", "of the program, and 128 + n for a signal")
def exit_status(runtime):
    same(runtime.run(runtime.bundle(script="exit 42")).status, 42, "exit status")
    bundle = runtime.bundle(script="(sleep 0.1; kill -USR1 1) & trap 'exit 9' USR1; wait")
    same(runtime.run(bundle).status, 9, "exit status of a handler")
    bundle = runtime.bundle("sleep", "1000")
    process = runtime.start("run", "--bundle", write_bundle(bundle), bundle.id)
    until(lambda: '"running"' in runtime.call("state", bundle.id).out, "running container")
    runtime.ok("kill", bundle.id, "KILL")
    same(process.wait(20), 137, "exit status after SIGKILL")
