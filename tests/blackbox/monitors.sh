#!/bin/sh
# The command lines of the callers that no machine of the tests has: CRI-O, conmon-rs, BuildKit by itself. Each test
# goes one caller's way from create to delete, with its environment, its streams and what it asks in between.
set -u
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"

id=$tag-m
pidfile=$work/pid

# crio ARGUMENT...: with the few variables that CRI-O gives.
crio() {
    status=0
    env -i XDG_RUNTIME_DIR=/run PATH=/usr/bin:/bin CRI_O_EXTERNAL=1 "$urc" --root "$root" "$@" \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
}
crio_succeeds() {
    crio "$@"
    check "$*: status 0, not $status" [ "$status" = 0 ]
    check "$*: nothing on stderr" [ ! -s "$work/err" ]
}
status_of() { "$urc" --root "$root" state "$id" 2>/dev/null | jq -r .status; }
# until WHAT COMMAND...: within five seconds.
until_true() {
    what=$1 tries=0
    shift
    while ! "$@" >/dev/null 2>&1 && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
    check "$what" [ "$tries" -lt 100 ]
}
is_now() { [ "$(status_of)" = "$1" ]; }
answers() { jq -e "$@" "$work/out" >/dev/null; }
control() { cat "$(find /sys/fs/cgroup -path "*/$id/$1" -o -path "*/$id/$2" 2>/dev/null | head -n 1)"; }

# conmon creates; everything else CRI-O calls itself.
test_cri_o() {
    b=$(bundle crio '.process.args = ["/bin/sleep", "100"] | .linux.resources.memory = {"limit": 67108864}')
    crio features
    check "features" answers '.ociVersionMin and .ociVersionMax and .linux.mountExtensions.idmap.enabled
        and (.mountOptions | index("rro"))'
    crio state "$id"
    check "state of none: status $status" [ "$status" = 1 ]
    check "does not exist" grep -q 'does not exist' "$work/err"
    "$urc" --root "$root" create --bundle "$b" --pid-file "$pidfile" "$id" >/dev/null 2>"$work/err" </dev/null
    check "create" [ $? = 0 ]
    crio_succeeds start "$id"
    crio_succeeds state "$id"
    check "what it reads of it" answers --argjson pid "$(cat "$pidfile")" '.status == "running" and .pid == $pid'
    for way in pause resume; do crio_succeeds $way "$id"; done
    echo '{"memory": {"limit": 100663296}, "cpu": {"shares": 512}}' >"$work/resources.json"
    env -i PATH=/usr/bin:/bin "$urc" --root "$root" update --resources - "$id" <"$work/resources.json" >"$work/out" 2>&1
    check "update" [ $? = 0 ]
    check "the limit" [ "$(control memory.max memory.limit_in_bytes)" = 100663296 ]
    # A probe whose time is up: the runtime is killed, then what its pid file names.
    echo '{"cwd": "/", "env": ["PATH=/bin"], "args": ["sleep", "50"]}' >"$work/process.json"
    env -i PATH=/usr/bin:/bin "$urc" --root "$root" exec --pid-file "$work/probe" --process "$work/process.json" "$id" \
        >"$work/out" 2>&1 </dev/null &
    probe=$!
    until_true "the probe runs" test -s "$work/probe"
    kill -KILL $probe
    wait $probe 2>/dev/null
    kill -KILL "$(cat "$work/probe")" 2>/dev/null
    until_true "the probe is gone" sh -c "! kill -0 $(cat "$work/probe")"
    crio_succeeds kill "$id" TERM
    crio_succeeds kill -a "$id" KILL
    until_true "it stops" is_now stopped
    # The second of two stops: what CRI-O takes for success.
    crio kill "$id" KILL
    check "status $status" [ "$status" = 1 ]
    check "its words: $(cat "$work/err")" grep -Eq 'no such process|container not running|invalid process' "$work/err"
    crio_succeeds delete --force "$id"
    crio_succeeds delete --force "$id"
    nothing_left
}

# An error of `state` is a stopped container for CRI-O: neither somebody's lock nor a cgroup that is gone may be one.
test_state_answers_whatever_happens() {
    b=$(bundle answers '.process.args = ["/bin/sleep", "100"]')
    call run --detach --bundle "$b" "$id"
    for file in "$root/$id" "$root/$id/state.json" "$root/$id"/*lock*; do
        [ -e "$file" ] || continue
        flock "$file" timeout 10 "$urc" --root "$root" state "$id" >"$work/out" 2>"$work/err"
        check "with a lock on ${file##*/}: $?" answers '.status == "running"'
    done
    call kill "$id" KILL
    until_true "it stops" is_now stopped
    find /sys/fs/cgroup -depth -type d -name "$id" -exec rmdir {} \; 2>/dev/null
    check "the cgroup is gone" [ -z "$(find /sys/fs/cgroup -type d -name "$id")" ]
    crio_succeeds state "$id"
    check "stopped" answers '.status == "stopped" and .pid == 0'
    crio_succeeds delete "$id"
    nothing_left
}

# conmon-rs: one monitor for many containers; a terminal for the container and one for the exec'd process.
test_conmon_rs() {
    b=$(bundle conmonrs '.process.terminal = true | .process.args = ["/bin/sh", "-c", "read line; echo got $line; read line"]')
    echo '{"terminal": true, "cwd": "/", "env": ["PATH=/bin"], "args": ["sh", "-c", "test -t 0 && read line && echo heard $line"]}' \
        >"$work/process.json"
    cat >"$work/conmonrs.py" <<'END'
import array, os, socket, subprocess, sys, time
urc, root, bundle, work, name = sys.argv[1:]
def listen(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    server.settimeout(20)
    return server
def terminal(server):
    connection = server.accept()[0]
    control = connection.recvmsg(64, socket.CMSG_SPACE(4))[1]
    return array.array("i", control[0][2])[0]
def talk(fd, line, wanted):
    os.write(fd, line)
    text, end = b"", time.time() + 20
    while wanted not in text:
        if time.time() > end: sys.exit(f"no {wanted} in {text}")
        text += os.read(fd, 4096)
def call(*words):
    done = subprocess.run([urc, "--root=" + root, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    if done.returncode or done.stdout or done.stderr: sys.exit(f"{words}: {done}")
server = listen(work + "/first")
call("create", "--bundle", bundle, "--pid-file", work + "/pid", "--console-socket=" + work + "/first", name)
first = terminal(server)
call("start", name)
talk(first, b"one\n", b"got one")
server = listen(work + "/second")
call("exec", "--tty", "--detach", "--console-socket=" + work + "/second", "--pid-file=" + work + "/exec-pid",
     "--process", work + "/process.json", name)
int(open(work + "/exec-pid").read())
talk(terminal(server), b"two\n", b"heard two")
talk(first, b"end\n", b"end")
END
    timeout 60 python3 "$work/conmonrs.py" "$urc" "$root" "$b" "$work" "$id" >"$work/out" 2>"$work/err"
    check "status $?: $(cat "$work/err")" [ ! -s "$work/err" ]
    until_true "it stops" is_now stopped
    call delete "$id"
    check "delete" [ "$status" = 0 ]
    nothing_left
}

# BuildKit's worker of its own: run in the foreground on a terminal whose size it changes, exec beside it, kill at the
# end; and the count of kills by lack of memory, which it reads between the exit and the delete.
test_buildkit() {
    b=$(bundle buildkit '.process.terminal = true | .process.args = ["/bin/sh", "-c",
        "trap \"stty size\" WINCH; stty size; while :; do sleep 0.1; done"] | .linux.resources.memory = {"limit": 67108864}')
    ln -sf busybox "$b/rootfs/bin/stty"
    echo '{"cwd": "/", "env": ["PATH=/bin"], "args": ["sh", "-c", "echo beside; exit 4"]}' >"$work/process.json"
    cat >"$work/buildkit.py" <<'END'
import fcntl, json, os, pty, signal, struct, subprocess, sys, termios, time
urc, root, bundle, work, name = sys.argv[1:]
def call(*words):
    return subprocess.run([urc, "--root", root, "--log", work + "/log", "--log-format", "json", *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
def expect(what, wanted, got):
    if wanted != got: sys.exit(f"{what}: {got}, not {wanted}")
def hear(wanted):
    text, end = b"", time.time() + 20
    while wanted not in text:
        if time.time() > end: sys.exit(f"no {wanted} in {text}")
        text += os.read(master, 4096)
def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
ready = os.pipe()
pid, master = pty.fork()
if pid == 0:
    os.read(ready[0], 1) # the terminal has its first size
    os.execv(urc, [urc, "--root", root, "run", "--keep", "--bundle", bundle, name])
resize(31, 91)
os.write(ready[1], b"x")
hear(b"31 91")
state = {}
end = time.time() + 20
while state.get("status") != "running" and time.time() < end:
    state = json.loads(call("state", name).stdout)
    time.sleep(0.05)
expect("bundle", bundle, state["bundle"])
expect("rootfs", bundle + "/rootfs", state["rootfs"])
if not state["pid"]: sys.exit("no pid")
resize(52, 132)
os.kill(pid, signal.SIGWINCH)
hear(b"52 132")
beside = call("exec", "--process", work + "/process.json", "--pid-file", work + "/exec-pid", name)
expect("exec", (4, b"beside\n"), (beside.returncode, beside.stdout))
end = time.time() + 20
while call("kill", name, "9").returncode == 0 and time.time() < end:
    time.sleep(0.05)
try:
    while os.read(master, 4096): pass
except OSError:
    pass
expect("status of run", 137, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
expect("state", "stopped", json.loads(call("state", name).stdout)["status"])
END
    timeout 100 python3 "$work/buildkit.py" "$urc" "$root" "$b" "$work" "$id" >"$work/out" 2>"$work/err"
    check "status $?: $(cat "$work/err")" [ ! -s "$work/err" ]
    check "memory's events can be read: $(control memory.events memory.oom_control | xargs)" \
        sh -c "echo '$(control memory.events memory.oom_control | xargs)' | grep -q 'oom_kill'"
    call delete "$id"
    check "delete" [ "$status" = 0 ]
    nothing_left
}

main
