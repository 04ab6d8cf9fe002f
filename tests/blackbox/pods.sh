#!/bin/sh
# Pods: containers in the namespaces of another one, as root and without root's rights; and the id maps of user
# namespaces, made and joined.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-pod
ids='.linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
user='.linux.namespaces += [{"type": "user"}] | .root.readonly = false'

# pod_bundle NAME PID JQ: a bundle that joins the namespaces user, network, ipc, uts and pid of the process.
pod_bundle() {
    bundle "$1" '.root.readonly = false | del(.hostname) | .linux.namespaces = [{"type": "mount"}] +
        [("user", "network", "ipc", "uts", "pid") as $type |
            {"type": $type, "path": ("/proc/'"$2"'/ns/" + if $type == "network" then "net" else $type end)}] |
        .process.args = ["/bin/sh", "-c", "hostname; id -G; cat /proc/self/setgroups; for ns in user net ipc uts pid; do
            readlink /proc/self/ns/$ns; done"] | '"$3" >/dev/null
    for applet in readlink hostname; do ln -sf busybox "$work/$1/rootfs/bin/$applet"; done
    printf '%s\n' "$work/$1"
}
namespaces_of() { for ns in user net ipc uts pid; do readlink "/proc/$1/ns/$ns"; done; }
first_of_pod() { pid=$(sed -n 1p "$work/first.pid"); }

test_containers_of_a_pod_share_namespaces() {
    b=$(bundle first ".process.args = [\"/bin/sleep\", \"1000\"] | .hostname = \"the-pod\" | $user | $ids")
    call run --detach --pid-file "$work/first.pid" --bundle "$b" "$id"
    check "the first one runs" [ "$status" = 0 ]
    first_of_pod
    b=$(pod_bundle second "$pid" .)
    call run --bundle "$b" "$id-2"
    check "the second one runs" [ "$status" = 0 ]
    check "its host name is the first one's" [ "$(sed -n 1p "$work/out")" = the-pod ]
    check "all five are the first one's: $(cat "$work/out")" [ "$(tail -n 5 "$work/out")" = "$(namespaces_of "$pid")" ]

    call run --bundle "$(pod_bundle same "$pid" "$ids")" "$id-2"
    check "its own maps may be given" [ "$status" = 0 ]
    call run --bundle "$(pod_bundle other "$pid" "$ids | .linux.uidMappings[0].size = 10")" "$id-2"
    check "status 1" [ "$status" = 1 ]
    check "others may not" grep -q "linux.uidMappings: not those of the user namespace that is joined: /proc/$pid/ns/user" "$work/err"

    b=$(pod_bundle volume "$pid" '.mounts += [{"destination": "/v", "type": "bind", "source": "v", "options": ["idmap"]}] |
        .process.args = ["/bin/stat", "-c", "%u:%g", "/v"]')
    mkdir -p "$b/v" "$b/rootfs/v"
    call run --bundle "$b" "$id-2"
    check "an id-mapped volume has the maps of the pod: $(cat "$work/out")" [ "$(cat "$work/out")" = 0:0 ]
    call delete --force "$id"
    nothing_left
}

test_network_of_the_host_beside_a_joined_user_namespace() {
    # The pod's user namespace does not own this network namespace: it is joined before.
    b=$(bundle first ".process.args = [\"/bin/sleep\", \"1000\"] | $user | $ids")
    call run --detach --pid-file "$work/first.pid" --bundle "$b" "$id"
    first_of_pod
    b=$(pod_bundle second "$pid" '.linux.namespaces |= map(if .type == "network" then .path = "/proc/'$$'/ns/net" else . end)')
    call run --bundle "$b" "$id-2"
    check "it runs" [ "$status" = 0 ]
    check "in the host's network" grep -qxF "$(readlink /proc/self/ns/net)" "$work/out"
    check "in the pod's user namespace" grep -qxF "$(readlink "/proc/$pid/ns/user")" "$work/out"
    call delete --force "$id"
    nothing_left
}

# Root's supplementary groups must not come along into a user namespace in which they cannot be dropped any more.
test_groups_are_dropped_before_joining() {
    user_can_run || return
    mkfifo "$work/held"
    chmod 666 "$work/held"
    setpriv --reuid 4242 --regid 4242 --clear-groups unshare --user --map-root-user \
        sh -c 'echo ready >"$0"; exec sleep 1000' "$work/held" &
    holder=$!
    exec 8<>"$work/held"
    check "a process with denied groups is there" eval "timeout 10 head -n 1 <&8 >/dev/null"
    exec 8<&-
    b=$(bundle groups '.linux.namespaces = [{"type": "mount"}, {"type": "user", "path": "/proc/'"$holder"'/ns/user"}] |
        .process.args = ["/bin/cat", "/proc/self/status", "/proc/self/setgroups"] | .root.readonly = false | del(.hostname) |
        .mounts |= map(select(.destination == "/proc"))')
    chown -R 4242:4242 "$b"
    status=0
    setpriv --groups 0,27,44 "$urc" --root "$root" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" </dev/null || status=$?
    check "it runs" [ "$status" = 0 ]
    check "setgroups is denied" [ "$(tail -n 1 "$work/out")" = deny ]
    check "its status can be seen" grep -q '^Groups:' "$work/out"
    check "no group of root's: $(grep '^Groups' "$work/out")" [ "$(sed -n 's/^Groups:[[:space:]]*//p' "$work/out" | tr -d ' ')" = "" ]
    kill "$holder"
    wait "$holder" 2>/dev/null
    nothing_left
}

# ---- without root's rights -------------------------------------------------------------------------------------

# as_user ARGUMENT...: urc as user 4242, who has a state root of their own.
as_user() {
    status=0
    setpriv --reuid 4242 --regid 4242 --clear-groups \
        "$urc" --root "$work/user" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
user_can_run() {
    chmod 755 "$work"
    mkdir -p "$work/user" "$work/pids"
    chown 4242:4242 "$work/user" "$work/pids"
    setpriv --reuid 4242 --regid 4242 --clear-groups unshare --user "$urc" --version >/dev/null 2>&1 && return
    echo "  not here: user 4242 may not make user namespaces, or cannot reach $urc"
    return 1
}
rootless_ids='.linux.uidMappings = [{"containerID": 0, "hostID": 4242, "size": 1}] | .linux.gidMappings = .linux.uidMappings'
rootless="$user"' | .linux.namespaces |= map(select(.type != "cgroup")) | del(.linux.resources) |
    (.mounts[] | select(.destination == "/dev/pts").options) |= map(select(. != "gid=5"))'

test_cve_2014_8989_rootless_pod_cannot_change_groups() {
    user_can_run || return
    b=$(bundle first ".process.args = [\"/bin/sleep\", \"1000\"] | .hostname = \"rootless-pod\" | $rootless | $rootless_ids")
    chown -R 4242:4242 "$b"
    as_user run --detach --pid-file "$work/pids/first" --bundle "$b" "$id"
    check "the first one runs" [ "$status" = 0 ]
    pid=$(cat "$work/pids/first")
    check "setgroups is denied" [ "$(cat "/proc/$pid/setgroups")" = deny ]
    b=$(pod_bundle second "$pid" '(.mounts[] | select(.destination == "/dev/pts").options) |= map(select(. != "gid=5"))')
    chown -R 4242:4242 "$b"
    as_user run --bundle "$b" "$id-2"
    check "the second one runs" [ "$status" = 0 ]
    check "in the pod" [ "$(sed -n 1p "$work/out")" = rootless-pod ]
    check "setgroups is denied to it, too" [ "$(sed -n 3p "$work/out")" = deny ]
    check "all five are the first one's: $(cat "$work/out")" [ "$(tail -n 5 "$work/out")" = "$(namespaces_of "$pid")" ]
    b=$(bundle groups ".process.user.additionalGids = [0] | $rootless | $rootless_ids")
    chown -R 4242:4242 "$b"
    as_user run --bundle "$b" "$id-2"
    refused 1 'setgroups: process.user.additionalGids in a user namespace with one mapped group: Operation not permitted'
    as_user delete --force "$id"
    check "nothing is left in the user's root" [ -z "$(ls -A "$work/user" | grep -vx '\.cache')" ]
    nothing_left
}

test_rootless_ranges_are_mapped_by_the_helpers() {
    user_can_run || return
    command -v newuidmap >/dev/null || { echo "  not here: uidmap is not installed"; return; }
    b=$(bundle ranges ".process.args = [\"/bin/cat\", \"/proc/self/uid_map\", \"/proc/self/gid_map\", \"/proc/self/setgroups\"] |
        $rootless | .linux.uidMappings = [{\"containerID\": 0, \"hostID\": 4242, \"size\": 1},
            {\"containerID\": 1, \"hostID\": 300000, \"size\": 1000}] | .linux.gidMappings = .linux.uidMappings")
    chown -R 4242:4242 "$b"
    # Users and their ranges in a mount namespace of the test's own.
    { cat /etc/passwd; echo "urc-test:x:4242:4242::/:/bin/sh"; } >"$work/passwd"
    echo "urc-test:300000:1000" >"$work/subid"
    status=0
    unshare --mount sh -c '
        mount --bind "$1/passwd" /etc/passwd
        for file in /etc/subuid /etc/subgid; do mount --bind "$1/$2" "$file" || exit 77; done
        shift 2
        exec setpriv --reuid 4242 --regid 4242 --clear-groups "$@"' sh "$work" subid \
        "$urc" --root "$work/user" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" != 77 ] || { echo "  not here: no /etc/subuid and /etc/subgid to mount on"; return; }
    check "it runs" [ "$status" = 0 ]
    check "both ranges are mapped: $(cat "$work/out")" [ "$(grep -c '^ *1 *300000 *1000$' "$work/out")" = 2 ]
    check "groups may be set" [ "$(tail -n 1 "$work/out")" = allow ]
    echo "urc-test:400000:1000" >"$work/subid"
    as_user run --bundle "$b" "$id"
    refused 1 'id maps: newgidmap: .* \(see /etc/subuid, /etc/subgid\)'
}

test_user_namespace_needs_maps() {
    b=$(bundle nomaps "$user")
    call run --bundle "$b" "$id"
    refused 1 'linux.uidMappings: a new user namespace needs mappings'
}

main
