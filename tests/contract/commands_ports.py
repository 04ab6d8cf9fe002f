"""Published ports: --publish, `port` while the container runs, and `proxy` for whoever runs it."""
import json
import os
import signal
import socket
import subprocess

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


# ---- proxy: a network namespace that is somebody else's
class Proxy:
    """Ready when its first port is told, and ended as a user ends it."""

    def __init__(self, runtime, *options):
        self.process = runtime.start("proxy", *options, stdout=subprocess.PIPE)
        told = self.process.stdout.readline().decode()
        need(" -> " in told, "it told " + repr(told))
        self.port = port_told(told)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        same(self.process.wait(30), 0, "the status after SIGTERM")
        self.process.stdout.close()
        same(answer(self.port), b"", "after its end")


def service_pid(runtime, script=SERVICE):
    """Of a container that has published nothing itself."""
    bundle = runtime.bundle(script=script)
    bundle.write()
    runtime.ok("run", "--detach", "--bundle", bundle.path, bundle.id)
    return str(runtime.state(bundle)["pid"])


@check(["proxy", "proxy --pid", "proxy --publish"], "a port leads into the namespace of a process until SIGTERM")
def proxy_of_a_process(runtime):
    proxy = Proxy(runtime, "--pid", service_pid(runtime), "--publish", "127.0.0.1:0:80")
    serves(proxy.port)
    proxy.end()


@check("proxy --netns", "a port leads into the namespace at a path")
def proxy_of_a_path(runtime):
    proxy = Proxy(runtime, "--netns", "/proc/%s/ns/net" % service_pid(runtime), "-p", "127.0.0.1:0:80")
    serves(proxy.port)
    proxy.end()


@check("proxy --proxy-protocol", "the service is told who the client is")
def proxy_says_who(runtime):
    pid = service_pid(runtime, "exec nc -ll -p 80 -e head -n 1")
    proxy = Proxy(runtime, "--pid", pid, "-p", "127.0.0.1:0:80", "--proxy-protocol", "v1")
    until(lambda: answer(proxy.port) != b"", "an answer")
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        client = connection.getsockname()[1]
        said = connection.makefile("rb").readline()
    same(said, b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (client, proxy.port), "the header")
    proxy.end()


@check("proxy --source-ip", "a rule brings back the answers to the clients' own addresses, and goes with the proxy")
def proxy_is_transparent(runtime):
    pid = service_pid(runtime)

    def rules():
        return subprocess.run(["nsenter", "-t", pid, "-n", "ip", "rule"], capture_output=True, check=True).stdout

    before = rules()
    proxy = Proxy(runtime, "--pid", pid, "-p", "127.0.0.1:0:80", "--source-ip", "transparent")
    serves(proxy.port)
    need(rules() != before, "there is no rule")
    proxy.end()
    until(lambda: rules() == before, "the rule's end")


def ask_api(path, request):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(request.replace("\n", "\r\n").encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@check("proxy --api", "rootlesskit's API lists, adds and removes ports")
def proxy_serves_the_api(runtime):
    path = runtime.dir + "/api.sock"
    proxy = Proxy(runtime, "--pid", service_pid(runtime), "-p", "127.0.0.1:0:80", "--api", path)
    until(lambda: os.path.exists(path), "the API's socket")
    end = "HTTP/1.1\nHost: urc\nConnection: close\n"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    spec = json.dumps({"proto": "tcp", "parentIP": "127.0.0.1", "parentPort": port, "childPort": 80})
    status, body = ask_api(path, "POST /v1/ports %sContent-Length: %d\n\n%s" % (end, len(spec), spec))
    same((status, json.loads(body)["id"]), (201, 2), "what became of it")
    serves(port)
    status, body = ask_api(path, "GET /v1/ports %s\n" % end)
    same([entry["spec"]["parentPort"] for entry in json.loads(body)], [proxy.port, port], "the ports")
    same(ask_api(path, "DELETE /v1/ports/2 %s\n" % end)[0], 200, "the status of a removal")
    same(answer(port), b"", "after it was removed")
    proxy.end()
    need(not os.path.exists(path), "the API's socket is left")


@check(["proxy --rootlesskit", "proxy --rootlesskit-child"], "the two ends of rootlesskit's protocol meet")
def proxy_in_two_halves(runtime):
    directory = runtime.dir + "/rootlesskit"
    os.mkdir(directory)
    child = runtime.start("proxy", "--rootlesskit-child", directory, "--pid", service_pid(runtime))
    until(lambda: os.path.exists(directory + "/.bp.sock"), "the child's socket")
    proxy = Proxy(runtime, "--rootlesskit", directory, "-p", "127.0.0.1:0:80")
    serves(proxy.port)
    proxy.end()
    child.send_signal(signal.SIGTERM)
    same(child.wait(30), 0, "the child's status after SIGTERM")
    need(not os.path.exists(directory + "/.bp.sock"), "the child's socket is left")
