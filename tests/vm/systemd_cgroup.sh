#!/bin/bash
# --systemd-cgroup: scopes and what systemd knows of them, beside runc's; what a daemon-reload leaves; what a delete
# and a failed create leave; the user's own systemd.
. "$(dirname "$0")/machine/lib.sh"
export bundle=/run/scope-bundle
[ "$(id -u)" = 0 ] || bundle=$XDG_RUNTIME_DIR/scope-bundle
mkdir -p $bundle/rootfs
tar -xOf /opt/busybox.tar layer.tar | tar -xC $bundle/rootfs
if [ "$(id -u)" = 0 ]; then runc spec --bundle $bundle; else runc spec --rootless --bundle $bundle; fi
mv $bundle/config.json $bundle/example.json
configure() { # CGROUPS-PATH [JQ-FILTER]
    jq --arg path "$1" '.process.terminal = false | .process.args = ["/bin/sleep", "1000"] | .linux.cgroupsPath = $path |
        del(.linux.resources) | del(.annotations) | '"${2:-.}" $bundle/example.json >$bundle/config.json
}
if [ "$(id -u)" = 0 ]; then user=; else user=--user; fi
u() { "$URC" --systemd-cgroup "$@" </dev/null; }
# The container keeps what the runtime's output is, so that must not be a pipe that somebody reads to its end.
detached() { "$@" </dev/null >/dev/null; }
start() { expect 0 detached "$URC" --systemd-cgroup run --detach --bundle $bundle "$1"; }
pid_of() { "$URC" state "$1" | jq .pid; }
show() { systemctl $user show --property "$2" --value "$1"; }
is_loaded() { [ "$(show "$1" LoadState)" = loaded ] && [ "$(show "$1" ActiveState)" != inactive ]; }
is_gone() { ! is_loaded "$1"; }
no_state() { [ -z "$("$URC" list --quiet)" ]; }
cleanup() {
    for id in $("$URC" list --quiet); do "$URC" --systemd-cgroup delete --force "$id"; done
    runc --systemd-cgroup delete --force theirs
    rm -rf $bundle
} >/dev/null 2>&1
trap cleanup EXIT
control() { cat "$(cgroup_of "$(pid_of "$1")")/$2"; }

limits='.linux.resources = {memory: {limit: 104857600, swap: 209715200, reservation: 52428800},
    cpu: {shares: 1024, quota: 20000, period: 50000, cpus: "0"}, pids: {limit: 50}}'

if [ "$(id -u)" != 0 ]; then
    checking "a user's scope"
    configure "" "$limits | del(.linux.resources.cpu.cpus)"
    start mine
    has cgroup "$(cat "/proc/$(pid_of mine)/cgroup")" '^0::/user.slice/user-1000.slice/user@1000.service/user.slice/urc-mine.scope$'
    is memory.max "$(control mine memory.max)" 104857600
    is pids.max "$(control mine pids.max)" 50
    is MemoryMax "$(show urc-mine.scope MemoryMax)" 104857600
    expect 0 u update --memory 80M --memory-swap 160M mine
    systemctl --user daemon-reload
    is memory.max "$(control mine memory.max)" 83886080
    expect 0 u delete --force mine
    is_gone urc-mine.scope || fail "the unit is still there"

    checking "a bus of which only \$XDG_RUNTIME_DIR tells"
    expect 0 detached env -u DBUS_SESSION_BUS_ADDRESS "$URC" --systemd-cgroup run --detach --bundle $bundle mine
    expect 0 env -i XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" PATH="$PATH" "$URC" delete --force mine
    is_gone urc-mine.scope || fail "the unit is still there"
    expect 1 env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR "$URC" --root $bundle/state --systemd-cgroup run --bundle $bundle mine
    has error "$err" 'connect to the user bus: neither \$DBUS_SESSION_BUS_ADDRESS nor \$XDG_RUNTIME_DIR is set'

    checking "no right to make a cgroup"
    configure /somewhere/else "del(.linux.cgroupsPath) | .process.args = [\"/bin/true\"]"
    expect 0 "$URC" run --bundle $bundle none
    configure /somewhere/else ".linux.resources = {memory: {limit: 104857600}}"
    expect 1 "$URC" run --bundle $bundle none
    has error "$err" 'memory limit: container could not join or create cgroup: mkdir: /sys/fs/cgroup/somewhere/else: Permission denied'
    no_state || fail "left a state directory"
    exit 0
fi

disk=$(stat -c '%Hd:%Ld' /)
checking "a scope, its limits, its properties: beside runc's"
configure system.slice:test:theirs "$limits | .annotations = {\"org.systemd.property.TimeoutStopSec\": \"7\",
    \"org.systemd.property.CollectMode\": \"'inactive-or-failed'\"}"
properties="Slice Delegate DelegateControllers MemoryMax MemoryLow MemorySwapMax CPUQuotaPerSecUSec CPUQuotaPeriodUSec
    TasksMax AllowedCPUs MemoryAccounting CPUAccounting IOAccounting TasksAccounting DefaultDependencies TimeoutStopUSec
    CollectMode KillMode ControlGroup ActiveState SubState Transient"
expect 0 detached runc --systemd-cgroup run --detach --bundle $bundle theirs
for property in $properties; do theirs+="$property=$(show test-theirs.scope $property)"$'\n'; done
runc --systemd-cgroup delete --force theirs
start theirs
for property in $properties; do ours+="$property=$(show test-theirs.scope $property)"$'\n'; done
is "what systemd shows" "$ours" "$theirs"
is cgroup "$(cat "/proc/$(pid_of theirs)/cgroup")" 0::/system.slice/test-theirs.scope
all_limits() { for file in memory.max memory.low memory.swap.max cpu.max cpu.weight pids.max cpuset.cpus; do control theirs $file; done; }
wanted=$'104857600\n52428800\n104857600\n20000 50000\n100\n50\n0'
is limits "$(all_limits)" "$wanted"
is "the state's unit" "$(jq -r .urc.systemd_unit /run/urc/theirs/state.json)" test-theirs.scope

checking "daemon-reload, update, devices"
systemctl daemon-reload
is "limits after daemon-reload" "$(all_limits)" "$wanted"
expect 0 "$URC" update --memory 80M --memory-swap 160M --pids-limit 60 --cpu-quota 12345 --cpuset-cpus 0 theirs
is memory.max "$(control theirs memory.max)" 83886080
is "an exact quota" "$(control theirs cpu.max)" "12345 50000"
is TasksMax "$(show test-theirs.scope TasksMax)" 60
systemctl daemon-reload
is memory.max "$(control theirs memory.max)" 83886080
is memory.swap.max "$(control theirs memory.swap.max)" 83886080
is pids.max "$(control theirs pids.max)" 60
expect 1 "$URC" update --cpuset-cpus 4000 theirs
is AllowedCPUs "$(show test-theirs.scope AllowedCPUs)" 0
expect 0 "$URC" exec --cap CAP_MKNOD theirs mknod /dev/disk b ${disk%:*} ${disk#*:}
expect 1 "$URC" exec theirs head -c 1 /dev/disk
has error "$err" 'Operation not permitted'

checking "delete, an occupied name, a failed unit of that name"
expect 1 u run --bundle $bundle other
has error "$err" 'start test-theirs.scope: .*already'
is "the first one" "$("$URC" state theirs | jq -r .status)" running
expect 0 "$URC" delete --force theirs
is_gone test-theirs.scope || fail "the unit is still there"
[ ! -e /sys/fs/cgroup/system.slice/test-theirs.scope ] || fail "the cgroup is still there"
# The first process of a pid namespace does not hear TERM; systemd would wait for 90 s.
configure system.slice:test:failed '.annotations = {"org.systemd.property.RuntimeMaxSec": "1", "org.systemd.property.TimeoutStopSec": "1"}'
start failed
has_stopped() { [ "$("$URC" state "$1" | jq -r .status)" = stopped ]; }
eventually "systemd ends it" has_stopped failed
expect 0 u delete --force failed
is "units" "$(systemctl list-units --all --no-legend 'test-*.scope')" ""

checking "slices"
configure kubepods-besteffort-pod12.slice:cri-containerd:abc
start kube
is cgroup "$(cat "/proc/$(pid_of kube)/cgroup")" \
    0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod12.slice/cri-containerd-abc.scope
expect 0 u delete --force kube
configure -.slice:test:root
start root
is cgroup "$(cat "/proc/$(pid_of root)/cgroup")" 0::/test-root.scope
expect 0 u delete --force root
configure ""
start default
is cgroup "$(cat "/proc/$(pid_of default)/cgroup")" 0::/system.slice/urc-default.scope
expect 0 "$URC" exec default sh -c 'cat /proc/self/cgroup'
is "seen from inside" "$out" 0::/
"$URC" kill default KILL
eventually "systemd collects it" is_gone urc-default.scope
expect 0 "$URC" delete default

checking "what goes wrong leaves nothing"
# Its set-up copies a directory into a tmpfs, within the container's limit, and is killed for that.
mkdir $bundle/rootfs/copied
dd if=/dev/zero of=$bundle/rootfs/copied/file bs=1M count=24 2>/dev/null
copying='.linux.resources = {memory: {limit: 8388608, swap: 8388608}}
    | .mounts += [{destination: "/copied", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}]'
for filter in '.process.args = ["/no/such/program"]' '.annotations = {"org.systemd.property.NoSuchProperty": "1"}' \
    '.linux.cgroupsPath = "a--b.slice:test:bad"' '.linux.cgroupsPath = "/plain/path"' \
    '.mounts += [{destination: "/x", type: "no-such-type", source: "x"}]' \
    "$copying" '.linux.resources = {unified: {"no.such": "1"}}'; do
    configure system.slice:test:bad "$filter"
    for verb in run create; do
        expect 1 detached u $verb --bundle $bundle bad
        is "lines of error ($filter)" "$(wc -l <<<"$err")" 1
        no_state || fail "$verb with $filter left a state directory"
        is "units ($filter)" "$(systemctl list-units --all --no-legend 'test-*.scope')" ""
        [ ! -e /sys/fs/cgroup/system.slice/test-bad.scope ] || fail "$verb with $filter left a cgroup"
    done
done
rm -r $bundle/rootfs/copied

checking "namespaces that are joined; no bus, but systemd"
configure system.slice:test:one
start one
configure system.slice:test:two ".linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$(pid_of one)/ns/pid\" else . end)"
expect 0 detached env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent "$URC" --systemd-cgroup run --detach --bundle $bundle two
is cgroup "$(cat "/proc/$(pid_of two)/cgroup")" 0::/system.slice/test-two.scope
expect 0 env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent "$URC" delete --force two
expect 0 u delete --force one

checking "limits of block devices after daemon-reload"
configure system.slice:test:io ".linux.resources = {blockIO: {weight: 500, throttleReadBpsDevice: [{major: ${disk%:*}, minor: ${disk#*:}, rate: 1048576}]}}"
start io
weight=$(control io io.weight) max=$(control io io.max)
has io.max "$max" "^$disk rbps=1048576"
systemctl daemon-reload
is io.weight "$(control io io.weight)" "$weight"
is io.max "$(control io io.max)" "$max"
expect 0 u delete --force io

as-user bash "$(readlink -f "$0")"
