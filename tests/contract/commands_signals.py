"""kill, pause, resume and delete."""
import os
import time

from registry import check, need, refused, same, section
from runtime import read, until

section("Commands")


def kill_by(spelling, number):
    @check("kill", "SIGNAL as " + spelling)
    def act(runtime):
        bundle = runtime.bundle(script="trap 'echo %d; exit 5' %d; touch /tmp/ready; while :; do sleep 0.02; done"
                                % (number, number))
        process = runtime.start("run", "--bundle", bundle_path(bundle), bundle.id, stdout=-1)
        until(lambda: os.path.exists(bundle.rootfs + "/tmp/ready"), "start of the program")
        runtime.ok("kill", bundle.id, spelling)
        out, _ = process.communicate(timeout=20)
        same((process.returncode, out), (5, b"%d\n" % number))


def bundle_path(bundle):
    bundle.write()
    return bundle.path


for text, value in (("USR1", 10), ("SIGUSR1", 10), ("10", 10), ("usr2", 12), ("RTMIN+3", 37)):
    kill_by(text, value)


@check("kill", "of a stopped one is refused with words that callers know")
def kill_stopped(runtime):
    bundle = runtime.bundle("true")
    runtime.create(bundle)
    runtime.ok("start", bundle.id)
    runtime.until_status(bundle, "stopped")
    refused(runtime.call("kill", bundle.id, "TERM"), "container not running|no such process", 1)


@check("kill --all", "reaches every process; a stopped container is no error")
def kill_all(runtime):
    bundle = runtime.hold(script="sleep 1001 & sleep 1002 & wait")
    until(lambda: len(read("/proc/%d/task/%d/children" % (bundle.pid, bundle.pid)).split()) == 2, "two children")
    runtime.ok("kill", "--all", bundle.id, "KILL")
    runtime.until_status(bundle, "stopped")
    runtime.ok("kill", "--all", bundle.id, "KILL")


@check("kill --regex", "all whose id matches")
def kill_regex(runtime):
    bundles = [runtime.hold(), runtime.hold()]
    runtime.ok("kill", "--regex", runtime.token + "-.*", "KILL")
    for bundle in bundles:
        runtime.until_status(bundle, "stopped")


@check("kill", "an unknown signal is refused")
def kill_unknown(runtime):
    refused(runtime.call("kill", runtime.hold().id, "TEATIME"), "signal", 1)


@check(["pause", "resume"], "state says so; the processes stand still")
def pause_resume(runtime):
    bundle = runtime.hold(script="while :; do date +%s%N >/tmp/clock; sleep 0.01; done")
    clock = bundle.rootfs + "/tmp/clock"
    until(lambda: os.path.exists(clock), "clock")
    runtime.ok("pause", bundle.id)
    same(runtime.state(bundle)["status"], "paused", "status")
    before = os.stat(clock).st_mtime_ns
    time.sleep(0.1)
    same(os.stat(clock).st_mtime_ns, before, "time of the last write")
    runtime.ok("resume", bundle.id)
    same(runtime.state(bundle)["status"], "running", "status")
    until(lambda: os.stat(clock).st_mtime_ns != before, "next write")


@check("delete", "of a running one is refused")
def delete_running(runtime):
    refused(runtime.call("delete", runtime.hold().id), "not stopped|running", 1)


@check("delete --force", "kills first; an unknown one is no error")
def delete_force(runtime):
    bundle = runtime.hold()
    runtime.ok("delete", "--force", bundle.id)
    need(not os.path.exists("/proc/%d" % bundle.pid) or "Z" in read("/proc/%d/stat" % bundle.pid).split(")")[1][:3],
         "init is alive")
    runtime.nothing_left(bundle)
    runtime.ok("delete", "--force", "nobody-of-this-name")


@check("delete --force", "of a paused one")
def delete_paused(runtime):
    bundle = runtime.hold()
    runtime.ok("pause", bundle.id)
    runtime.ok("delete", "--force", bundle.id)
    runtime.nothing_left(bundle)


@check("delete --regex", "all whose id matches")
def delete_regex(runtime):
    first, second = runtime.hold(), runtime.hold()
    runtime.ok("delete", "--force", "--regex", runtime.token + "-.*")
    for bundle in (first, second):
        runtime.nothing_left(bundle)
