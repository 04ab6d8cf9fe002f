"""config.json: hooks."""
import json
import os

from registry import check, need, refused, same, section
from runtime import read, until, write

section("hooks")

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def recorder(bundle, name, body=""):
    """A hook script on the host that appends `name` and what it got to the bundle's record."""
    return write(bundle.path + "/" + name, "#!/bin/sh\ncat >>%s/%s.json\necho %s >>%s/order\n%s\n"
                 % (bundle.path, name, name, bundle.path, body), 0o755)


def with_hooks(runtime, *kinds):
    bundle = runtime.bundle("true")
    bundle.config["hooks"] = {kind: [{"path": recorder(bundle, kind)}] for kind in kinds}
    return bundle


HOST_KINDS = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")


@check(["hooks." + kind for kind in HOST_KINDS], "run in order, with the state on standard input")
def order(runtime):
    bundle = with_hooks(runtime, *HOST_KINDS)
    runtime.output(bundle)
    same(read(bundle.path + "/order").split(), list(HOST_KINDS), "order")
    for kind in HOST_KINDS:
        state = json.loads(read("%s/%s.json" % (bundle.path, kind)))
        same(state["id"], bundle.id, kind + ": id")
        same(os.path.realpath(state["bundle"]), os.path.realpath(bundle.path), kind + ": bundle")
        need("ociVersion" in state and state.get("status"), kind + ": no version or status")
    same(json.loads(read(bundle.path + "/poststop.json"))["status"], "stopped", "poststop: status")


@check("hooks.startContainer", "runs in the container, with the program's environment")
def start_container(runtime):
    bundle = runtime.bundle("cat", "/tmp/seen")
    write(bundle.rootfs + "/bin/hook", "#!/bin/sh\ncat >/dev/null\necho $A >/tmp/seen\n", 0o755)
    bundle.config["process"]["env"].append("A=from-the-process")
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/hook"}]}
    same(runtime.output(bundle), "from-the-process\n")


@check("hooks.startContainer", "comes with start, not with create")
def start_container_late(runtime):
    bundle = runtime.bundle("true")
    write(bundle.rootfs + "/bin/hook", "#!/bin/sh\ncat >/dev/null\ntouch /tmp/seen\n", 0o755)
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/hook"}]}
    runtime.create(bundle)
    need(not os.path.exists(bundle.rootfs + "/tmp/seen"), "it ran at create")
    runtime.ok("start", bundle.id)
    until(lambda: os.path.exists(bundle.rootfs + "/tmp/seen"), "run of the hook")


def namespace_check(kind, name, is_container):
    @check("hooks." + kind, "in the container's mount namespace" if is_container else "in the caller's namespaces")
    def act(runtime):
        bundle = runtime.bundle("sleep", "1000")
        path = recorder(bundle, kind, "readlink /proc/self/ns/%s >%s/ns" % (name, bundle.path))
        bundle.config["hooks"] = {kind: [{"path": path}]}
        bundle.write()
        runtime.ok("run", "--detach", "--bundle", bundle.path, bundle.id)
        pid = runtime.state(bundle)["pid"]
        whose = pid if is_container else "self"
        same(read(bundle.path + "/ns").strip(), os.readlink("/proc/%s/ns/%s" % (whose, name)), "namespace")


namespace_check("createRuntime", "mnt", False)
namespace_check("createContainer", "mnt", True)
namespace_check("poststart", "mnt", False)


@check("hooks[].args, env", "are those given, and no others")
def args_env(runtime):
    bundle = runtime.bundle("true")
    path = write(bundle.path + "/hook", "#!/bin/sh\ncat >/dev/null\n{ echo \"$1\"; env; } >%s/seen\n" % bundle.path, 0o755)
    bundle.config["hooks"] = {"prestart": [{"path": path, "args": ["hook", "one two"], "env": ["A=b"]}]}
    runtime.output(bundle)
    lines = read(bundle.path + "/seen").splitlines()
    same(lines[0], "one two", "argument")
    need("A=b" in lines, "no A=b in the environment")
    need(not any(line.startswith("HOME=") for line in lines), "the caller's environment is seen")


@check("hooks[].timeout", "ends the hook and fails")
def timeout(runtime):
    bundle = runtime.bundle("true")
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]}
    refused(runtime.run(bundle), "timeout|timed out|hook")
    runtime.nothing_left(bundle)


for kind in ("prestart", "createRuntime", "createContainer"):
    def failing(runtime, kind=kind):
        bundle = runtime.bundle("echo", "ran")
        bundle.config["hooks"] = {kind: [{"path": "/bin/true"}, {"path": "/bin/false"}]}
        result = runtime.run(bundle)
        refused(result, "hook")
        same(result.out, "", "output")
        runtime.nothing_left(bundle)
    check("hooks." + kind, "a failing one undoes the create")(failing)


@check("hooks.poststop", "a failing one is a warning, and the others still run")
def poststop_failing(runtime):
    bundle = runtime.bundle("true")
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/false"}, {"path": recorder(bundle, "second")}]}
    runtime.run(bundle)
    same(read(bundle.path + "/order"), "second\n", "order")


@check("hooks[].path", "a relative one is refused")
def relative_path(runtime):
    bundle = runtime.bundle("true")
    bundle.config["hooks"] = {"prestart": [{"path": "bin/true"}]}
    refused(runtime.run(bundle), "hook|path|no such file")
    runtime.nothing_left(bundle)
