#!/bin/bash
# checkpoint and restore with criu: what runs is saved, ends, and goes on where it was.
. "$(dirname "$0")/machine/lib.sh"
criu check >/dev/null 2>&1 || skip "criu does not work here: $(criu check 2>&1 | tail -n 1)"

work=$(mktemp -d)
bundle=$work/bundle
id=urc-test-cr
cleanup() {
    "$URC" delete --force $id >/dev/null 2>&1
    "$URC" delete --force $id-2 >/dev/null 2>&1
    ip netns delete urc-test 2>/dev/null
    ! mountpoint -q /run/netns || umount /run/netns
    rm -rf "$work"
}
trap cleanup EXIT

mkdir -p "$bundle"/rootfs/{bin,dev,etc,proc,sys,tmp,var/run} "$work/volume/sub"
cp /bin/busybox "$bundle/rootfs/bin/"
for applet in sh cat sleep nc stty mkfifo; do ln -s busybox "$bundle/rootfs/bin/$applet"; done
ln -s ../tmp "$bundle/rootfs/var/tmp"
ln -s usr/lib usr/lib64 "$bundle/rootfs/"
(cd "$bundle" && runc spec && mv config.json base.json) || fail "runc spec"

# config PROGRAM [FILTER]: a container that runs the shell program; the jq filter changes the rest.
config() {
    jq --arg program "$1" '.process.terminal = false | .root.readonly = false | .process.args = ["sh", "-c", $program]
        | .process.env = ["PATH=/bin"] | .linux.cgroupsPath = "/urc-test-cr"' "$bundle/base.json" |
        jq "${2:-.}" >"$bundle/config.json" || fail "jq"
}
counter='i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.1; done'
count() { cat "$bundle/rootfs/tmp/count"; }
counts_beyond() { [ "$(count)" -gt "$1" ]; }
start_counter() {
    rm -f "$bundle/rootfs/tmp/count"
    run_detached
    eventually "it counts" counts_beyond 2
}
# With stderr in a file of the host criu could not dump it.
run_detached() { "$URC" --log "$work/run.log" run --detach --bundle "$bundle" $id </dev/null >/dev/null 2>&1 || fail "run: $(cat "$work/run.log")"; }
state_of() { "$URC" state "$1" 2>/dev/null | jq -r .status; }
pid_of() { "$URC" state "$1" | jq -r .pid; }
dump() { expect 0 "$URC" checkpoint --image-path "$work/images" --work-path "$work/log" "$@" $id; }
restore() {
    "$URC" restore --detach --bundle "$bundle" --image-path "$work/images" --work-path "$work/log" "$@" \
        </dev/null >/dev/null 2>"$work/err" || fail "restore $*: $(cat "$work/err"; grep Error "$work/log/restore.log")"
}
ended() { expect 0 "$URC" delete --force $id; rm -rf "$work/images" "$work/log"; }

checking "a dump ends the container, a restore goes on with it"
config "$counter" '.linux.resources.pids.limit = 77 | .linux.resources.memory.limit = 67108864
    | .annotations = {"org.example": "kept"}'
start_counter
before=$(count)
dump
is "the container" "$(state_of $id)" ""
[ ! -e /sys/fs/cgroup/urc-test-cr ] || fail "its cgroup is still there"
at_dump=$(count)
restore --pid-file "$work/pid" $id
eventually "it counts on" counts_beyond "$at_dump"
[ "$at_dump" -ge "$before" ] || fail "it counted backwards"
is state "$(state_of $id)" running
is "the pid file" "$(cat "$work/pid")" "$(pid_of $id)"
is annotation "$("$URC" state $id | jq -r '.annotations["org.example"]')" kept
is "its cgroup" "$(cgroup_of "$(pid_of $id)")" /sys/fs/cgroup/urc-test-cr
is limits "$(cd /sys/fs/cgroup/urc-test-cr && cat pids.max memory.max)" $'77\n67108864'
is "criu in the cgroup" "$(for pid in $(cat /sys/fs/cgroup/urc-test-cr/cgroup.procs); do cat /proc/$pid/comm 2>/dev/null; done | grep -c criu)" 0
has_not "the host's mounts" "$(cat /proc/self/mountinfo)" 'urc-test-cr|criu'
has "its masks" "$(cat "/proc/$(pid_of $id)/mountinfo")" ' /proc/kcore '

checking "a restored container is dumped again, killed, deleted"
dump
restore $id
expect 0 "$URC" kill $id KILL
eventually "it ends" test "$(state_of $id)" != running
expect 0 "$URC" delete $id
rm -rf "$work/images" "$work/log"

checking "--leave-running"
start_counter
dump --leave-running
before=$(count)
eventually "it counts on" counts_beyond "$before"
is state "$(state_of $id)" running
ended

checking "--pre-dump, --parent-path"
start_counter
expect 0 "$URC" checkpoint --pre-dump --image-path "$work/parent" $id
is state "$(state_of $id)" running
before=$(count)
eventually "it counts on" counts_beyond "$before"
dump --parent-path ../parent
[ -L "$work/images/parent" ] || fail "the images have no parent"
at_dump=$(count)
restore $id
eventually "it counts on" counts_beyond "$at_dump"
ended

checking "a paused container"
start_counter
expect 0 "$URC" pause $id
dump
restore $id
at_dump=$(count)
eventually "it counts on" counts_beyond "$at_dump"
is state "$(state_of $id)" running
ended

checking "volumes, one in another, below a link, read-only"
config "$counter" '.mounts += [
    {destination: "/volume", type: "bind", source: "'"$work"'/volume", options: ["rbind"]},
    {destination: "/volume/sub/inner", type: "bind", source: "'"$work"'/volume", options: ["bind", "ro"]},
    {destination: "/var/tmp/linked", type: "bind", source: "'"$work"'/volume", options: ["bind"]},
    {destination: "/etc/file", type: "bind", source: "'"$work"'/bundle/base.json", options: ["bind", "ro"]}]'
start_counter
dump
restore $id
mounts=$(cat "/proc/$(pid_of $id)/mountinfo")
for place in /volume /volume/sub/inner /tmp/linked /etc/file; do has mounts "$mounts" " $place r[ow]"; done
has "a read-only volume" "$mounts" ' /volume/sub/inner ro'
has_not "the host's mounts" "$(cat /proc/self/mountinfo)" "$work"
ended

checking "--file-locks"
config '/usr/bin/flock /tmp/lock sh -c "echo locked >/tmp/locked; while :; do sleep 0.1; done"' \
    '.mounts += [{destination: "/usr", type: "bind", source: "/usr", options: ["bind", "ro"]}]'
run_detached
eventually "it has its lock" test -s "$bundle/rootfs/tmp/locked"
expect 1 "$URC" checkpoint --image-path "$work/refused" $id
has error "$err" 'criu failed: type DUMP errno [0-9]+, log file: .*/dump.log: .*Error'
is state "$(state_of $id)" running
dump --file-locks
flock --nonblock "$bundle/rootfs/tmp/lock" true || fail "the lock outlived the container"
restore --file-locks $id
! flock --nonblock "$bundle/rootfs/tmp/lock" true || fail "the lock was not restored"
ended

checking "--tcp-established, in a network namespace with a path"
ip netns add urc-test
ip -n urc-test link set lo up
in_netns='.linux.namespaces |= map(if .type == "network" then .path = "/run/netns/urc-test" else . end)'
config 'mkfifo /tmp/in; nc -l -p 7777 <>/tmp/in >/tmp/heard & echo $! >/tmp/nc; wait' "$in_netns"
run_detached
eventually "it listens" sh -c 'ip netns exec urc-test ss -ltn | grep -q :7777'
exec 8> >(exec ip netns exec urc-test busybox nc 127.0.0.1 7777 >"$work/said")
caller=$!
echo one >&8
eventually "it hears" grep -q one "$bundle/rootfs/tmp/heard"
expect 1 "$URC" checkpoint --image-path "$work/refused" $id
dump --tcp-established
restore --tcp-established $id
# Debian 12's criu cannot take its lock of the network away again (iptables on nf_tables), for runc neither.
for tables in iptables ip6tables; do ip netns exec urc-test $tables -F; done
echo two >&8
eventually "it hears on" grep -q two "$bundle/rootfs/tmp/heard"
is "its network namespace" "$(stat -Lc %i "/proc/$(pid_of $id)/ns/net")" "$(stat -Lc %i /run/netns/urc-test)"
exec 8>&-
kill $caller 2>/dev/null
ended

checking "pipes at stdin and stdout"
config 'while read line; do echo "got $line"; done'
# talk_to COMMAND...: runs it with pipes; 7 leads to its standard input, 6 comes from its standard output.
talk_to() {
    coproc talk { exec "$@" 2>/dev/null; }
    exec 6<&"${talk[0]}" 7>&"${talk[1]}" {talk[0]}<&- {talk[1]}>&-
}
talk_to "$URC" run --detach --bundle "$bundle" $id
echo a >&7
read -r -t 60 line <&6 || fail "run with pipes"
is "what it said" "$line" "got a"
dump
has "descriptors.json" "$(cat "$work/images/descriptors.json")" '^\["pipe:\[[0-9]+\]","pipe:\[[0-9]+\]",'
talk_to "$URC" restore --image-path "$work/images" --bundle "$bundle" $id
echo b >&7
read -r -t 60 line <&6 || fail "restore with pipes"
is "what the restored one said" "$line" "got b"
exec 7>&-
eventually "the foreground ends with the container" sh -c '! "$0" state '$id "$URC"
exec 6<&-
rm -rf "$work/images" "$work/log"

checking "the exit status of a restore in the foreground"
config 'i=0; while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7'
rm -f "$bundle/rootfs/tmp/go"
run_detached
dump
touch "$bundle/rootfs/tmp/go"
expect 7 "$URC" restore --bundle "$bundle" --image-path "$work/images" $id
is "the container" "$(state_of $id)" ""
rm -rf "$work/images" "$work/log"

checking "a terminal"
config 'stty size; while read line; do echo "got $line"; done' '.process.terminal = true'
python3 - "$URC" "$bundle" "$work" $id <<'P' || fail "a terminal"
import array, os, socket, subprocess, sys, time
urc, bundle, work, name = sys.argv[1:]
def receiver(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    return server
def master(server):
    connection = server.accept()[0]
    _, control, _, _ = connection.recvmsg(64, 64)
    return array.array("i", control[0][2])[0]
def hear(fd, word):
    text, end = b"", time.time() + 30
    while word not in text:
        if time.time() > end: sys.exit(f"no {word} in {text}")
        text += os.read(fd, 4096)
def call(*words):
    done = subprocess.run([urc, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
    if done.returncode: sys.exit(f"{words}: {done.stderr}")
first = receiver(work + "/console1")
call("run", "--detach", "--bundle", bundle, "--console-socket", work + "/console1", name)
tty = master(first)
os.write(tty, b"a\n")
hear(tty, b"got a")
call("checkpoint", "--image-path", work + "/images", name)
second = receiver(work + "/console2")
call("restore", "--detach", "--bundle", bundle, "--image-path", work + "/images", "--console-socket", work + "/console2", name)
tty = master(second)
os.write(tty, b"b\n")
hear(tty, b"got b")
P
ended

checking "images of runc, and images for runc"
config "$counter"
if [ "$runtime" = urc ]; then
    rm -f "$bundle/rootfs/tmp/count"
    runc run --detach --bundle "$bundle" $id </dev/null >/dev/null 2>&1 || fail "runc run"
    eventually "it counts" counts_beyond 2
    runc checkpoint --image-path "$work/images" $id || fail "runc checkpoint"
    at_dump=$(count)
    restore $id
    eventually "it counts on" counts_beyond "$at_dump"
    rm -rf "$work/images" "$work/log"
    dump
    at_dump=$(count)
    runc restore --detach --bundle "$bundle" --image-path "$work/images" $id </dev/null >/dev/null 2>&1 ||
        fail "runc restore: $(grep Error "$work/images/restore.log")"
    eventually "it counts on" counts_beyond "$at_dump"
    runc delete --force $id
    rm -rf "$work/images" "$work/log"
fi

checking "--systemd-cgroup"
config "$counter" '.linux.cgroupsPath = "system.slice:urc-test:cr"'
rm -f "$bundle/rootfs/tmp/count"
"$URC" --systemd-cgroup run --detach --bundle "$bundle" $id </dev/null >/dev/null 2>&1 || fail "run"
eventually "it counts" counts_beyond 2
expect 0 "$URC" --systemd-cgroup checkpoint --image-path "$work/images" $id
eventually "its unit is gone" sh -c '! systemctl is-active urc-test-cr.scope'
at_dump=$(count)
"$URC" --systemd-cgroup restore --detach --bundle "$bundle" --image-path "$work/images" $id </dev/null >/dev/null 2>"$work/err" ||
    fail "restore: $(cat "$work/err")"
eventually "it counts on" counts_beyond "$at_dump"
is "its cgroup" "$(cgroup_of "$(pid_of $id)")" /sys/fs/cgroup/system.slice/urc-test-cr.scope
expect 0 "$URC" --systemd-cgroup delete --force $id
eventually "its unit is gone" sh -c '! systemctl is-active urc-test-cr.scope'
rm -rf "$work/images"

checking "a restore that fails leaves nothing"
config "$counter"
start_counter
dump
mv "$work/images/core-1.img" "$work/core"
expect 1 "$URC" restore --detach --bundle "$bundle" --image-path "$work/images" $id
has error "$err" 'criu failed: type RESTORE errno [0-9]+, log file: .*/restore.log: .*Error'
is "lines of it" "$(wc -l <<<"$err")" 1
is "the container" "$(state_of $id)" ""
[ ! -e /sys/fs/cgroup/urc-test-cr ] || fail "its cgroup is still there"
has_not "the host's mounts" "$(cat /proc/self/mountinfo)" 'urc-test-cr|criu'
mv "$work/core" "$work/images/core-1.img"
jq '.mounts += [{destination: "/gone", type: "bind", source: "/no/such/volume", options: ["bind"]}]' \
    "$bundle/config.json" >"$work/config" && cp "$work/config" "$bundle/config.json"
expect 1 "$URC" restore --detach --bundle "$bundle" --image-path "$work/images" $id
is "the container" "$(state_of $id)" ""
exit 0
