"""Published ports: --publish, and `port` while the container runs."""
import json
import socket

from registry import need, check, same, section
from runtime import until

section("Commands")

SERVICE = "exec nc -ll -p 80 -e echo served"


def port_told(text):
    """The port of `127.0.0.1:PORT -> ...`."""
    return int(text.split(" ", 1)[0].rsplit(":", 1)[1])


def answer(port):
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            return connection.makefile("rb").read()
    except OSError:
        return b""


def serves(port):
    until(lambda: answer(port) == b"served\n", "an answer by port %d" % port)


def publishes(verb):
    @check(verb + " --publish", "a port of the host leads to the container; one left to be picked is told")
    def act(runtime):
        bundle = runtime.bundle(script=SERVICE)
        bundle.write()
        options = ("--publish", "127.0.0.1:0:80", "--bundle", bundle.path, bundle.id)
        told = runtime.ok(verb, *(("--detach",) if verb == "run" else ()), *options).out
        if verb == "create":
            runtime.ok("start", bundle.id)
        need(told.endswith(" -> 127.0.0.1:80/tcp\n"), "it told " + told)
        serves(port_told(told))


for each in ("run", "create"):
    publishes(each)


def published(runtime):
    bundle = runtime.bundle(script=SERVICE)
    bundle.write()
    runtime.ok("run", "--detach", "--bundle", bundle.path, bundle.id)
    return bundle.id, port_told(runtime.ok("port", "add", bundle.id, "127.0.0.1:0:80").out)


@check("port", "ports are added to a container that runs, listed, and removed")
def port_add_and_remove(runtime):
    container, port = published(runtime)
    serves(port)
    table = runtime.ok("port", "list", container).out.splitlines()
    same(table[1].split(), ["127.0.0.1:%d" % port, "127.0.0.1:80", "tcp"], "the line of the table")
    runtime.ok("port", "remove", container, "127.0.0.1:%d:80" % port)
    same(answer(port), b"", "after it was removed")


@check(["port --format", "port --stats"], "the list as JSON, with what went through")
def port_list_json(runtime):
    container, port = published(runtime)
    serves(port)
    entries = json.loads(runtime.ok("port", "list", "--format", "json", "--stats", container).out)
    same([(entry["hostPort"], entry["childPort"]) for entry in entries], [(port, 80)], "the ports")
    need(entries[0]["connections"] > 0 and entries[0]["bytesOut"] >= len("served\n"), "numbers: %s" % entries[0])
