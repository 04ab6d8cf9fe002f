#!/bin/sh
# What a container is in: every kind of namespace joined by path, alone and beside a new user namespace; and what it
# has: capabilities, personality, its own cgroup in view.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-in

# holder UNSHARE-OPTION...: a process in namespaces of its own; its pid in $holder.
holder() {
    mkfifo "$work/held" 2>/dev/null
    unshare "$@" sh -c 'echo ready >"$0"; exec sleep 100' "$work/held" &
    unshare_pid=$!
    read -r _ <"$work/held"
    holder=$(pgrep -P "$unshare_pid" | head -n 1)
    [ -n "$holder" ] || holder=$unshare_pid
}
release() { kill -KILL "$holder" 2>/dev/null; wait "$unshare_pid" 2>/dev/null; }

# What the container says its namespace is must be the holder's.
joins() { # TYPE NAME-BELOW-NS JQ
    b=$(bundle "join-$1" '.process.args = ["/bin/sh", "-c", "readlink /proc/self/ns/'"$2"'"] |
        .linux.namespaces |= map(select(.type != "'"$1"'")) |
        .linux.namespaces += [{"type": "'"$1"'", "path": "/proc/'"$holder"'/ns/'"$2"'"}]'"${3:-}")
    ln -sf busybox "$b/rootfs/bin/readlink"
    call run --bundle "$b" "$id"
    check "joins $1" [ "$status" = 0 ]
    check "is in the given $1 namespace" [ "$(cat "$work/out")" = "$(readlink "/proc/$holder/ns/$2")" ]
    nothing_left
}

test_joins_every_kind() {
    holder --fork --pid --net --uts --ipc --time --boottime 5000
    joins network net
    joins uts uts '| del(.hostname)'
    joins ipc ipc
    joins pid pid
    joins time time
    release
}

user_maps='| .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    | .linux.gidMappings = .linux.uidMappings | .root.readonly = false
    | .mounts |= map(select(.type != "sysfs" and .type != "cgroup"))'

test_joins_a_network_from_a_new_user_namespace() {
    holder --net
    joins network net "| .linux.namespaces += [{\"type\": \"user\"}] $user_maps"
    release
}

test_joins_a_user_namespace() {
    holder --user
    echo "0 100000 65536" >"/proc/$holder/uid_map"
    echo "0 100000 65536" >"/proc/$holder/gid_map"
    joins user user '| .root.readonly = false | .mounts |= map(select(.type != "sysfs" and .type != "cgroup"))'
    release
}

test_time_offsets() {
    b=$(bundle offsets '.process.args = ["/bin/cat", "/proc/uptime"] | .linux.namespaces += [{"type": "time"}] |
        .linux.timeOffsets = {"boottime": {"secs": 900000000}}')
    call run --bundle "$b" "$id"
    check "status 0" [ "$status" = 0 ]
    check "the clock is ahead: $(cat "$work/out")" [ "$(cut -d. -f1 "$work/out")" -gt 900000000 ]
    nothing_left
}

test_without_capabilities_there_are_none() {
    b=$(bundle nocaps '.process.args = ["/bin/cat", "/proc/self/status"] | del(.process.capabilities)')
    call run --bundle "$b" "$id"
    check "four empty sets" [ "$(grep -c '^Cap\(Prm\|Eff\|Bnd\|Amb\):.0*$' "$work/out")" = 4 ]
}

test_personality() {
    b=$(bundle personality '.process.args = ["/bin/cat", "/proc/self/personality"] | .linux.personality = {"domain": "LINUX32"}')
    call run --bundle "$b" "$id"
    check "LINUX32" [ "$(cat "$work/out")" = 00000008 ]
}

test_own_cgroup_is_in_view_without_a_cgroup_namespace() {
    b=$(bundle view '.process.args = ["/bin/sh", "-c", "cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids/cgroup.procs 2>/dev/null"] |
        .linux.namespaces |= map(select(.type != "cgroup"))')
    call run --bundle "$b" "$id"
    # Itself and cat: nobody else is in it.
    check "it sees its own processes: $(tr '\n' ' ' <"$work/out")" grep -qx 1 "$work/out"
}

test_a_memory_limit_that_is_too_low_is_named() {
    b=$(bundle oom '.linux.resources.memory = {"limit": 4096}')
    call run --bundle "$b" "$id"
    refused 1 'memory'
}

test_mount_options_in_one_string() {
    b=$(bundle commas '.process.args = ["/bin/mount"] |
        .mounts += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid,nodev,size=1m"]}]')
    call run --bundle "$b" "$id"
    check "all of them act" grep -Eq 'on /tmp type tmpfs \(rw,nosuid,nodev,.*size=1024k' "$work/out"
}

# A directory of the host that the caller leaked must not become the working directory.
test_cve_2024_21626_no_descriptor_leads_out() {
    b=$(bundle leak)
    for fd in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
        for rest in "" /.. /../../..; do
            jq ".process.cwd = \"/proc/self/fd/$fd$rest\"" "$b/config.json" >"$b/leak.json"
            call run --bundle "$b" --config leak.json "$id" 9</
            [ "$status" = 1 ] || fail "cwd /proc/self/fd/$fd$rest: status $status, expected 1"
        done
    done
    check "told in one line" [ "$(wc -l <"$work/err")" = 1 ]
    nothing_left
}

# An image whose programs lead back to urc's own file: nothing of it may run, nor be opened for writing.
test_cve_2019_5736_own_executable_is_out_of_reach() {
    before=$(sha256sum "$urc")
    b=$(bundle self '.process.args = ["/proc/self/exe", "--version"] | .root.readonly = false')
    call run --bundle "$b" "$id"
    refused 1 'exec format error'
    b=$(bundle script '.process.args = ["/bin/self"]')
    printf '#!/proc/self/exe --version\n' >"$b/rootfs/bin/self"
    chmod 755 "$b/rootfs/bin/self"
    call run --bundle "$b" "$id"
    refused 1 'exec /bin/self: exec format error'
    check "urc is as it was" [ "$(sha256sum "$urc")" = "$before" ]
}

# The order in which rights go (core/child/exec.cpp): user, then with no_new_privs the capabilities before the filter, so
# that a profile need not allow what urc still does; without it the filter first, which takes a right.
test_rights_go_in_one_order() {
    forbidden='.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO", "errnoRet": 95,
        "names": ["capset", "setgroups", "setresuid", "setresgid", "close_range", "prctl"]}]} |
        .process.user = {"uid": 5, "gid": 6} | .process.args = ["/bin/sh", "-c", "id -u; grep Seccomp: /proc/self/status"]'
    b=$(bundle order "$forbidden | .process.noNewPrivileges = true")
    call run --bundle "$b" "$tag-order"
    check "a filter that comes last forbids nothing of ours" [ "$status" = 0 ]
    check "user and filter are in force" [ "$(tr -d '\t' <"$work/out" | xargs)" = "5 Seccomp:2" ]
    b=$(bundle order "$forbidden | .process.noNewPrivileges = false")
    call run --bundle "$b" "$tag-order"
    refused 1 'set capabilities: operation not supported'
}

main
