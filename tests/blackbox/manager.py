"""A service manager for one command: gives it a NOTIFY_SOCKET and writes down what it is told.

    manager.py LOG [--socket PATH|@NAME] [--never-reads] [--env NAME=VALUE]... COMMAND...

LOG gets a line a datagram, as it came, with its lines joined by blanks:

    <pid of the sender> READY=1 STATUS=up [fd memfd:words] [fd pipe]
    end <exit status of COMMAND>

Barriers are answered: their descriptors are closed. Ends with the exit status of the command once the command has ended
and nothing more comes for a while (100 ms, or as long as something keeps LOG.wait there).
"""
import array
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time


def describe(fd):
    name = os.readlink("/proc/self/fd/%d" % fd)
    if name.startswith("/memfd:"):
        os.lseek(fd, 0, os.SEEK_SET)
        return "memfd:" + os.read(fd, 100).decode()
    return name.split(":")[0]


def receive(server, log):
    fds = array.array("i")
    body, ancillary, flags, _ = server.recvmsg(8192, 16384)
    sender = 0
    for level, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
        elif kind == socket.SCM_CREDENTIALS:
            sender = struct.unpack("3i", data)[0]
    words = body.decode(errors="replace").rstrip("\n").replace("\n", " ")
    words += "".join(" [fd %s]" % describe(fd) for fd in fds)
    for fd in fds:
        os.close(fd)
    log.write("%d %s\n" % (sender, words))
    log.flush()


def main(words):
    log_path = words.pop(0)
    path = log_path + ".socket"
    reads = True
    environment = dict(os.environ)
    while words[0].startswith("--"):
        option = words.pop(0)
        if option == "--socket":
            path = words.pop(0)
        elif option == "--never-reads":
            reads = False
        else:
            name, value = words.pop(0).split("=", 1)
            environment[name] = value
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind("\0" + path[1:] if path.startswith("@") else path)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    environment["NOTIFY_SOCKET"] = path
    with open(log_path, "w") as log:
        command = subprocess.Popen(words, env=environment)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda number, frame: command.send_signal(number))
        status = None
        quiet_since = time.monotonic()
        while status is None or time.monotonic() - quiet_since < 0.1 or os.path.exists(log_path + ".wait"):
            if reads and select.select([server], [], [], 0.02)[0]:
                receive(server, log)
                quiet_since = time.monotonic()
            elif not reads:
                time.sleep(0.02)
            if status is None:
                status = command.poll()
                if status is not None:
                    quiet_since = time.monotonic()
        log.write("end %d\n" % status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
