"""What stays with a container: its log, `logs` while it runs, `attach`, and the way to a manager."""
import os
import pty
import signal
import socket
import subprocess
import sys

from registry import need, check, same, section, short
from runtime import patience, read, until, write

section("Commands")

VERBS = ("run", "create")


def begin(runtime, verb, bundle, *options, env=None):
    """In the background, by either verb."""
    bundle.write()
    if verb == "run":
        runtime.ok("run", "--detach", "--bundle", bundle.path, *options, bundle.id, env=env)
    else:
        runtime.ok("create", "--bundle", bundle.path, *options, bundle.id, env=env)
        runtime.ok("start", bundle.id)
    bundle.pid = runtime.state(bundle)["pid"]


def log_options(runtime, driver="k8s-file"):
    return "--log-driver", driver, "--log-opt", "path=" + runtime.dir + "/log"


def ticking(runtime, *options, trap=""):
    """A container that says something all the time, and that `attach` can reach."""
    bundle = runtime.bundle(script=trap + " while :; do echo tick; sleep 0.05; done")
    begin(runtime, "run", bundle, *log_options(runtime, "null")[:2], *options)
    return bundle


def attach(runtime, *arguments):
    """Beside a container that ticks: once it has shown a tick, it is connected."""
    process = runtime.start("attach", *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    same(process.stdout.readline(), b"tick\n", "the first line")
    return process


def end_of(process):
    try:
        process.communicate(timeout=patience())
    except subprocess.TimeoutExpired:
        need(False, "no end of " + " ".join(process.args))
    return process.returncode


def keeps_log(verb):
    @check([verb + " --log-driver", verb + " --log-opt"], "the output goes there, and not to the caller")
    def act(runtime):
        bundle = runtime.bundle(script="echo one; echo two >&2")
        begin(runtime, verb, bundle, *log_options(runtime))
        records = lambda: sorted(line.split(" ", 1)[1] for line in read(runtime.dir + "/log").splitlines())
        until(lambda: len(records()) == 2, "two records")
        same(records(), ["stderr F two", "stdout F one"], "records")

    @check([verb + " --log-driver", verb + " --log-opt"], "a wrong one is refused by name, and no container is made")
    def refuses(runtime):
        bundle = runtime.bundle("true")
        bundle.write()
        for options, word in ((["--log-driver", "paper"], "paper"),
                              (["--log-driver", "k8s-file", "--log-opt", "colour=red"], "colour"),
                              (["--log-driver", "k8s-file", "--log-opt", "path=/nowhere/log"], "/nowhere/log")):
            result = runtime.call(verb, "--bundle", bundle.path, *options, bundle.id)
            need(result.status != 0 and word in result.err, "%s: %d, %s" % (options, result.status, short(result.err)))
            runtime.nothing_left(bundle)


def keeps_stdin(verb):
    @check(verb + " --interactive", "stdin stays open for attach; without it, it is empty")
    def act(runtime):
        bundle = runtime.bundle(script="cat; exit 7")
        begin(runtime, verb, bundle, *log_options(runtime), "--interactive")
        result = runtime.call("attach", bundle.id, stdin=b"hello\n")
        same((result.status, result.out), (7, "hello\n"))
        other = runtime.bundle(script="cat; echo over")
        begin(runtime, verb, other, "--log-driver", "raw-file", "--log-opt", "path=%s/other" % runtime.dir)
        until(lambda: read(runtime.dir + "/other") == "over\n", "end of an empty stdin")


for name in VERBS:
    keeps_log(name)
    keeps_stdin(name)


@check("run --log-driver", "in the foreground, the output is shown by nobody but the log")
def log_in_foreground(runtime):
    bundle = runtime.bundle(script="echo one; exit 3")
    result = runtime.run(bundle, *log_options(runtime, "raw-file"))
    same((result.status, read(runtime.dir + "/log")), (3, "one\n"))


@check("logs --follow", "what comes, until the container ends")
def follow(runtime):
    bundle = runtime.bundle(script="echo one; while [ ! -e /tmp/go ]; do sleep 0.01; done; echo two")
    begin(runtime, "run", bundle, *log_options(runtime))
    process = runtime.start("logs", "--follow", bundle.id, stdout=subprocess.PIPE)
    same(process.stdout.readline(), b"one\n", "the first line")
    write(bundle.rootfs + "/tmp/go", "")
    same(process.stdout.read(), b"two\n", "the rest")
    same(end_of(process), 0, "exit status")


@check("logs --rotate", "a new file is begun, and nothing is lost")
def rotate(runtime):
    bundle = runtime.bundle(script="echo one; while [ ! -e /tmp/go ]; do sleep 0.01; done; echo two")
    begin(runtime, "run", bundle, *log_options(runtime, "raw-file"), "--log-opt", "max-size=1m", "--log-opt", "max-files=2")
    log = runtime.dir + "/log"
    until(lambda: read(log) == "one\n", "first record")
    same(runtime.ok("logs", "--rotate", bundle.id).out, "", "output of --rotate")
    write(bundle.rootfs + "/tmp/go", "")
    until(lambda: os.path.exists(log) and read(log) == "two\n", "second record in a new file")
    same(read(log + ".1"), "one\n", "the old file")
    same(runtime.ok("logs", bundle.id).out, "one\ntwo\n", "both")


@check("attach", "the container's streams and its exit status")
def attach_status(runtime):
    bundle = ticking(runtime, trap="trap 'exit 5' USR1;")
    process = attach(runtime, bundle.id)
    runtime.ok("kill", bundle.id, "USR1")
    same(end_of(process), 5, "exit status")


@check("attach", "of a container without a monitor is refused")
def attach_to_nobody(runtime):
    result = runtime.call("attach", runtime.hold().id)
    need(result.status != 0 and "nobody monitors" in result.err, short(result.err))


@check("attach --no-stdin", "only watches")
def attach_no_stdin(runtime):
    bundle = runtime.bundle(script="read word; echo got $word")
    begin(runtime, "run", bundle, *log_options(runtime, "null")[:2], "--interactive")
    watcher = runtime.start("attach", "--no-stdin", bundle.id, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    watcher.stdin.write(b"nothing\n")
    watcher.stdin.close()
    watcher.stdin = None
    result = runtime.call("attach", bundle.id, stdin=b"something\n")
    same(result.out, "got something\n", "what the container got")
    same(end_of(watcher), 0, "exit status of who watched")


def is_left(master):
    """Whether nobody has the other side of the terminal open any more; takes what was said there."""
    try:
        return not os.read(master, 1 << 16)
    except OSError:
        return True


@check("attach --detach-keys", "typed at a terminal, they leave the container, which goes on")
def attach_detach(runtime):
    bundle = runtime.bundle(script="while :; do echo tick; sleep 0.05; done")
    bundle.config["process"]["terminal"] = True
    begin(runtime, "run", bundle, *log_options(runtime, "null")[:2])
    master, slave = pty.openpty()
    process = runtime.start("attach", "--detach-keys", "x,y", bundle.id, stdin=slave, stdout=slave)
    os.close(slave)
    need(os.read(master, 1), "no tick")
    os.write(master, b"xy")
    until(lambda: is_left(master), "end of attach")
    os.close(master)
    same(end_of(process), 0, "exit status")
    same(runtime.state(bundle)["status"], "running", "status")


@check("attach --sig-proxy", "signals are for the container, or for attach alone")
def attach_sig_proxy(runtime):
    bundle = ticking(runtime, trap="trap 'exit 5' TERM;")
    alone = attach(runtime, "--sig-proxy=false", bundle.id)
    alone.send_signal(signal.SIGTERM)
    need(end_of(alone) in (128 + signal.SIGTERM, -signal.SIGTERM), "it ended with %d" % alone.returncode)
    same(runtime.state(bundle)["status"], "running", "status")
    process = attach(runtime, "--sig-proxy", bundle.id)
    process.send_signal(signal.SIGTERM)
    same(end_of(process), 5, "exit status")


class Manager:
    """The socket that a manager has, and what comes to it."""

    def __init__(self, runtime):
        self.path = runtime.dir + "/manager"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(patience())
        self.env = {**os.environ, "NOTIFY_SOCKET": self.path, "FDSTORE": "7"}

    def next(self):
        """The next message without what urc itself says of the main process."""
        try:
            lines = self.socket.recv(4096).decode().splitlines()
        except socket.timeout:
            need(False, "no message")
        return [line for line in lines if not line.startswith("MAINPID")]


# From within the container's cgroup it is one of its processes.
SPEAKER = """
import os, socket, sys
for path in sys.argv[3:]:
    open(path + "/cgroup.procs", "w").write(str(os.getpid()))
one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
one.sendto(sys.argv[2].encode(), sys.argv[1])
sys.stdin.read()
"""


def say(runtime, bundle, manager, text):
    path = "%s/%s/notify/notify.sock" % (runtime.root, bundle.id)
    with subprocess.Popen([sys.executable, "-c", SPEAKER, path, text, *runtime.cgroup_directories(bundle)],
                          stdin=subprocess.PIPE) as speaker:
        heard = manager.next()
        speaker.stdin.close()
    return heard


def tells_environment(verb, options, manager, runtime):
    bundle = runtime.bundle(script="echo $NOTIFY_SOCKET $FDSTORE >/tmp/told; exec sleep 1000")
    bundle.write()
    if verb == "run":
        runtime.start("run", "--bundle", bundle.path, *options, bundle.id, env=manager.env)
    else:
        runtime.ok("create", "--bundle", bundle.path, *options, bundle.id, env=manager.env)
        runtime.ok("start", bundle.id)
    told = bundle.rootfs + "/tmp/told"
    until(lambda: os.path.exists(told) and read(told).endswith("\n"), "word from the container")
    return bundle, read(told).split()


def notifies(verb):
    @check(verb + " --notify-compat", "the socket is below the path that it has on the host")
    def compat(runtime):
        manager = Manager(runtime)
        same(tells_environment(verb, ["--notify-compat", "host-path"], manager, runtime)[1][0],
             manager.path + "/notify", "NOTIFY_SOCKET")
        same(tells_environment(verb, [], manager, runtime)[1][0], "/run/notify/notify.sock", "NOTIFY_SOCKET")

    @check(verb + " --notify-fdstore", "the container is told of the store, or not")
    def fdstore(runtime):
        manager = Manager(runtime)
        same(tells_environment(verb, ["--notify-fdstore"], manager, runtime)[1][1:], ["7"], "FDSTORE")
        same(tells_environment(verb, [], manager, runtime)[1][1:], [], "FDSTORE")

    @check(verb + " --notify-access", "the container may say who else notifies, or may not")
    def access(runtime):
        manager = Manager(runtime)
        for options, want in ((["--notify-access"], ["NOTIFYACCESS=all", "STATUS=x"]), ([], ["STATUS=x"])):
            bundle, _ = tells_environment(verb, options, manager, runtime)
            same(sorted(say(runtime, bundle, manager, "NOTIFYACCESS=all\nSTATUS=x")), want, "heard")


for name in VERBS:
    notifies(name)
