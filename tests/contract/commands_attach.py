"""attach, against a monitor of the check's own (core/monitor/protocol.h)."""
import os
import socket
import threading

from registry import check, need, refused, same, section, short
from runtime import patience

section("Commands")

ATTACH, ATTACHED, INPUT, END_OF_INPUT, OUT, ENDED = 1, 2, 3, 4, 6, 9


class Monitor:
    """Answers one attach with "hello", hears until `last`, and tells of an end with status 7."""

    def __init__(self, path, last):
        self.packets, self.last = [], last
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(patience())
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        connection = self.listener.accept()[0]
        connection.settimeout(patience())
        self.packets.append(connection.recv(40000))
        connection.send(bytes([ATTACHED, 0, 1, 0, 0]))
        connection.send(bytes([OUT]) + b"hello\n")
        while self.packets[-1] and self.packets[-1][0] != self.last:
            self.packets.append(connection.recv(40000))
        connection.send(bytes([ENDED]) + (7 << 8).to_bytes(4, "little"))
        connection.close()

    def close(self):
        self.thread.join()
        self.listener.close()


def attach(runtime, last, *options, stdin=b""):
    bundle = runtime.hold()
    monitor = Monitor(os.path.join(runtime.root, bundle.id, "monitor.sock"), last)
    try:
        result = runtime.call("attach", *options, bundle.id, stdin=stdin)
    finally:
        monitor.close()
    same(result.status, 7, "exit status (%s)" % short(result.err))
    same(result.out, "hello\n")
    return monitor.packets


@check("attach", "input, its end, output and the container's status")
def attach_streams(runtime):
    packets = attach(runtime, END_OF_INPUT, stdin=b"typed")
    same(packets[1], bytes([INPUT]) + b"typed", "input")


@check(["attach --no-stdin", "attach --sig-proxy"], "only watches")
def attach_watch(runtime):
    packets = attach(runtime, ATTACH, "--no-stdin", "--sig-proxy=false", stdin=b"typed")
    same(packets[0][2], 0, "the request for input")
    need(len(packets) == 1, "input was sent: %r" % packets)


@check("attach --detach-keys", "an unknown key is refused")
def attach_keys(runtime):
    refused(runtime.call("attach", "--detach-keys", "ctrl-p,foo", runtime.hold().id), "detach-keys.*foo", 1)


@check("attach", "of a container without a monitor is refused")
def attach_nobody(runtime):
    refused(runtime.call("attach", runtime.hold().id), "nobody monitors", 1)
