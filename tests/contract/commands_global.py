"""The command line in front of the command."""
import json
import os
import re

from registry import Skip, check, need, refused, same, section
from runtime import read

section("Commands")


@check("--root", "containers are known below it alone")
def root_option(runtime):
    bundle = runtime.hold()
    other = runtime.dir + "/other"
    os.mkdir(other)
    result = runtime.call("state", bundle.id, options=["--root", other])
    refused(result, "does not exist|not exist|no such")


@check(["--log", "--log-format"], "JSON objects with level, msg and time; the error on stderr as well")
def log_options(runtime):
    path = runtime.dir + "/log"
    result = runtime.call("state", "nobody", options=["--log", path, "--log-format", "json"])
    need(result.status == 1 and result.err.strip(), "no error on stderr")
    lines = [json.loads(line) for line in read(path).splitlines()]
    same([line["level"] for line in lines], ["error"], "levels")
    need(lines[0]["msg"] and re.match(r"\d{4}-\d\d-\d\dT", lines[0]["time"]), "no message or time")


@check("--debug", "writes debug lines")
def debug_option(runtime):
    path = runtime.dir + "/log"
    bundle = runtime.bundle("true")
    bundle.write()
    runtime.ok("run", "--bundle", bundle.path, bundle.id, options=["--debug", "--log", path, "--log-format", "json"])
    need(any(json.loads(line)["level"] == "debug" for line in read(path).splitlines()), "no debug line")


@check("--version", "name, commit and spec")
def version(runtime):
    out = runtime.ok("--version").out.splitlines()
    need(" version " in out[0], "first line is " + out[0])
    need(any(re.match(r"spec: \d+\.\d+\.\d+", line) for line in out), "no spec line")


@check("--help", "of every command")
def help_texts(runtime):
    for name in ("run", "create", "start", "state", "kill", "delete", "list", "ps", "exec", "pause", "resume", "update",
                 "spec"):
        need(runtime.ok(name, "--help").out.strip(), name + " has no help")


@check("--systemd-cgroup", "refused without systemd")
def systemd_cgroup(runtime):
    if os.path.isdir("/run/systemd/system"):
        raise Skip("this host has systemd: tests/vm shows it")
    bundle = runtime.bundle("true")
    bundle.config["linux"]["cgroupsPath"] = "system.slice:x:" + bundle.id
    bundle.write()
    refused(runtime.call("run", "--bundle", bundle.path, bundle.id, options=["--systemd-cgroup"]), "systemd")


@check("--rootless", "true, false and auto are taken")
def rootless_option(runtime):
    for value in ("true", "false", "auto"):
        need("ID" in runtime.ok("list", options=["--rootless=" + value]).out, "no list")


@check("--cgroup-manager", "disabled: no cgroup is made")
def cgroup_manager(runtime):
    bundle = runtime.bundle("cat", "/proc/self/cgroup")
    bundle.write()
    result = runtime.ok("run", "--bundle", bundle.path, bundle.id, options=["--cgroup-manager", "disabled"])
    need(result.out and bundle.id not in result.out, "it is in a cgroup of its own")
    need(not runtime.cgroup_directories(bundle), "a cgroup was made")


@check("--log-level", "is taken")
def log_level(runtime):
    need("ID" in runtime.ok("list", options=["--log-level", "debug"]).out, "no list")
