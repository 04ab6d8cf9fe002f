#!/bin/bash
# What only cgroup v2 has, with the runtime alone: limits that change and that are refused, the end of memory, the
# freezer, cgroup.kill, device rules in eBPF, a cgroup that is the container's own. Drivers: cgroupfs here,
# systemd_cgroup.sh has the other.
. "$(dirname "$0")/machine/lib.sh"
is "the file system" "$(stat -fc %T /sys/fs/cgroup)" cgroup2fs

bundle=/run/cgroup2-bundle
id=urc-test-v2
group=/sys/fs/cgroup/urc-test/$id
mkdir -p $bundle/rootfs
tar -xOf /opt/busybox.tar layer.tar | tar -xC $bundle/rootfs
runc spec --bundle $bundle && mv $bundle/config.json $bundle/example.json
cleanup() {
    kill $watcher
    "$URC" delete --force $id
    rmdir /sys/fs/cgroup/urc-test/sub /sys/fs/cgroup/urc-test
    rm -rf $bundle /run/cgroup2.*
} >/dev/null 2>&1
trap cleanup EXIT
watcher=

configure() { # SHELL-PROGRAM [JQ-FILTER]
    jq --arg program "$1" '.process.terminal = false | .process.args = ["sh", "-c", $program] | .root.readonly = false
        | .process.env = ["PATH=/bin"] | .linux.cgroupsPath = "/urc-test/'$id'"' $bundle/example.json |
        jq "${2:-.}" >$bundle/config.json || fail jq
}
# The container keeps what the runtime's output is, so that must not be a pipe that somebody reads to its end.
detached() { "$@" </dev/null >/dev/null; }
start() { expect 0 detached "$URC" run --detach --bundle $bundle $id; }
ended() { expect 0 "$URC" delete --force $id; [ ! -e $group ] || fail "its cgroup is still there"; }
state_is() { [ "$("$URC" state $id | jq -r .status)" = "$1" ]; }
pid() { "$URC" state $id | jq .pid; }
control() { cat "$group/$1"; }
idle='while :; do sleep 1000; done'

checking "the cgroup that it is born in, its limits"
configure "$idle" '.linux.resources = {memory: {limit: 67108864, swap: 134217728, reservation: 33554432},
    cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0"}, pids: {limit: 40}, unified: {"memory.high": "60000000"}}'
start
is "the init's cgroup" "$(cgroup_of "$(pid)")" $group
is limits "$(cd $group && cat memory.max memory.swap.max memory.low cpu.max cpuset.cpus pids.max memory.high | xargs)" \
    "67108864 67108864 33554432 50000 100000 0 40 59998208"
is "exec's cgroup" "$("$URC" exec $id cat /proc/self/cgroup)" 0::/

checking "update: up and down, memory with its swap, in one call"
update() { expect 0 "$URC" update "$@" $id; state_is running || fail "it did not survive"; }
memory() { control memory.max; control memory.swap.max; }
update --memory 200M --memory-swap 200M
is memory "$(memory)" $'209715200\n0'
update --memory 48M --memory-swap 96M
is memory "$(memory)" $'50331648\n50331648'
update --memory -1 --memory-swap -1
is memory "$(memory)" $'max\nmax'
update --memory 64M --memory-swap 64M --pids-limit 50 --cpu-quota 20000
is limits "$(memory; control pids.max; control cpu.max)" $'67108864\n0\n50\n20000 100000'

checking "update: what is refused leaves everything as it was"
before=$(memory; control pids.max; control cpu.max)
refused() { # PATTERN RESOURCES
    status=0
    err=$("$URC" update --resources - $id <<<"$2" 2>&1) || status=$?
    is "the status of update with $2" $status 1
    is "lines of its error" "$(wc -l <<<"$err")" 1
    has error "$err" "$1"
    is "limits after it" "$(memory; control pids.max; control cpu.max)" "$before"
    state_is running || fail "it did not survive"
}
refused 'cpu.max.burst' '{"memory": {"limit": 100663296, "swap": 100663296}, "cpu": {"quota": 10000, "period": 100000, "burst": 900000}}'
refused 'no.such' '{"memory": {"limit": 100663296, "swap": 100663296}, "pids": {"limit": 60}, "unified": {"no.such": "1"}}'
refused 'cpuset.cpus' '{"memory": {"limit": 100663296, "swap": 100663296}, "cpu": {"cpus": "4000"}}'
refused 'the usage is' '{"memory": {"limit": 4096, "swap": 4096, "checkBeforeUpdate": true}}'
ended

checking "out of memory: the event"
configure "$idle" '.linux.resources = {memory: {limit: 33554432, swap: 33554432}}'
start
"$URC" events --interval 1h $id >/run/cgroup2.events 2>&1 </dev/null &
watcher=$!
eventually "events watches" sh -c "ls -l /proc/$watcher/fd | grep -q memory.events"
expect 137 "$URC" exec $id dd if=/dev/zero of=/dev/null bs=64M count=1
eventually "the event" grep -q '"type":"oom"' /run/cgroup2.events
is "the container in it" "$(jq -r 'select(.type == "oom") | .id' /run/cgroup2.events | sort -u)" $id
expect 0 "$URC" events --stats $id
is "kills in memory.events" "$(sed -n 's/^oom_kill //p' $group/memory.events)" 1
has statistics "$(jq -c .data.memory.usage <<<"$out")" '"limit":33554432'
expect 0 "$URC" kill $id KILL
eventually "events ends with the container" sh -c "! kill -0 $watcher"
wait $watcher || fail "events ended with $?: $(cat /run/cgroup2.events)"
watcher=
ended

checking "out of memory before the program runs: a hint"
# The set-up copies this directory into a tmpfs, within the container's limit.
mkdir $bundle/rootfs/copied
dd if=/dev/zero of=$bundle/rootfs/copied/file bs=1M count=24 2>/dev/null
configure true '.linux.resources = {memory: {limit: 8388608, swap: 8388608}}
    | .mounts += [{destination: "/copied", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}]'
for verb in create run; do
    expect 1 detached "$URC" $verb --bundle $bundle $id
    has "error of $verb" "$err" 'memory limit.*(too low|too small)'
    is "lines of it" "$(wc -l <<<"$err")" 1
    [ ! -e $group ] || fail "$verb left its cgroup"
    [ ! -e /run/urc/$id ] || fail "$verb left its state directory"
done
rm -r $bundle/rootfs/copied

checking "pause, resume: cgroup.freeze"
configure 'i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
start
eventually "it counts" test -s $bundle/rootfs/count
expect 0 "$URC" pause $id
is "cgroup.freeze" "$(control cgroup.freeze)" 1
has "cgroup.events" "$(control cgroup.events)" '^frozen 1$'
state_is paused || fail "not paused"
before=$(cat $bundle/rootfs/count)
expect 255 "$URC" exec $id true
has error "$err" 'paused'
sleep 0.5
is "the count while frozen" "$(cat $bundle/rootfs/count)" "$before"
expect 0 "$URC" resume $id
is "cgroup.freeze" "$(control cgroup.freeze)" 0
eventually "it counts on" sh -c "[ \$(cat $bundle/rootfs/count) -gt $before ]"
expect 0 "$URC" pause $id
expect 0 "$URC" kill $id KILL
eventually "a frozen one is killed" state_is stopped
ended

checking "kill --all: cgroup.kill, for whatever left the session and the cgroup's top"
configure "mkdir -p /sys/fs/cgroup/below; for i in 1 2 3; do setsid sleep 4244 & done; echo \$! >/sys/fs/cgroup/below/cgroup.procs; exec sleep 4244" \
    '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc" and .destination != "/sys/fs/cgroup"))
    | .mounts += [{destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]},
                  {destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"]}]'
start
eventually "all four" sh -c '[ "$(pgrep -fc "^sleep 4244")" = 4 ]'
eventually "one below" grep -q . $group/below/cgroup.procs
expect 0 strace -f -o /run/cgroup2.strace "$URC" kill --all $id KILL
has "what kill did" "$(cat /run/cgroup2.strace)" 'cgroup.kill'
eventually "their end" sh -c '! pgrep -f "^sleep 4244"'
eventually "the container's" state_is stopped
ended

checking "delete --force of one in the host's pid namespace leaves no process"
start
eventually "all four" sh -c '[ "$(pgrep -fc "^sleep 4244")" = 4 ]'
ended
eventually "their end" sh -c '! pgrep -f "^sleep 4244"'

checking "device rules: what is denied, allowed, allowed to be read; one program, also after an update"
read -r major minor < <(stat -c '%Hr %Lr' /dev/vda)
programs() {
    python3 - $group <<'P'
import ctypes, os, struct, sys
# bpf(2): BPF_PROG_QUERY of BPF_CGROUP_DEVICE
ids = (ctypes.c_uint32 * 16)()
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
attr = bytearray(struct.pack("IIIIQII", fd, 6, 0, 0, ctypes.addressof(ids), 16, 0).ljust(120, b"\0"))
buffer = (ctypes.c_char * 120).from_buffer(attr)
if ctypes.CDLL(None, use_errno=True).syscall(321, 16, ctypes.byref(buffer), 120):
    sys.exit(os.strerror(ctypes.get_errno()))
print(struct.unpack_from("IIIIQI", attr)[5])
P
}
configure "$idle" ".linux.resources = {devices: [{allow: false, access: \"rwm\"},
    {allow: true, type: \"b\", major: $major, minor: $minor, access: \"rm\"}]}
    | .process.capabilities[] += [\"CAP_MKNOD\", \"CAP_SYS_ADMIN\"]"
start
is programs "$(programs)" 1
inside() { "$URC" exec $id sh -c "$1" 2>&1; }
is "mknod of the one with m" "$(inside "mknod /dev/disk b $major $minor && echo made")" made
is "reading of the one with r" "$(inside 'head -c 1 /dev/disk | wc -c')" 1
has "writing of it" "$(inside 'exec 3>>/dev/disk')" 'not permitted|denied'
# The making of nodes is always allowed, as by runc; a node is worth nothing by itself.
has "another" "$(inside "mknod /dev/other c 1 11 && exec 3</dev/other")" 'not permitted|denied'
is "null" "$(inside 'echo x >/dev/null && echo written')" written
"$URC" update --resources - $id <<<'{"devices": [{"allow": false, "access": "rwm"}]}' || fail update
is "programs after an update" "$(programs)" 1
has "reading afterwards" "$(inside 'head -c 1 /dev/disk')" 'not permitted|denied'
"$URC" update --resources - $id <<<'{"devices": [{"allow": true, "access": "rwm"}]}' || fail update
is "reading when all is allowed" "$(inside 'head -c 1 /dev/disk | wc -c')" 1
expect 0 "$URC" update --pids-limit 30 $id
is "reading after an update of something else" "$(inside 'head -c 1 /dev/disk | wc -c')" 1
ended

checking "a cgroup of the container's own: given with user and cgroup namespace and a writable mount, and not without"
userns='.linux.namespaces += [{type: "user"}, {type: "cgroup"}] | .linux.namespaces |= unique_by(.type)
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings | .linux.resources = {memory: {limit: 67108864}}
    | .mounts |= map(select(.destination != "/sys/fs/cgroup"))'
chown 100000:100000 $bundle/rootfs
configure "$idle" "$userns | .mounts += [{destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"cgroup\", options: [\"rw\", \"nosuid\"]}]"
start
owners() { (cd $group && stat -c %u . cgroup.procs cgroup.subtree_control cgroup.threads memory.max | xargs); }
is owners "$(owners)" "100000 100000 100000 100000 0"
expect 0 "$URC" exec $id sh -c 'cd /sys/fs/cgroup && mkdir init && for p in $(cat cgroup.procs); do echo $p >init/cgroup.procs 2>/dev/null; done; echo +memory >cgroup.subtree_control && mkdir sub && echo 8388608 >sub/memory.max && cat sub/memory.max'
is "a limit below" "$out" 8388608
expect 1 "$URC" exec $id sh -c 'echo max >/sys/fs/cgroup/memory.max'
expect 0 "$URC" exec $id true
ended
configure "$idle" "$userns | .mounts += [{destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"cgroup\", options: [\"ro\", \"nosuid\"]}]"
start
is owners "$(owners)" "0 0 0 0 0"
ended
