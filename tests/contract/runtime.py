"""A runtime under check: its calls, the bundles it gets, and what it may not leave behind."""
import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from registry import Fail, Skip, need, same, short

APPLETS = ("sh cat echo true false sleep env id pwd ls stat head tail grep cut tr sort wc mkdir touch rm ln mount "
           "umount readlink hostname uname chmod chown kill ps dd mknod test printf sed awk nc seq date stty tty dmesg "
           "df find mkfifo ulimit setsid taskset ip ifconfig cp mv cmp od timeout ionice chrt getopt expr "
           "mountpoint basename dirname sync unshare nproc su").split()
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
                "CAP_NET_BIND_SERVICE", "CAP_MKNOD"]
CONFIG = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["true"],
        "env": ["PATH=/bin", "TERM=dumb"],
        "cwd": "/",
        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "contract",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/kcore", "/proc/keys"],
        "readonlyPaths": ["/proc/bus", "/proc/sys"],
    },
}


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Bundle:
    def __init__(self, path, container_id, config):
        self.path, self.id, self.config = path, container_id, config
        self.rootfs = path + "/rootfs"

    def write(self):
        with open(self.path + "/config.json", "w", encoding="utf-8") as file:
            json.dump(self.config, file)

    def namespaces(self, *kinds):
        self.config["linux"]["namespaces"] = [{"type": kind} for kind in kinds]

    def mount(self, destination, kind, source, *options, **more):
        self.config["mounts"].append(
            {"destination": destination, "type": kind, "source": source, "options": list(options), **more})


class Work:
    """A directory for everything, with the root file system that all bundles start from."""

    def __init__(self):
        if not os.path.exists("/bin/busybox"):
            raise SystemExit("contract: needs /bin/busybox (package busybox-static)")
        self.path = tempfile.mkdtemp(prefix="urc-contract-")
        os.chmod(self.path, 0o755)
        self.template = self.path + "/template"
        for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "run", "mnt", "home"):
            os.makedirs(self.template + "/" + name)
        os.chmod(self.template + "/tmp", 0o1777)
        shutil.copy("/bin/busybox", self.template + "/bin/busybox")
        for applet in APPLETS:
            os.symlink("busybox", self.template + "/bin/" + applet)
        write(self.template + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000:a:/home:/bin/sh\n")
        write(self.template + "/etc/group", "root:x:0:\nada:x:1000:\n")

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def write(path, text, mode=None):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if mode is not None:
        os.chmod(path, mode)
    return path


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def mounts_below(path):
    return [line.split()[4] for line in read("/proc/self/mountinfo").splitlines() if path + "/" in line]


def cgroup_roots():
    below = ["/sys/fs/cgroup/" + entry for entry in os.listdir("/sys/fs/cgroup")]
    return [path for path in ["/sys/fs/cgroup", *below] if os.path.exists(path + "/cgroup.procs")]


PATIENCE = 10  # seconds; the self-test waits less for what its stubs never do


def patience():
    return PATIENCE


def until(condition, what, seconds=None):
    seconds = seconds or PATIENCE
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Fail("no %s after %d s" % (what, seconds))
        time.sleep(0.01)


class Runtime:
    """`program` with a state directory of its own. close() is the end of one check."""

    def __init__(self, program, work, number=0, prefix=(), env=None):
        self.program, self.work, self.prefix, self.env = program, work, list(prefix), env
        self.name = os.path.basename(program)
        self.dir = "%s/%s-%d" % (work.path, self.name, number)
        os.makedirs(self.dir + "/state", mode=0o711, exist_ok=True)
        self.root = self.dir + "/state"
        self.token = "contract-%d-%d" % (os.getpid(), number)
        self.count = 0
        self.bundles = []
        self.processes = []

    # ---- bundles
    def bundle(self, *args, script=None, rootfs=True):
        self.count += 1
        path = "%s/bundle%d" % (self.dir, self.count)
        os.makedirs(path)
        if rootfs:
            subprocess.run(["cp", "-al", self.work.template, path + "/rootfs"], check=True)
        config = copy.deepcopy(CONFIG)
        if script is not None:
            args = ("sh", "-c", script)
        if args:
            config["process"]["args"] = list(args)
        bundle = Bundle(path, "%s-%d" % (self.token, self.count), config)
        config["linux"]["cgroupsPath"] = "/%s/%s" % (self.token, bundle.id)
        self.bundles.append(bundle)
        return bundle

    # ---- calls
    def command(self, args, options=()):
        return [*self.prefix, self.program, "--root", self.root, *options, *args]

    def call(self, *args, options=(), stdin=None, timeout=30, env=None, pass_fds=(), cwd=None):
        """Runs it to its end. Its output goes through files: a container left behind may keep a pipe open."""
        self.count += 1
        out, err = ("%s/%s%d" % (self.dir, kind, self.count) for kind in ("out", "err"))
        with open(out, "wb") as out_file, open(err, "wb") as err_file:
            try:
                done = subprocess.run(self.command(args, options), input=stdin, timeout=timeout, pass_fds=pass_fds,
                                      stdout=out_file, stderr=err_file, cwd=cwd or self.dir, env=env or self.env,
                                      stdin=subprocess.DEVNULL if stdin is None else None, check=False)
            except subprocess.TimeoutExpired:
                raise Fail("no end after %d s: %s: %s" % (timeout, short(" ".join(args), 80), short(read(err)))) from None
        return Result(done.returncode, read(out), read(err))

    def start(self, *args, env=None, **more):
        """Starts it and goes on; ended by close()."""
        process = subprocess.Popen(self.command(args), cwd=self.dir, env=env or self.env, start_new_session=True, **more)
        self.processes.append(process)
        return process

    def ok(self, *args, **more):
        result = self.call(*args, **more)
        need(result.status == 0, "%s: status %d: %s" % (args[0], result.status, short(result.err)))
        return result

    def run(self, bundle, *options, **more):
        bundle.write()
        return self.call("run", "--bundle", bundle.path, *options, bundle.id, **more)

    def output(self, bundle, *options, **more):
        result = self.run(bundle, *options, **more)
        need(result.status == 0, "run: status %d: %s" % (result.status, short(result.err)))
        return result.out

    def create(self, bundle, *options, **more):
        bundle.write()
        return self.ok("create", "--bundle", bundle.path, *options, bundle.id, **more)

    def hold(self, edit=None, script=None, options=()):
        """A container that runs in the background; its init's pid is in `pid`."""
        bundle = self.bundle("sleep", "1000", script=script)
        if edit:
            edit(bundle.config)
        bundle.write()
        self.ok("run", "--detach", "--bundle", bundle.path, *options, bundle.id)
        bundle.pid = self.state(bundle)["pid"]
        return bundle

    def exec(self, bundle, *args, options=(), **more):
        return self.call("exec", *options, bundle.id, *args, **more)

    def state(self, bundle):
        return json.loads(self.ok("state", bundle.id).out)

    def until_status(self, bundle, status):
        until(lambda: self.state(bundle)["status"] == status, "status " + status)

    # ---- what is there
    def cgroup_directories(self, bundle):
        name = bundle.config["linux"].get("cgroupsPath", bundle.id).strip("/")
        return [path for path in (base + "/" + name for base in cgroup_roots()) if os.path.isdir(path)]

    def cgroup_value(self, bundle, v1, v2):
        """The content of the file of this version; `v1` is "controller/file"."""
        unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        wanted = v2 if unified else v1
        if wanted is None:
            raise Skip("not in this version of cgroups")
        name = bundle.config["linux"]["cgroupsPath"].strip("/")
        if unified:
            path = "/sys/fs/cgroup/%s/%s" % (name, wanted)
        else:
            controller, file = wanted.split("/")
            if not os.path.isdir("/sys/fs/cgroup/" + controller):
                raise Skip("no %s controller on this host" % controller)
            path = "/sys/fs/cgroup/%s/%s/%s" % (controller, name, file)
            if not os.path.exists("/sys/fs/cgroup/%s/%s" % (controller, file)) and not os.path.exists(path):
                raise Skip("this kernel has no " + file)
        return read(path).strip()

    def nothing_left(self, bundle):
        need(not os.path.exists(self.root + "/" + bundle.id), "the state directory is left")
        left = self.cgroup_directories(bundle)
        need(not left, "a cgroup is left: %s" % short(left))
        left = mounts_below(bundle.path)
        need(not left, "a mount is left: %s" % short(left))

    def close(self):
        """Ends and removes all containers; Fail when the runtime cannot. The next check starts with nothing."""
        trouble = None
        for bundle in self.bundles:
            if os.path.exists(self.root + "/" + bundle.id):
                removed = self.call("delete", "--force", bundle.id)
                if removed.status != 0:
                    trouble = "delete --force: " + short(removed.err)
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for bundle in self.bundles:
            try:
                self.nothing_left(bundle)
            except Fail as left:
                trouble = trouble or str(left)
                self.sweep(bundle)
            for path in self.cgroup_directories(bundle):
                remove_cgroup(os.path.dirname(path))
        for base in cgroup_roots():
            remove_cgroup(base + "/" + self.token)
        shutil.rmtree(self.dir, ignore_errors=True)
        if trouble:
            raise Fail("left behind: " + trouble)

    def sweep(self, bundle):
        for path in self.cgroup_directories(bundle):
            for pid in read(path + "/cgroup.procs").split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for point in reversed(mounts_below(bundle.path)):
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)


def remove_cgroup(path):
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            pass
