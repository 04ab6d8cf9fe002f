"""What must not be possible, as far as the command line shows it. tests/README.md says where each advisory is tested."""
import os
import re
import subprocess

from registry import Skip, check, need, put, refused, same, section
from runtime import CAPABILITIES, read, write

section("security")


@check("CVE-2024-21626", "a working directory through a leaked descriptor")
def leaked_cwd(runtime):
    leaked = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(leaked, 9)
    os.set_inheritable(9, True)
    try:
        for number in (7, 8, 9, 10):
            bundle = runtime.bundle(script="pwd; ls")
            bundle.config["process"]["cwd"] = "/proc/self/fd/%d" % number
            result = runtime.run(bundle, pass_fds=(9,))
            need(result.status != 0, "cwd /proc/self/fd/%d works" % number)
        bundle = runtime.hold()
        for number in (7, 8, 9, 10):
            result = runtime.exec(bundle, "pwd", options=["--cwd", "/proc/self/fd/%d" % number], pass_fds=(9,))
            need(result.status != 0, "exec --cwd /proc/self/fd/%d works" % number)
    finally:
        os.close(9)
        if leaked != 9:
            os.close(leaked)


for directory in ("proc", "sys"):
    def symlink(runtime, directory=directory):
        bundle = runtime.bundle("true")
        os.rmdir(bundle.rootfs + "/" + directory)
        os.mkdir(bundle.rootfs + "/elsewhere")
        os.symlink("/elsewhere", bundle.rootfs + "/" + directory)
        refused(runtime.run(bundle), "must be mounted on ordinary directory|symlink|not a directory|symbolic")
        runtime.nothing_left(bundle)
    check("CVE-2023-27561", "/%s is a symbolic link" % directory)(symlink)


@check("CVE-2019-16884", "a mount over /proc that is no procfs")
def fake_proc(runtime):
    bundle = runtime.bundle("true")
    os.makedirs(bundle.path + "/fake")
    bundle.config["mounts"][0] = {"destination": "/proc", "type": "bind", "source": bundle.path + "/fake",
                                  "options": ["bind"]}
    refused(runtime.run(bundle), "proc")
    runtime.nothing_left(bundle)


@check("CVE-2026-41579", "/dev is a symbolic link")
def dev_symlink(runtime):
    bundle = runtime.bundle("true")
    os.rmdir(bundle.rootfs + "/dev")
    outside = bundle.path + "/outside"
    os.mkdir(outside)
    os.symlink(outside, bundle.rootfs + "/dev")
    bundle.config["process"]["args"] = ["echo", "fine"]
    result = runtime.run(bundle)
    need(result.out == "fine\n" if result.status == 0 else result.err, "neither run nor refused")
    same(os.listdir(outside), [], "what was made outside")


@check("CVE-2022-29162", "exec --cap does not touch the inheritable set")
def inheritable(runtime):
    bundle = runtime.hold()
    result = runtime.exec(bundle, "grep", "CapInh", "/proc/self/status", options=["--cap", "CAP_NET_RAW"])
    same(result.out.split(), ["CapInh:", "0" * 16])


@check("CVE-2026-30892", "exec --user takes numbers only, whole")
def user_strings(runtime):
    bundle = runtime.hold()
    for text in (":", "1000:", ":5", "abc", "1000abc", "-1", "4294967296", " 5", "0x10", "1:2:3"):
        result = runtime.exec(bundle, "id", "-u", options=["--user=" + text])
        need(result.status != 0, "%r is taken, as %s" % (text, result.out.strip()))


@check("CVE-2019-5736", "the runtime's own file cannot be written from inside")
def own_executable(runtime):
    before = read_bytes(runtime.program)
    bundle = runtime.bundle("/self")
    os.symlink("/proc/self/exe", bundle.rootfs + "/self")
    runtime.run(bundle)
    bundle = runtime.hold(script="while :; do for p in /proc/[0-9]*; do "
                          "[ $p = /proc/1 ] || (: >>$p/exe) 2>/dev/null; done; done")
    for _ in range(20):
        same(runtime.exec(bundle, "true").status, 0, "exit status of exec")
    need(read_bytes(runtime.program) == before, "the runtime's executable has changed")


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


@check("descriptors", "the init has 0, 1 and 2 and nothing else")
def init_descriptors(runtime):
    bundle = runtime.hold()
    same(sorted(os.listdir("/proc/%d/fd" % bundle.pid)), ["0", "1", "2"], "descriptors")


@check("CVE-2016-9962", "nothing of the host is open in a process that has come in")
def exec_descriptors(runtime):
    bundle = runtime.hold()
    result = runtime.exec(bundle, "sh", "-c", "ls /proc/self/fd | wc -l")
    need(int(result.out) <= 4, "%s descriptors" % result.out.strip())


section("rootless")


def as_user(runtime, script, edit=None, groups=False):
    """A container of an ordinary user (uid 65533), mapped to one id or to a range."""
    if subprocess.run(["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups", "unshare", "-Ur", "true"],
                      check=False, capture_output=True).returncode:
        raise Skip("no user namespaces for ordinary users here")
    bundle = runtime.bundle(script=script)
    config = bundle.config
    config["linux"]["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        config["linux"][kind] = [{"containerID": 0, "hostID": 65533, "size": 1}]
    config["linux"].pop("resources")
    config["linux"].pop("cgroupsPath")
    config["mounts"] = [m for m in config["mounts"] if m["type"] != "sysfs"]
    for mount in config["mounts"]:
        mount["options"] = [o for o in mount.get("options", []) if not o.startswith("gid=")]
    if edit:
        edit(config)
    os.chmod(runtime.dir, 0o755)
    os.chown(runtime.root, 65533, 65533)
    subprocess.run(["chown", "-R", "65533:65533", bundle.path], check=True)
    bundle.write()
    os.chmod(bundle.path + "/config.json", 0o644)
    runtime.prefix = ["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"]
    runtime.env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": runtime.dir}
    return bundle


@check("rootless", "runs with one id mapped; root inside is the user outside")
def rootless_run(runtime):
    bundle = as_user(runtime, "id -u; cat /proc/self/uid_map | tr -s ' '; touch /tmp/x")
    result = runtime.call("run", "--bundle", bundle.path, bundle.id)
    same(result.out.split(), ["0", "0", "65533", "1"], "output (%s)" % result.err)
    same(os.stat(bundle.rootfs + "/tmp/x").st_uid, 65533, "owner")


@check("CVE-2014-8989", "setgroups is denied with one group mapped")
def setgroups_denied(runtime):
    bundle = as_user(runtime, "cat /proc/self/setgroups")
    result = runtime.call("run", "--bundle", bundle.path, bundle.id)
    same(result.out, "deny\n", "output (%s)" % result.err)


@check("rootless", "create, start, exec, kill and delete")
def rootless_life(runtime):
    bundle = as_user(runtime, "exec sleep 1000")
    runtime.ok("create", "--bundle", bundle.path, bundle.id)
    runtime.ok("start", bundle.id)
    same(runtime.exec(bundle, "id", "-u").out, "0\n", "uid")
    runtime.ok("kill", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    runtime.ok("delete", bundle.id)


@check("rootless", "limits that cannot be set are refused by name")
def rootless_limits(runtime):
    bundle = as_user(runtime, "true", put("linux.resources", {"memory": {"limit": 1 << 26}}))
    refused(runtime.call("run", "--bundle", bundle.path, bundle.id), "cgroup|memory|permission|rootless")
