#!/usr/bin/env python3
"""A criu for tests: `criu swrk 3` as far as urc can tell, doing what $FAKE_CRIU says, word by word:

  version:MAJOR.MINOR   what it claims to be (3.17)
  features:N            bits: 1 memory tracking, 2 lazy pages (3)
  notify:SCRIPT         tells SCRIPT; when urc refuses, the request fails
  kill                  kills the dumped process, as a dump does
  spawn                 starts what is "restored": a process beside this one, in the same cgroup
  pty                   hands over the master of a new terminal as "orphan-pts-master"
  garbage, die, hang    a message that is none; SIGKILL for itself; waits for the end of the socket
  fail, ok              the last response
  status:N              its exit status
The request is written to $FAKE_CRIU_RECORD, if set.
"""
import array, ctypes, os, signal, socket, sys

WORK = 5
sock = socket.socket(fileno=int(sys.argv[2]))
libc = ctypes.CDLL(None, use_errno=True)


def varint(n):
    out = b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value if isinstance(value, bytes) else value.encode()
    return varint(field << 3 | 2) + varint(len(value)) + value


def fields(message):
    found, at = {}, 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = take()
        value = take()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        found.setdefault(key >> 3, value)
    return found


def notify(script, pid=0, fd=None):
    inner = text(1, script) + (number(2, pid) if pid else b"")
    message = number(1, 6) + number(2, 1) + text(5, inner)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
    sock.sendmsg([message], rights)
    answer = sock.recv(4096)
    return bool(answer) and fields(answer).get(3, 0) == 1


def finish(kind, success, pid=0):
    message = number(1, kind) + number(2, int(success))
    if kind == 2:
        message += text(4, number(1, pid))
    if not success:
        message += number(7, 22)
    sock.send(message)


def spawn():
    """clone(2) with CLONE_PARENT: a brother, as rst_sibling asks for."""
    pid = libc.syscall(56, 0x8000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os.closerange(3, 64)
        os.execv("/bin/busybox", ["sleep", "1000"])
    return pid


def serve(kind, options):
    log = "dump.log" if kind in (1, 4) else "restore.log"
    with open(f"/proc/self/fd/{WORK}/{log}", "w") as file:
        file.write("(00.000001) Version: fake\n(00.000002) Error (fake.c:1): told to fail\n(00.000003) Error 2\n")
    restored = 0
    for word in os.environ["FAKE_CRIU"].split():
        verb, _, value = word.partition(":")
        if verb == "notify":
            pid = restored if value in ("setup-namespaces", "post-restore") else 0
            if not notify(value, pid):
                if restored:
                    os.kill(restored, signal.SIGKILL)
                return finish(kind, False)
        elif verb == "kill":
            os.kill(options[2], signal.SIGKILL)
        elif verb == "spawn":
            restored = spawn()
        elif verb == "pty":
            # By the devpts itself: /dev/ptmx may be a node of another file system, which urc takes for no terminal.
            master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
            if not notify("orphan-pts-master", 0, master):
                os.kill(restored, signal.SIGKILL)
                return finish(kind, False)
        elif verb == "garbage":
            sock.send(b"\xff\xff garbage")
        elif verb == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "hang":
            sock.recv(4096)
        elif verb == "fail":
            if restored:
                os.kill(restored, signal.SIGKILL)
            return finish(kind, False)
        elif verb == "ok":
            finish(kind, True, restored)
        elif verb == "status":
            sys.exit(int(value))


def setting(name, default):
    for word in os.environ["FAKE_CRIU"].split():
        if word.startswith(name + ":"):
            return word.partition(":")[2]
    return default


while True:
    request = sock.recv(65536)
    if not request:
        sys.exit(0)
    asked = fields(request)
    if asked[1] == 10:
        major, minor = setting("version", "3.17").split(".")
        sock.send(number(1, 10) + number(2, 1) + text(10, number(1, int(major)) + number(2, int(minor))))
    elif asked[1] == 9:
        bits = int(setting("features", "3"))
        sock.send(number(1, 9) + number(2, 1) + text(8, number(1, bits & 1) + number(2, bits >> 1)))
    else:
        if "FAKE_CRIU_RECORD" in os.environ:
            with open(os.environ["FAKE_CRIU_RECORD"], "wb") as file:
                file.write(request)
        serve(asked[1], fields(asked[2]))
        sys.exit(1 if asked[1] == 4 else 0)
