"""The other ends of tests/slow/relay_soak.sh.

  gate SIGNALS LOGS CONTAINERS SECONDS   makes the fifos of bench/gate.h, lets the programs go and end as it is told
                                       on standard input, and reads every LOGS/N.fifo into LOGS/N.raw, with stalls
  check LOGS CONTAINERS COUNT SIZE     whether every sink has every line, once, in order
"""
import fcntl
import glob
import json
import os
import re
import selectors
import sys
import time


class Gate:
    def __init__(self, directory):
        for name in ("up", "go", "end"):
            os.mkfifo(f"{directory}/{name}")
        flags = os.O_RDWR | os.O_NONBLOCK
        self.up, self.go, self.end = (os.open(f"{directory}/{name}", flags) for name in ("up", "go", "end"))


class Reader:
    """One fifo, a page large. It is not read during its stalls, which count from the go."""

    def __init__(self, fifo, number, seconds):
        self.fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, 4096)
        self.file = open(fifo.removesuffix("fifo") + "raw", "wb")
        # Some stall early, some late, for three to six seconds, and each a second time.
        length = min(3 + number % 4, seconds * 0.15)
        first = seconds * (0.1 + number % 7 * 0.08)
        self.stalls = [(first, first + length), (seconds * 0.75, seconds * 0.75 + length)]
        self.has_had_a_writer = self.is_over = False

    def is_stalled(self, elapsed):
        return any(begin <= elapsed < end for begin, end in self.stalls)

    def take(self):
        try:
            while data := os.read(self.fd, 65536):
                self.file.write(data)
                self.has_had_a_writer = True
            # End of file: nobody writes. Before the first byte that says nothing.
            if self.has_had_a_writer:
                self.is_over = True
        except BlockingIOError:
            self.has_had_a_writer = True


def run_gate(directory, logs, containers, seconds):
    gate = Gate(directory)
    readers = [Reader(f"{logs}/{n}.fifo", n, seconds) for n in range(containers) if n % 4 >= 2]
    print("ready", flush=True)
    words = {b"u": 0, b"d": 0}
    begun = None
    said = set()
    watched = selectors.DefaultSelector()
    watched.register(gate.up, selectors.EVENT_READ, "up")
    watched.register(0, selectors.EVENT_READ, "told")
    is_ended = False

    def say(word):
        if word not in said:
            said.add(word)
            print(word, flush=True)

    while not (is_ended and all(reader.is_over for reader in readers)):
        for key, _ in watched.select(0.05):
            if key.data == "up":
                for byte in os.read(gate.up, 65536):
                    words[bytes([byte])] += 1
                continue
            told = os.read(0, 4096)
            if not told:
                return 1
            if b"go" in told:
                begun = time.monotonic()
                os.close(gate.go)
            if b"end" in told:
                os.close(gate.end)
                is_ended = True
        if words[b"u"] == containers:
            say("up")
        if words[b"d"] == containers:
            say("written")
        elapsed = time.monotonic() - begun if begun else -1.0
        for reader in readers:
            if not reader.is_over and not reader.is_stalled(elapsed):
                reader.take()
    for reader in readers:
        reader.file.close()
    say("read")
    return 0


RECORD = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d) stdout ([FP]) (.*)$")


def k8s_text(path):
    text = b""
    for record in open(path, "rb").read().split(b"\n")[:-1]:
        parts = RECORD.match(record)
        if not parts:
            raise ValueError(f"no record of the CRI: {record[:80]!r}")
        text += parts[2] + (b"\n" if parts[1] == b"F" else b"")
    return text


def json_text(path):
    """FILE.1 is the newest of those that were rotated away, so the highest number comes first."""
    rotated = sorted(glob.glob(path + ".*"), key=lambda name: -int(name.rpartition(".")[2]))
    text = ""
    for name in rotated + [path]:
        for record in open(name):
            fields = json.loads(record)
            if fields["stream"] != "stdout":
                raise ValueError(f"{name}: stream {fields['stream']}")
            text += fields["log"]
    return text.encode()


def line(number, size):
    filler = bytes(ord("a") + i % 26 for i in range(size - 11))
    return filler + b"%010d\n" % number


def check(logs, containers, count, size):
    wanted = b"".join(line(number, size) for number in range(count))
    kinds = {"k8s": k8s_text, "json": json_text, "raw": lambda path: open(path, "rb").read()}
    bad = checked = 0
    for n in range(containers):
        for kind in ("k8s",) + ((), ("json",), ("raw",), ("raw",))[n % 4]:
            path = f"{logs}/{n}.{kind}"
            checked += 1
            try:
                text = kinds[kind](path)
            except (OSError, ValueError, KeyError) as error:
                problem = str(error)
            else:
                if text == wanted:
                    continue
                same = os.path.commonprefix([text, wanted]).count(b"\n")
                problem = f"differs after {same} lines; {text.count(bytes([10]))} lines of {count}"
            bad += 1
            if bad <= 10:
                print(f"{path}: {problem}")
    print(f"{checked} sinks, {bad} wrong")
    return 1 if bad or not checked else 0


if sys.argv[1] == "gate":
    sys.exit(run_gate(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
sys.exit(check(sys.argv[2], *map(int, sys.argv[3:6])))
