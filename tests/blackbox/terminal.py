"""What a user sees of `urc run` and `urc exec -t` on a terminal: each scenario is a function.

Usage: terminal.py SCENARIO run|exec|attach URC ROOT BUNDLE ID WORK
    run: a container of the bundle, with the scenario's program; exec: the program beside the init of ID, with -t;
    attach: a container in the background that writes a log, and `urc attach`.
    It says why it failed on standard error, and ends with 1 then; 77: what it needs is not here.
"""
import fcntl
import hashlib
import inspect
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

PATIENCE = float(os.environ.get("URC_PATIENCE", "30"))
SIZE = 100 << 20


class Fail(Exception):
    pass


class Skip(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Fail(why)


class Terminal:
    """A new terminal of 40 lines and 120 columns; its slave stays open here, so that its modes can be asked for."""

    def __init__(self, words, **streams):
        self.master, self.slave = pty.openpty()
        self.resize(40, 120)
        self.modes = termios.tcgetattr(self.slave)
        self.text = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number, name in enumerate(("stdin", "stdout", "stderr")):
                os.dup2(streams.get(name, self.slave), number)
            os.execvp(words[0], words)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def hears(self, pattern, seconds):
        try:
            return self.hear(pattern, seconds)
        except Fail:
            return None

    def hear(self, pattern, seconds=PATIENCE):
        """Until `pattern` is there; what comes behind it stays for the next call."""
        end = time.time() + seconds
        while True:
            found = re.search(pattern.encode(), self.text, re.S)
            if found:
                self.text = self.text[found.end():]
                return found
            need(select.select([self.master], [], [], max(0, end - time.time()))[0],
                 "no %r in %r" % (pattern, self.text[-2000:]))
            self.text += os.read(self.master, 65536)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.modes

    def wait(self, want, options=0):
        """What the process has become, told by waitpid, is `want`: an exit status, or -n for signal n."""
        end = time.time() + PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, options | os.WNOHANG)
            if pid:
                break
            need(time.time() < end, "still there; it said %r" % self.text[-2000:])
            if select.select([self.master], [], [], 0.01)[0]:
                self.text += os.read(self.master, 65536)
        if os.WIFSTOPPED(status):
            same("stopped by", os.WSTOPSIG(status), want)
        else:
            same("status", os.waitstatus_to_exitcode(status), want)

    def finish(self, status=0):
        self.wait(status)
        need(self.is_restored(), "the terminal is not as it was")


def same(what, got, want):
    need(got == want, "%s: %r, not %r" % (what, got, want))


def until(what, condition):
    end = time.time() + PATIENCE
    while not condition():
        need(time.time() < end, "never: " + what)
        time.sleep(0.01)


def blocks(fd):
    return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK


def command(script, traps=":"):
    """A shell on the terminal without an echo of what is typed; it says when it is there and its traps are set."""
    return ["sh", "-c", "stty -echo; %s; echo there; %s" % (traps, script)]


# Tells its size when that changes, and ends by ^C with 6.
TELLER = ("while :; do sleep 0.1; done", "trap 'echo size $(stty size)' WINCH; trap 'echo got it; exit 6' INT")


# --- modes and sizes --------------------------------------------------------------------------------------------

def status_and_size(run):
    terminal = Terminal(run(command("stty size; read line; echo got $line; exit 7")))
    terminal.hear("there.*40 120")
    need(terminal.is_raw(), "not raw while the program runs")
    terminal.type("hello\r")
    terminal.hear("got hello")
    terminal.finish(7)
    need(blocks(terminal.slave), "O_NONBLOCK is left")


def resized(run):
    terminal = Terminal(run(command(*TELLER)))
    terminal.hear("there")
    terminal.resize(52, 132)
    terminal.hear("52 132")
    terminal.type("\x03")
    terminal.finish(6)


def size_of_stderr(run):
    """Neither stdin nor stdout is a terminal: it still has a size, and raw is nothing."""
    ours, theirs = os.pipe()
    with open("/dev/null", "rb") as null:
        terminal = Terminal(run(command("stty size")), stdin=null.fileno(), stdout=theirs)
    os.close(theirs)
    need(not terminal.is_raw(), "raw, though stdin is no terminal")
    need(b"40 120" in os.read(ours, 1000) + os.read(ours, 1000), "another size")
    terminal.finish()


def size_of_the_configuration(run):
    result = subprocess.run(run(command("stty size")), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    need(b"33 99" in result.stdout, repr(result))


# --- ends ---------------------------------------------------------------------------------------------------------

def killed_by(number):
    def scenario(run):
        terminal = Terminal(run(command("while :; do sleep 0.1; done", "trap 'echo bye; exit 5' TERM HUP INT")))
        terminal.hear("there")
        os.kill(terminal.pid, number)
        terminal.hear("bye")
        terminal.finish(5)
    return scenario


def program_is_killed(run):
    terminal = Terminal(run(command("exec sleep 1000")))
    terminal.hear("there")
    os.kill(child_of(terminal.pid), signal.SIGKILL)
    terminal.finish(137)


def no_such_program(run):
    terminal = Terminal(run(["no-such-program"]))
    terminal.hear("no-such-program")
    status = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
    need(status in (1, 255), "status %d" % status)
    need(terminal.is_restored(), "the terminal is not as it was")


def ends_beside_a_background_process(run):
    """Somebody inside keeps the terminal open, deaf to its hang-up, and writes as good as for ever: a test that is
    killed shall leave nothing that runs until the machine stops."""
    endless = "i=0; while [ $i -lt 9999999 ]; do echo on and on; i=$((i + 1)); done"
    terminal = Terminal(run(command("(trap '' HUP; %s) & sleep 0.2; exit 4" % endless)))
    terminal.hear("on and on")
    terminal.finish(4)


# --- job control --------------------------------------------------------------------------------------------------

def stopped_without_asking(run):
    """SIGSTOP is seen only afterwards: raw mode and size are taken again. The other stop signals do not stop who
    has no parent in the session that could continue it."""
    terminal = Terminal(run(command(*TELLER)))
    terminal.hear("there")
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        os.kill(terminal.pid, number)
    os.kill(terminal.pid, signal.SIGSTOP)
    terminal.wait(signal.SIGSTOP, os.WUNTRACED)
    termios.tcsetattr(terminal.slave, termios.TCSANOW, terminal.modes)  # as a shell does
    terminal.resize(31, 71)
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.hear("size 31 71")
    until("raw again", terminal.is_raw)
    terminal.type("\x03")
    terminal.finish(6)


def shell():
    """The caller's, with job control."""
    if not shutil.which("bash"):
        raise Skip("bash is not installed")
    terminal = Terminal(["env", "PS1=READY ", "bash", "--norc", "--noprofile", "--noediting", "+o", "history", "-i"])
    terminal.hear("READY ")
    return terminal


def quoted(words):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)




def child_of(pid):
    """The only one: the job of a shell, the program of urc."""
    def children():
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
            return file.read().split()
    until("a child", children)
    return int(children()[0])


def suspended_by_the_shells_user(run):
    """kill -TSTP, stty, fg: the shell gets its terminal back in between, and urc takes it again."""
    terminal = shell()
    terminal.type(quoted(run(command(*TELLER))) + "\r")
    terminal.hear("\r\nthere\r")  # not the echo of what was typed
    urc = child_of(terminal.pid)
    os.kill(urc, signal.SIGTSTP)
    terminal.hear("Stopped")
    terminal.hear("READY ")
    terminal.type("echo shell $((20 + 3)); stty -a | tr '\\n' ' '\r")
    terminal.hear("shell 23")
    modes = terminal.hear("speed (.*?)READY ").group(1)
    need(b" icanon" in modes and b" echo " in modes, "the shell got a raw terminal: %r" % modes)
    terminal.resize(25, 85)
    terminal.type("fg\r")
    terminal.hear("size 25 85")
    until("raw again", terminal.is_raw)
    terminal.type("\x03")
    terminal.hear("got it")
    terminal.hear("READY ")
    terminal.type("echo status $?\r")
    terminal.hear("status 6")
    terminal.type("exit\r")
    terminal.wait(0)


def started_in_the_background(run):
    """It stops as every program that wants the terminal, also after `bg`, and takes it after `fg`."""
    terminal = shell()
    terminal.type(quoted(run(command(*TELLER))) + " &\r")
    for _ in range(2):
        until("stopped", lambda: "T" == state_of(child_of(terminal.pid)))
        terminal.type("jobs\r")
        terminal.hear("Stopped")
        terminal.hear("READY ")
        terminal.type("stty -a | tr '\\n' ' '\r")
        modes = terminal.hear("speed (.*?)READY ").group(1)
        need(b" icanon" in modes, "the shell's terminal is raw: %r" % modes)
        urc = child_of(terminal.pid)
        terminal.type("bg\r")
        terminal.hear("READY ")
        until("stopped again", lambda: "T" == state_of(urc))
    terminal.type("fg\r")
    until("raw", terminal.is_raw)
    terminal.type("\x03")
    terminal.hear("got it")
    terminal.hear("READY ")
    terminal.type("exit\r")
    terminal.wait(6)  # of the last command


def killed_while_stopped(run):
    """`kill %1` of a stopped job: SIGTERM and SIGCONT; it must come to its end and not stop once more."""
    terminal = shell()
    terminal.type(quoted(run(command("while :; do sleep 0.1; done", "trap 'exit 5' TERM"))) + "\r")
    terminal.hear("\r\nthere\r")  # not the echo of what was typed
    urc = child_of(terminal.pid)
    os.kill(urc, signal.SIGTSTP)
    terminal.hear("Stopped.*READY ")
    terminal.type("kill %1\r")
    until("gone", lambda: state_of(urc) in ("Z", ""))
    terminal.type("exit\r")
    os.waitpid(terminal.pid, 0)


def state_of(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def job_control_inside(run):
    """^Z and ^C are bytes for the terminal inside."""
    terminal = Terminal(run(["env", "PS1=INSIDE ", "sh", "-i"]))
    terminal.hear("INSIDE ")
    terminal.type("trap 'echo caught' INT; sh -c 'echo begin; sleep 1000'\r")
    terminal.hear("begin\r")
    terminal.type("\x1a")
    terminal.hear("Stopped.*INSIDE ")
    terminal.type("bg\r")
    # busybox's shell sometimes waits for a line without having asked for it.
    while not terminal.hears("INSIDE ", 0.5):
        terminal.type("\r")
    terminal.type("fg\r")
    terminal.hear("sleep 1000.\r\n")
    # The shell names the job before it gives it the terminal.
    while not terminal.hears("INSIDE ", 0.5):
        terminal.type("\x03")
    terminal.type("exit 9\r")
    terminal.finish(9)


# --- input's end ---------------------------------------------------------------------------------------------------

def call(words, stdin, **more):
    return subprocess.run(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, **more)


def end_of_a_pipe(run):
    """A program that reads to the end, one that left an unfinished line, the shell after its child, a shell that
    edits its line."""
    for script, text, wanted in ((["cat"], "a\nb\n", "a\r\nb\r\n"), (["cat"], "a", "a"), (["sh", "-c", "cat; cat; echo end"], "", "end"),
                                 (["sh", "-i"], "echo in''side\n", "inside\r\n")):
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        result = call(run(script), reading)
        os.close(reading)
        need(result.returncode == 0 and wanted.encode() in result.stdout, "%s: %r" % (script, result))


def end_of_a_file(run, work):
    with open(work + "/typed", "w", encoding="ascii") as file:
        file.write("one\ntwo\n")
    with open(work + "/typed", "rb") as file:
        result = call(run(["cat"]), file)
    need(result.returncode == 0 and b"two\r\n" in result.stdout, repr(result))


def nobody_types(run):
    """/dev/null is nobody, and a closed stdin too: the program waits for keys, and ends by itself."""
    for stdin in (subprocess.DEVNULL, "closed"):
        script = ["sh", "-c", "timeout 2 cat; echo status $?"]
        words = run(script) if stdin != "closed" else ["sh", "-c", "exec <&-; exec \"$@\"", "sh"] + run(script)
        result = call(words, subprocess.DEVNULL)
        need(b"status 143" in result.stdout, repr(result))


# --- all bytes -------------------------------------------------------------------------------------------------------

def pump(fd):
    digest, size = hashlib.sha256(), 0
    while True:
        data = os.read(fd, 1 << 20)
        if not data:
            return digest.hexdigest(), size
        digest.update(data)
        size += len(data)


def all_output(run):
    """100 MB and the end at once."""
    script = "stty raw -echo; head -c %d /dev/zero | tr '\\0' x" % SIZE
    with subprocess.Popen(run(["sh", "-c", script]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        digest, size = pump(process.stdout.fileno())
    same("status", process.returncode, 0)
    same("size", size, SIZE)
    same("hash", digest, hashlib.sha256(b"x" * SIZE).hexdigest())


def binary(run, work):
    """Every byte there and back, through a pipe and a file."""
    data = bytes(range(256)) * 20000
    with open(work + "/binary", "wb") as file:
        file.write(data)
    script = "stty raw -echo; echo there; head -c %d" % len(data)
    with subprocess.Popen(run(["sh", "-c", script]), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        same("first line", os.read(process.stdout.fileno(), 6), b"there\n")
        writer = os.fork()
        if writer == 0:
            process.stdout.close()
            process.stdin.write(data)
            process.stdin.close()
            os._exit(0)
        process.stdin.close()
        back = process.stdout.read()
        os.waitpid(writer, 0)
    same("status", process.returncode, 0)
    need(back == data, "%d bytes came back, not the %d that were sent" % (len(back), len(data)))


def to_a_file_and_a_socket(run, work):
    script = ["sh", "-c", "stty raw -echo; seq 100000"]
    wanted = b"".join(b"%d\n" % n for n in range(1, 100001))
    with open(work + "/file", "wb") as file:
        file.write(b"before\n")
        file.flush()
        subprocess.run(run(script), stdin=subprocess.DEVNULL, stdout=file, timeout=PATIENCE, check=True)
    with open(work + "/file", "rb") as file:
        need(file.read() == b"before\n" + wanted, "the file has something else")
    ours, theirs = socket.socketpair()
    with subprocess.Popen(run(script), stdin=subprocess.DEVNULL, stdout=theirs) as process:
        theirs.close()
        digest, _ = pump(ours.fileno())
    same("hash", digest, hashlib.sha256(wanted).hexdigest())
    same("status", process.returncode, 0)


def full_pipe(run):
    """Nobody reads: signals are still forwarded; then all of it comes."""
    script = "trap 'touch /tmp/heard' USR1; stty raw -echo; seq 200000 & wait; wait; exit 3"
    reading, writing = os.pipe()
    with subprocess.Popen(run(["sh", "-c", script]), stdin=subprocess.DEVNULL, stdout=writing) as process:
        until("a full pipe", lambda: not select.select([], [writing], [], 0)[1])
        need(blocks(writing), "O_NONBLOCK is set on the caller's pipe")
        os.close(writing)
        os.kill(process.pid, signal.SIGUSR1)
        until("the signal is heard", lambda: os.path.exists(run.rootfs + "/tmp/heard"))
        os.unlink(run.rootfs + "/tmp/heard")
        same("hash", pump(reading)[0], hashlib.sha256(b"".join(b"%d\n" % n for n in range(1, 200001))).hexdigest())
    same("status", process.returncode, 3)


def non_blocking_streams(run):
    """The caller's own O_NONBLOCK stays, and is no end."""
    reading, writing = os.pipe()
    typed, typing = os.pipe()
    for fd in (writing, typed):
        os.set_blocking(fd, False)
    script = "stty raw -echo; read line; echo got $line; seq 100000"
    with subprocess.Popen(run(["sh", "-c", script]), stdin=typed, stdout=writing) as process:
        time.sleep(0.3)
        os.write(typing, b"x\n")
        until("a full pipe", lambda: not select.select([], [writing], [], 0)[1])
        need(not blocks(writing) and not blocks(typed), "O_NONBLOCK is gone")
        os.close(writing)
        digest, _ = pump(reading)
    wanted = b"got x\n" + b"".join(b"%d\n" % n for n in range(1, 100001))
    same("hash", digest, hashlib.sha256(wanted).hexdigest())
    same("status", process.returncode, 0)


def stopped_output(run):
    """^S at the caller's terminal: it is raw, so the byte goes inside and stops the terminal there."""
    terminal = Terminal(run(command("read line; seq 50000; echo done; exit 2")))
    terminal.hear("there")
    terminal.type("\x13x\r")
    time.sleep(0.5)
    need(not select.select([terminal.master], [], [], 0)[0], "output after ^S")
    terminal.type("\x11")
    terminal.hear("1\r\n2\r\n.*50000\r\ndone")
    terminal.finish(2)


def flow_stopped_terminal(run):
    """A terminal that is stopped itself (tcflow): urc waits with its last bytes, and SIGTERM ends the wait."""
    terminal = Terminal(run(command("read line; seq 50000; exit 2")))
    terminal.hear("there")
    termios.tcflow(terminal.slave, termios.TCOOFF)
    terminal.type("x\r")
    until("asleep", lambda: state_of(terminal.pid) == "S")
    time.sleep(0.3)
    need(state_of(terminal.pid) == "S", "gone, without its last bytes")
    termios.tcflow(terminal.slave, termios.TCOON)
    terminal.hear("50000")
    terminal.finish(2)


def reader_goes_away(run):
    """| head -1: a terminal that has gone; the program is hung up and ends."""
    reading, writing = os.pipe()
    with subprocess.Popen(run(["yes"]), stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.read(reading, 100)
        os.close(reading)
        process.wait(PATIENCE)
        need(process.returncode in (1, 129), "status %d" % process.returncode)


def console_is_opened_again(run):
    """All close it, and somebody opens it later: what is said then is heard, too."""
    script = "t=$(tty); (sleep 0.3; echo later >$t; exit) & exec <&- >&- 2>&-; wait; echo last >$t; exit 8"
    result = call(run(["sh", "-c", script]), subprocess.DEVNULL)
    need(result.returncode == 8 and b"later\r\nlast\r\n" in result.stdout, repr(result))


# --- a screen ---------------------------------------------------------------------------------------------------------

def full_screen(run, work):
    """vi and a screen as tmux sees it."""
    if not shutil.which("tmux"):
        raise Skip("tmux is not installed")
    if os.path.exists(run.rootfs + "/tmp/new-file"):
        os.unlink(run.rootfs + "/tmp/new-file")

    def tmux(*words):
        return subprocess.run(["tmux", "-S", work + "/tmux", "-f", "/dev/null", *words], capture_output=True, text=True,
                              timeout=PATIENCE, check=True).stdout
    tmux("new-session", "-d", "-x", "100", "-y", "30", "env PS1='READY ' sh")
    try:
        until("a prompt", lambda: "READY" in tmux("capture-pane", "-p"))
        with open(work + "/vi.sh", "w", encoding="ascii") as file:
            file.write(quoted(run(["vi", "/tmp/new-file"])) + "\n")
        tmux("send-keys", "clear; sh %s/vi.sh" % work, "Enter")
        until("vi's screen", lambda: re.search(r"^~\n(.*\n)*.*new-file", tmux("capture-pane", "-p"), re.M))
        same("lines of vi", len(re.findall("^~", tmux("capture-pane", "-p"), re.M)), 28)
        tmux("send-keys", "i", "hello screen", "Escape")
        until("the text", lambda: "hello screen" in tmux("capture-pane", "-p"))
        tmux("resize-window", "-x", "80", "-y", "20")
        tmux("send-keys", "C-l")
        until("the smaller screen", lambda: len(re.findall("^~", tmux("capture-pane", "-p"), re.M)) == 18)
        tmux("send-keys", ":wq", "Enter")
        time.sleep(0.5)
        tmux("send-keys", "clear; stty -a; echo sane", "Enter")
        until("the shell", lambda: re.search("^sane", tmux("capture-pane", "-p"), re.M))
        screen = tmux("capture-pane", "-p")
        need(all(re.search(r"(^|\s)%s(\s|$)" % mode, screen) for mode in ("icanon", "opost", "echo")), screen)
    finally:
        tmux("kill-server")
    with open(run.rootfs + "/tmp/new-file", encoding="ascii") as file:
        same("file", file.read(), "hello screen\n")


class Runner:
    """run(words): the call of urc that has these words run on a terminal."""

    def __init__(self, verb, urc, root, bundle, name):
        self.verb, self.urc, self.root, self.bundle, self.name = verb, urc, root, bundle, name
        self.rootfs = bundle + "/rootfs"
        self.calls = 0

    def __call__(self, words):
        if self.verb == "exec":
            return [self.urc, "--root", self.root, "exec", "-t", self.name, *words]
        self.calls += 1
        with open(self.bundle + "/config.json", encoding="utf-8") as file:
            config = json.load(file)
        config["process"]["args"] = words
        if self.verb == "attach":
            # Not before somebody is there to hear it: attach brings another size than the configuration's.
            config["process"]["args"] = ["sh", "-c", "until [ \"$(stty size)\" != '33 99' ]; do sleep 0.02; done; "
                                         "exec \"$@\"", "sh", *words]
        path = "%s/config-%d.json" % (self.bundle, self.calls)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        name = "%s-%s-%d" % (self.name, sys.argv[1], self.calls)
        call = [self.urc, "--root", self.root, "run", "--bundle", self.bundle, "--config", path]
        if self.verb == "run":
            return [*call, name]
        log = "k8s-file,path=%s.log" % path
        started = subprocess.run([*call, "--detach", "--interactive", "--log-driver", log, name], capture_output=True,
                                 stdin=subprocess.DEVNULL, timeout=PATIENCE)
        need(started.returncode == 0, "run --detach: %r" % started.stderr)
        return [self.urc, "--root", self.root, "attach", name]


SCENARIOS = {name: function for name, function in list(globals().items())
             if inspect.isfunction(function) and list(inspect.signature(function).parameters)[:1] == ["run"]}
SCENARIOS.update({"killed_by_" + name: killed_by(getattr(signal, "SIG" + name)) for name in ("TERM", "HUP", "INT")})


def main():
    if len(sys.argv) == 1:
        print("\n".join(SCENARIOS))
        return 0
    scenario, run, work = SCENARIOS[sys.argv[1]], Runner(*sys.argv[2:7]), sys.argv[7]
    try:
        scenario(*[run, work][:len(inspect.signature(scenario).parameters)])
    except Skip as skip:
        print(skip, file=sys.stderr)
        return 77
    except (Fail, subprocess.TimeoutExpired) as fail:
        print(fail, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
