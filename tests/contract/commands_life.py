"""create, start and run with every option."""
import os
import socket

from registry import check, need, refused, same, section, short
from runtime import Result, patience, read, until

section("Commands")


@check(["create", "start", "state", "delete"], "created, running, stopped, gone")
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


@check("start", "of a running or stopped one is refused")
def start_twice(runtime):
    bundle = runtime.hold()
    refused(runtime.call("start", bundle.id), "running|start", 1)
    runtime.ok("kill", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    refused(runtime.call("start", bundle.id), "stopped|not running|start", 1)


@check("run", "ends with the program's status and leaves nothing")
def run(runtime):
    bundle = runtime.bundle(script="echo out; echo err >&2; exit 3")
    result = runtime.run(bundle)
    same((result.status, result.out, result.err), (3, "out\n", "err\n"))
    runtime.nothing_left(bundle)


@check(["run --bundle", "create --bundle"], "the working directory when absent")
def bundle_option(runtime):
    bundle = runtime.bundle("echo", "fine")
    bundle.write()
    same(runtime.ok("run", bundle.id, cwd=bundle.path).out, "fine\n")


@check(["run --pid-file", "create --pid-file"], "the number alone, relative to the caller's directory")
def pid_file(runtime):
    bundle = runtime.bundle("sleep", "1000")
    runtime.create(bundle, "--pid-file", "the.pid", cwd=runtime.dir)
    same(read(runtime.dir + "/the.pid"), str(runtime.state(bundle)["pid"]), "pid file")


@check("run --detach", "returns when the program runs")
def detach(runtime):
    same(runtime.state(runtime.hold())["status"], "running", "status")


@check("run --keep", "the stopped container stays until delete")
def keep(runtime):
    bundle = runtime.bundle("true")
    runtime.output(bundle, "--keep")
    same(runtime.state(bundle)["status"], "stopped", "status")
    runtime.ok("delete", bundle.id)


def preserve(verb):
    @check(verb + " --preserve-fds", "the given descriptors reach the program, and no others")
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


@check("LISTEN_FDS", "are passed on, with LISTEN_PID=1")
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
    @check("%s %s" % (verb, flag), "is taken")
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


@check(["run --config", "create --config"], "another file than config.json")
def config_option(runtime):
    bundle = runtime.bundle("echo", "fine")
    bundle.write()
    os.rename(bundle.path + "/config.json", bundle.path + "/other.json")
    same(runtime.ok("run", "--bundle", bundle.path, "--config", bundle.path + "/other.json", bundle.id).out, "fine\n")


def pidfd_socket(verb):
    @check(verb + " --pidfd-socket", "a pidfd of the process comes through it")
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


@check("ids", "odd ones are refused")
def ids(runtime):
    bundle = runtime.bundle("true")
    bundle.write()
    for name in ("..", ".", "a/b", "a b", "", "\u00e9", "a\nb"):
        refused(runtime.call("run", "--bundle", bundle.path, name), "id|container|argument", 1)
