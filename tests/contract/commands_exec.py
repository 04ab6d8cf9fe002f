"""exec with every option."""
import json
import os
import socket
import time

from registry import Skip, check, need, put, refused, same, section, short
from runtime import patience, read, write

section("Commands")


@check("exec", "in all of the container's namespaces, with its status")
def exec_command(runtime):
    bundle = runtime.hold()
    kinds = ("pid", "net", "ipc", "uts", "mnt")
    result = runtime.exec(bundle, "sh", "-c", "for n in %s; do readlink /proc/self/ns/$n; done; exit 7" % " ".join(kinds))
    same(result.status, 7, "exit status")
    same(result.out.split(), [os.readlink("/proc/%d/ns/%s" % (bundle.pid, kind)) for kind in kinds], "namespaces")


@check("exec", "a signal's death is 128 + n; urc's own failures are 255")
def exec_status(runtime):
    bundle = runtime.hold()
    same(runtime.exec(bundle, "sh", "-c", "kill -TERM $$").status, 143, "status after SIGTERM")
    same(runtime.exec(bundle, "no-such-program").status, 255, "status of a missing program")
    same(runtime.call("exec", "nobody", "true").status, 255, "status without a container")


def exec_flag(flag, options, script, want, edit=None):
    @check("exec " + flag)
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


@check("exec --process", "a document of its own, also from a pipe")
def exec_process(runtime):
    bundle = runtime.hold()
    document = {"args": ["sh", "-c", "echo $A; id -u; pwd"], "env": ["PATH=/bin", "A=b"], "cwd": "/tmp",
                "user": {"uid": 1000, "gid": 1000}}
    path = write(runtime.dir + "/process.json", json.dumps(document))
    result = runtime.call("exec", "--process", path, bundle.id)
    same(result.out, "b\n1000\n/tmp\n", "output (%s)" % short(result.err))
    result = runtime.call("exec", "--process", "/dev/stdin", bundle.id, stdin=json.dumps(document).encode())
    same(result.out, "b\n1000\n/tmp\n", "output with a pipe (%s)" % short(result.err))


@check(["exec --detach", "exec --pid-file"], "returns when the program runs; the pid file has its number")
def exec_detach(runtime):
    bundle = runtime.hold()
    path = runtime.dir + "/exec.pid"
    result = runtime.exec(bundle, "sleep", "1001", options=["--detach", "--pid-file", path])
    need(result.status == 0, short(result.err))
    same(read("/proc/%s/cmdline" % read(path)), "sleep\x001001\x00", "program")


@check(["exec --tty", "exec --console-socket"], "a terminal of the container's own")
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


@check("exec --ignore-paused", "else a paused container is refused")
def exec_paused(runtime):
    bundle = runtime.hold()
    runtime.ok("pause", bundle.id)
    refused(runtime.exec(bundle, "true"), "paused", 255)
    process = runtime.start("exec", "--ignore-paused", bundle.id, "true")
    time.sleep(0.05)
    runtime.ok("resume", bundle.id)
    same(process.wait(20), 0, "exit status")


@check("exec --cgroup", "a cgroup below the container's; never one above")
def exec_cgroup(runtime):
    bundle = runtime.hold()
    refused(runtime.exec(bundle, "true", options=["--cgroup", "../up"]), "cgroup|sub", 255)


@check("exec --preserve-fds", "more than there are is refused")
def exec_preserve_missing(runtime):
    refused(runtime.exec(runtime.hold(), "true", options=["--preserve-fds", "5"]), "fd|descriptor", 255)


@check("exec", "in a stopped container is refused")
def exec_stopped(runtime):
    bundle = runtime.hold()
    runtime.ok("kill", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    refused(runtime.exec(bundle, "true"), "stopped|not running", 255)


@check(["exec --process-label", "exec --apparmor"], "refused where the module is off")
def exec_labels(runtime):
    for path, option in (("/sys/fs/selinux/enforce", ["--process-label", "u:r:t:s0"]),
                         ("/sys/kernel/security/apparmor", ["--apparmor", "urc-contract"])):
        if os.path.exists(path):
            raise Skip("a security module is on: tests/vm shows it")
        refused(runtime.exec(runtime.hold(), "true", options=option), "selinux|apparmor|label")
