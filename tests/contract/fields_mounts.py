"""config.json: `root`, `mounts` and what belongs to them."""
import os
import re
import subprocess

from registry import Skip, all_of, check, need, put, refused, refuses, same, section, shows
from runtime import write

section("root and mounts")


def mount(destination, kind, source, *options, **more):
    return put("mounts+", {"destination": destination, "type": kind, "source": source, "options": list(options), **more})


def mount_line(point, column="6"):
    """Prints the options (column 6), propagation (7) or file system of the mount at `point`."""
    return "awk '$5 == \"%s\" {print $%s}' /proc/self/mountinfo" % (point, column)


def super_options(point):
    return "awk '$5 == \"%s\" {print $NF}' /proc/self/mountinfo" % point


shows("root.path", put("root.path", "rootfs"), "ls -d /bin", "/bin", "relative to the bundle")
refuses("root.path", put("root.path", "nowhere"), "nowhere|no such file|rootfs", "a missing one is refused")


@check("root.path", "the bundle itself, \".\", may be the root")
def root_is_bundle(runtime):
    bundle = runtime.bundle("ls", "-d", "/bin")
    for name in os.listdir(bundle.rootfs):
        os.rename(bundle.rootfs + "/" + name, bundle.path + "/" + name)
    bundle.config["root"]["path"] = "."
    same(runtime.output(bundle), "/bin\n")


shows("root.readonly", put("root.readonly", True), "touch /x 2>&1 || echo refused; touch /dev/x && echo dev",
      re.compile("Read-only file system\nrefused\ndev"), "the root alone is read-only")
shows("mounts[].destination", mount("/deep/er", "tmpfs", "tmpfs"), mount_line("/deep/er", "(NF-2)"), "tmpfs",
      "is made when it is missing")


@check("mounts[].destination", "a file is made for the bind mount of a file")
def file_for_file(runtime):
    bundle = runtime.bundle("cat", "/new/file")
    bundle.mount("/new/file", "bind", write(bundle.path + "/given", "content\n"), "bind")
    same(runtime.output(bundle), "content\n")


@check("mounts[].destination", "a symbolic link stays inside the root file system")
def destination_symlink(runtime):
    bundle = runtime.bundle("ls", "/outside/of")
    os.makedirs(bundle.path + "/source")
    write(bundle.path + "/source/seen", "")
    os.symlink("/outside", bundle.rootfs + "/link")
    bundle.mount("/link/of", "bind", bundle.path + "/source", "bind")
    same(runtime.output(bundle), "seen\n")
    need(not os.path.exists("/outside"), "/outside was made on the host")


@check("mounts[].source", "a relative one is relative to the bundle")
def relative_source(runtime):
    bundle = runtime.bundle("cat", "/there/file")
    os.makedirs(bundle.path + "/data")
    write(bundle.path + "/data/file", "here\n")
    bundle.mount("/there", "bind", "data", "bind")
    same(runtime.output(bundle), "here\n")


refuses("mounts[].source", mount("/there", "bind", "/no/such/source", "bind"), "/no/such/source|no such file",
        "a missing one is refused")
refuses("mounts[].type", mount("/x", "nosuchfs", "none"), "no such device|nosuchfs|operation not permitted|not supported",
        "an unknown file system is refused")
for kind, point in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/dev"), ("devpts", "/dev/pts")):
    shows("mounts[].type " + kind, put("x", 0), mount_line(point, "(NF-2)"), kind)
shows("mounts[].type mqueue", mount("/dev/mqueue", "mqueue", "mqueue", "nosuid"), mount_line("/dev/mqueue", "(NF-2)"),
      "mqueue")
shows("mounts[].type cgroup", mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid"),
      "test -d /sys/fs/cgroup/memory -o -f /sys/fs/cgroup/cgroup.procs && touch /sys/fs/cgroup/x 2>/dev/null || echo ro",
      "ro", "shows the container's own cgroups")

# Options of the mount itself: name, what the mountinfo line then has.
for option, has in (("ro", "ro"), ("rw", "rw"), ("nosuid", "nosuid"), ("nodev", "nodev"), ("noexec", "noexec"),
                    ("noatime", "noatime"), ("nodiratime", "nodiratime"), ("relatime", "relatime"),
                    ("nosymfollow", "nosymfollow")):
    shows("mounts[].options " + option, mount("/m", "tmpfs", "tmpfs", option), mount_line("/m"),
          lambda out, has=has: has in out.strip().split(","))
for option, lacks in (("strictatime", "relatime"), ("suid", "nosuid"), ("dev", "nodev"), ("exec", "noexec"),
                      ("atime", "noatime"), ("diratime", "nodiratime"), ("symfollow", "nosymfollow"),
                      ("norelatime", "relatime"), ("nostrictatime", "noatime")):
    opposite = {"suid": "nosuid", "dev": "nodev", "exec": "noexec", "atime": "noatime", "diratime": "nodiratime",
                "symfollow": "nosymfollow"}.get(option)
    options = [opposite, option] if opposite else [option]
    shows("mounts[].options " + option, mount("/m", "tmpfs", "tmpfs", *options), mount_line("/m"),
          lambda out, lacks=lacks, option=option: out.strip() and lacks not in out.strip().split(",") or out.strip() and option in ("norelatime", "nostrictatime"))
for option in ("sync", "dirsync", "lazytime", "mand", "iversion"):
    shows("mounts[].options " + option, mount("/m", "tmpfs", "tmpfs", option), "echo fine", "fine", "is taken")
for option in ("async", "defaults", "loud", "silent", "nolazytime", "nomand", "noiversion"):
    shows("mounts[].options " + option, mount("/m", "tmpfs", "tmpfs", option), "echo fine", "fine", "is taken")
shows("mounts[].options data", mount("/m", "tmpfs", "tmpfs", "size=1024k", "mode=751"),
      "stat -c %a /m; " + super_options("/m"), re.compile("^751\n.*size=1024k"), "what is no flag goes to the file system")


def with_source(edit_options, script, want):
    """A bind of a directory that has a tmpfs mounted below it."""
    def act(runtime):
        bundle = runtime.bundle(script=script)
        source = bundle.path + "/source"
        os.makedirs(source + "/below")
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source + "/below"], check=False, capture_output=True)
        if done.returncode:
            raise Skip("no mount here: " + done.stderr.decode().strip())
        try:
            bundle.mount("/m", "bind", source, *edit_options)
            out = runtime.output(bundle)
        finally:
            subprocess.run(["umount", source + "/below"], check=True)
        if isinstance(want, str):
            same(out.strip(), want)
        else:
            need(want(out.split()), "output is " + out)
    return act


BOTH = mount_line("/m") + "; " + mount_line("/m/below")
for options, title, want in (
        (["bind"], "what is mounted below stays out", lambda out: len(out) == 1),
        (["rbind"], "what is mounted below comes along", lambda out: len(out) == 2),
        (["rbind", "ro"], "ro is for the mount itself", lambda out: out[0].startswith("ro") and out[1].startswith("rw")),
        (["rbind", "rro"], "with all below", lambda out: out[0].startswith("ro") and out[1].startswith("ro"))):
    check("mounts[].options " + options[-1], title)(with_source(options, BOTH, want))
for option in ("rnosuid", "rnodev", "rnoexec", "rnoatime", "rnodiratime", "rrelatime", "rnosymfollow"):
    flag = option[1:]
    check("mounts[].options " + option, "with all below")(
        with_source(["rbind", option], BOTH, lambda out, flag=flag: len(out) == 2 and all(flag in o.split(",") for o in out)))
for option in ("rrw", "rsuid", "rdev", "rexec", "ratime", "rdiratime", "rstrictatime", "rsymfollow", "rnorelatime",
               "rnostrictatime"):
    check("mounts[].options " + option, "is taken")(with_source(["rbind", option], "echo fine", "fine"))
for option, seen in (("private", "-"), ("rprivate", "-"), ("shared", "shared:"), ("rshared", "shared:"),
                     ("slave", None), ("rslave", None), ("unbindable", "unbindable"), ("runbindable", "unbindable")):
    shows("mounts[].options " + option, mount("/m", "tmpfs", "tmpfs", option), mount_line("/m", "7"),
          lambda out, seen=seen: out.strip().startswith(seen or ("-", "master:")))


@check("mounts[].options remount", "changes a mount that is there")
def remount(runtime):
    bundle = runtime.bundle(script=mount_line("/m"))
    bundle.mount("/m", "tmpfs", "tmpfs")
    bundle.mount("/m", "tmpfs", "tmpfs", "remount", "ro")
    need(runtime.output(bundle).startswith("ro"), "the mount is still writable")


@check("mounts[].options tmpcopyup", "the hidden directory's content is copied up")
def tmpcopyup(runtime):
    bundle = runtime.bundle(script="cat /full/a/file; stat -c %a /full/a/file; readlink /full/link; " +
                            mount_line("/full", "(NF-2)"))
    os.makedirs(bundle.rootfs + "/full/a")
    write(bundle.rootfs + "/full/a/file", "copied\n", 0o640)
    os.symlink("/nowhere", bundle.rootfs + "/full/link")
    bundle.mount("/full", "tmpfs", "tmpfs", "tmpcopyup")
    need(runtime.output(bundle).startswith("copied\n640\n/nowhere\n"), "not copied")


def idmap_check(rows, options, mappings):
    @check(rows, "owners are shifted")
    def act(runtime):
        bundle = runtime.bundle(script="stat -c %u /m/file")
        source = bundle.path + "/source"
        os.makedirs(source)
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source], check=False, capture_output=True)
        if done.returncode:
            raise Skip("no mount here")
        try:
            write(source + "/file", "")
            os.chown(source + "/file", 3, 3)
            bundle.mount("/m", "bind", source, "bind", *options, **mappings)
            result = runtime.run(bundle)
            if result.status and re.search("invalid argument|not supported|operation not permitted", result.err, re.I) \
                    and not kernel_maps_tmpfs():
                raise Skip("this kernel has no idmapped tmpfs")
            need(result.status == 0, result.err)
            same(result.out.strip(), "1003", "owner")
        finally:
            subprocess.run(["umount", source], check=True)


def kernel_maps_tmpfs():
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(re.sub("[^0-9].*", "", minor))) >= (6, 3)


SHIFT = {kind: [{"containerID": 0, "hostID": 1000, "size": 100}] for kind in ("uidMappings", "gidMappings")}
idmap_check(["mounts[].uidMappings", "mounts[].gidMappings"], [], SHIFT)
idmap_check("mounts[].options idmap", ["idmap"], SHIFT)
idmap_check("mounts[].options ridmap", ["ridmap"], SHIFT)
refuses("mounts[].uidMappings", mount("/m", "bind", "/etc", "bind", uidMappings=SHIFT["uidMappings"]),
        "mapping", "refused without gidMappings")

shows("linux.maskedPaths", put("linux.maskedPaths", ["/etc/passwd", "/home", "/none"]),
      "cat /etc/passwd; ls /home; touch /home/x 2>/dev/null || echo masked", "masked")
shows("linux.readonlyPaths", put("linux.readonlyPaths", ["/etc", "/none"]), "touch /etc/x 2>/dev/null || echo readonly",
      "readonly")
for value, seen in (("private", "-"), ("slave", None), ("shared", "shared:"), ("unbindable", "unbindable")):
    shows("linux.rootfsPropagation", put("linux.rootfsPropagation", value), mount_line("/", "7"),
          lambda out, seen=seen: out.strip().startswith(seen or ("-", "master:")), value)
refuses("linux.rootfsPropagation", put("linux.rootfsPropagation", "sideways"), "sideways|propagation",
        "an unknown one is refused")
shows("linux.mountLabel", put("linux.mountLabel", "system_u:object_r:x:s0"), "echo fine", "fine",
      "left out where SELinux is off")
shows("linux.devices", put("linux.devices", [{"path": "/dev/ark", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640,
                                            "uid": 5, "gid": 6}]),
      "stat -c '%F %a %u %g' /dev/ark", "character special file 640 5 6")
shows("default devices", put("x", 0), "ls /dev | grep -cE '^(null|zero|full|random|urandom|tty)$'; for l in ptmx stdin fd; do "
      "readlink /dev/$l; done", "6\npts/ptmx\n/proc/self/fd/0\n/proc/self/fd")


@check("run --no-pivot", "the root is moved instead")
def no_pivot(runtime):
    bundle = runtime.bundle(script="ls -d /bin; ls /proc/1/root/bin/sh")
    result = runtime.run(bundle, "--no-pivot")
    same(result.out, "/bin\n/proc/1/root/bin/sh\n", "output (%s)" % result.err)
