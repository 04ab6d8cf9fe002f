#!/bin/sh
# linux.netDevices: devices of the host that move into the container. The "host" here is a network namespace that
# lives as long as a process which holds it; its devices are veth pairs.
set -u
. "$(dirname "$0")/lib.sh"
command -v ip >/dev/null || skip "ip is not installed"
unshare --net ip link add v0 type veth peer name v1 2>/dev/null || skip "this kernel or user cannot make veth pairs"

id=$tag-net

# A fresh host: v0 with addresses and up, w0 plain.
new_host() {
    mkfifo "$work/held" 2>/dev/null
    unshare --net sh -c 'echo ready >"$0"; exec sleep 100' "$work/held" &
    holder=$!
    read -r _ <"$work/held"
    on_host ip link add v0 type veth peer name v1
    on_host ip link add w0 type veth peer name w1
    on_host ip address add 192.0.2.5/24 broadcast 192.0.2.255 dev v0
    on_host ip address add 198.51.100.7/32 peer 198.51.100.8 dev v0
    on_host ip address add 203.0.113.1/24 scope link dev v0
    on_host ip -6 address add 2001:db8::5/64 nodad dev v0
    on_host ip link set lo up
    on_host ip link set v1 up
    on_host ip link set v0 up
}
on_host() { nsenter --net="/proc/$holder/ns/net" "$@"; }
end_host() { kill -KILL "$holder" 2>/dev/null; wait "$holder" 2>/dev/null; }
call_on_host() {
    status=0
    on_host "$urc" --root "$root" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
has() { on_host ip link show "$1" >/dev/null 2>&1; }
has_not() { ! has "$1"; }

devices() { # NAME DEVICES-JSON SHELL-COMMAND [JQ]
    b=$(bundle "$1" "${4:-.}")
    jq --arg command "$3" ".linux.netDevices = $2 |
        if .process.args == [\"/bin/true\"] then .process.args = [\"/bin/sh\", \"-c\", \$command] else . end" \
        "$b/config.json" >"$b/config.new" && mv "$b/config.new" "$b/config.json"
    for applet in ip cat; do ln -sf busybox "$b/rootfs/bin/$applet"; done
}

test_moves_with_its_addresses_and_a_new_name() {
    new_host
    devices moves '{"v0": {"name": "eth7"}, "w0": {}}' 'ip link; ip address show eth7'
    call_on_host run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "is up, with its new name" grep -q ': eth7.*[<,]UP[,>]' "$work/out"
    check "the other one is up, with its own" grep -q ': w0.*[<,]UP[,>]' "$work/out"
    check "address" grep -q 'inet 192.0.2.5/24 brd 192.0.2.255 ' "$work/out"
    check "address with a peer" grep -q 'inet 198.51.100.7 peer 198.51.100.8/32 ' "$work/out"
    check "address of IPv6" grep -q 'inet6 2001:db8::5/64 scope global' "$work/out"
    check "none of the link's scope" [ -z "$(grep 203.0.113.1 "$work/out")" ]
    check "each once" [ "$(grep -c 'inet 192' "$work/out")" = 1 ]
    check "the host has it no more" has_not v0
    nothing_left
    end_host
}

test_is_there_before_hooks_and_sysctls() {
    new_host
    devices early '{"v0": {"name": "eth7"}}' 'cat /proc/sys/net/ipv4/conf/eth7/forwarding' \
        '.linux.sysctl = {"net.ipv4.conf.eth7.forwarding": "1"} | .hooks.prestart = [{path: "/bin/sh", args: ["sh", "-c",
            "nsenter -t $(jq .pid) -n ip -o link show eth7 >'"$work"'/seen"], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]'
    call_on_host run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "the hook sees it" grep -q eth7 "$work/seen"
    check "the sysctl is set" [ "$(cat "$work/out")" = 1 ]
    end_host
}

test_into_a_namespace_that_is_joined() {
    new_host
    mkfifo "$work/other" 2>/dev/null
    unshare --net sh -c 'echo ready >"$0"; exec sleep 100' "$work/other" &
    other=$!
    read -r _ <"$work/other"
    devices joined '{"v0": {}}' 'ip address show v0' '.linux.namespaces |= map(select(.type != "network")) |
        .linux.namespaces += [{"type": "network", "path": "/proc/'"$other"'/ns/net"}]'
    call_on_host run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "address" grep -q 'inet 192.0.2.5/24' "$work/out"
    check "stays with the namespace" nsenter --net="/proc/$other/ns/net" ip -o link show v0 >/dev/null
    kill -KILL "$other"; wait "$other" 2>/dev/null
    end_host
}

test_with_a_user_namespace() {
    new_host
    devices userns '{"v0": {}}' 'ip address show v0' '.linux.namespaces += [{"type": "user"}] | .root.readonly = false |
        .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings |
        .mounts |= map(select(.type != "sysfs" and .type != "cgroup"))'
    chown -R 100000:100000 "$b/rootfs"; chmod 755 "$work"
    call_on_host run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "address" grep -q 'inet 192.0.2.5/24' "$work/out"
    end_host
}

# All is looked at before the first one moves.
test_what_cannot_be_moved_leaves_the_others() {
    new_host
    devices missing '{"v0": {}, "none9": {}}' 'true'
    call_on_host run --bundle "$b" "$id"
    refused 1 'linux.netDevices: find: none9: No such device$'
    check "v0 is still on the host" has v0
    devices taken '{"v0": {}, "w0": {"name": "lo"}}' 'true'
    call_on_host create --bundle "$b" "$id"
    refused 1 'linux.netDevices: rename w0: lo: File exists$'
    check "and still" has v0
    check "and up" sh -c "nsenter --net=/proc/$holder/ns/net ip -o link show v0 | grep -q '[<,]UP[,>]'"
    devices loopback '{"lo": {"name": "lo1"}}' 'true'
    call_on_host run --bundle "$b" "$id"
    refused 1 'linux.netDevices: move: lo: Invalid argument$'
    check "and stays up" sh -c "nsenter --net=/proc/$holder/ns/net ip -o link show lo | grep -q '[<,]UP[,>]'"
    devices own '{"v0": {}}' 'true' '.linux.namespaces |= map(select(.type != "network")) |
        .linux.namespaces += [{"type": "network", "path": "/proc/'"$holder"'/ns/net"}]'
    call_on_host run --bundle "$b" "$id"
    refused 1 "linux.netDevices: the container's network namespace is urc's own\$"
    end_host
}

test_a_later_failure_leaves_nothing() {
    new_host
    devices later '{"v0": {}}' 'true' '.process.args = ["/not/there"]'
    call_on_host create --bundle "$b" "$id"
    refused 1 'no such file'
    end_host
}

test_names_and_namespaces_that_cannot_be() {
    for name in 'a:b' 'a%d' 'a/b' '.' '..' 'a b' 0123456789abcdef; do
        devices name "{\"v0\": {\"name\": \"$name\"}}" 'true'
        call run --bundle "$b" "$id"
        refused 1 'config.json: linux.netDevices\["v0"\]: not the name of an interface$'
        devices name "{\"$name\": {}}" 'true'
        call run --bundle "$b" "$id"
        refused 1 'config.json: linux.netDevices\[.*\]: not the name of an interface$'
    done
    devices twice '{"v0": {"name": "w0"}, "w0": {}}' 'true'
    call run --bundle "$b" "$id"
    refused 1 'config.json: linux.netDevices\["w0"\]: a second device named "w0"$'
    devices none '{"v0": {}}' 'true' '.linux.namespaces |= map(select(.type != "network"))'
    call run --bundle "$b" "$id"
    refused 1 'config.json: linux.netDevices: needs a network namespace$'
    devices rootless '{"v0": {}}' 'true' '.linux.namespaces += [{"type": "user"}] |
        .linux.uidMappings = [{"containerID": 0, "hostID": 0, "size": 1}] | .linux.gidMappings = .linux.uidMappings |
        .mounts |= map(select(.type == "proc"))'
    cp "$urc" "$work/urc"; chmod 755 "$work" "$work/urc"; chmod -R a+rX "$b"; mkdir "$work/users-root"; chown 1000:1000 "$work/users-root"
    status=0
    setpriv --reuid 1000 --regid 1000 --clear-groups "$work/urc" --root "$work/users-root" run --bundle "$b" "$id" \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
    refused 1 "config.json: linux.netDevices: needs root's rights\$"
}

main
