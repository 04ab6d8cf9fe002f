#!/bin/sh
# exec as a caller sees it: its options, its exit statuses, what the process is in and what it holds.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-exec

# container [JQ-PROGRAM]: one that sleeps, with some more programs in it.
container() {
    b=$(bundle "exec" '.process.args = ["/bin/sleep", "1000"] | '"${1:-.}")
    for applet in pwd env grep head tail printf readlink test tr kill stty tty ps seq; do ln -sf busybox "$b/rootfs/bin/$applet"; done
    mkdir -p "$b/rootfs/data"
    echo "user:x:1000:1000::/data:/bin/sh" >"$b/rootfs/etc/passwd"
    call run --detach --bundle "$b" "$id"
    check "the container runs" [ "$status" = 0 ]
}
gone() { call delete --force "$id"; check "deleted" [ "$status" = 0 ]; nothing_left; }

# says EXPECTED EXEC-ARGUMENT...: it succeeds and writes exactly that.
says() {
    expected=$1
    shift
    call exec "$@"
    check "status of $*: $status" [ "$status" = 0 ]
    check "output of $*: $(head -c 200 "$work/out")" [ "$(cat "$work/out")" = "$expected" ]
}
# fails PATTERN EXEC-ARGUMENT...: 255, one line that matches.
fails() {
    pattern=$1
    shift
    call exec "$@"
    check "status of $*: $status" [ "$status" = 255 ]
    check "one line for $*" [ "$(wc -l <"$work/err")" = 1 ]
    check "the line for $*" grep -Eq -e "$pattern" "$work/err"
}

test_statuses() {
    container
    for number in 0 1 42 255; do
        call exec "$id" sh -c "exit $number"
        check "status $number passes through: $status" [ "$status" = "$number" ]
    done
    call exec "$id" sh -c 'kill -9 $$'
    check "128 + 9: $status" [ "$status" = 137 ]
    call exec --frobnicate "$id" true
    check "usage error: $status" [ "$status" = 1 ]
    fails 'container does not exist' "$id-none" true
    fails 'args must not be empty' "$id"
    fails "exec $id: exec: \"nope\": executable file not found in \\\$PATH" "$id" nope
    fails 'exec: "/bin/nope": stat /bin/nope: no such file or directory' "$id" /bin/nope
    fails 'exec: "/data": is a directory: permission denied' "$id" /data
    printf '#!/bin/nope\n' >"$b/rootfs/bin/script"
    chmod 755 "$b/rootfs/bin/script"
    fails 'exec /bin/script: no such file or directory' "$id" script
    fails 'chdir to cwd' --cwd /etc/passwd "$id" true
    says running "$id" echo running
    call kill "$id" KILL
    for try in $(seq 200); do
        call state "$id"
        grep -q '"stopped"' "$work/out" && break
    done
    fails 'cannot exec in a stopped container' "$id" true
    gone
}

test_paused() {
    container
    call pause "$id"
    check "paused" [ "$status" = 0 ]
    fails 'cannot exec in a paused container' "$id" true
    "$urc" --root "$root" exec --ignore-paused "$id" echo late >"$work/late" &
    late=$!
    check "nothing runs in it" [ ! -s "$work/late" ]
    call resume "$id"
    check "resumed" [ "$status" = 0 ]
    wait "$late"
    check "it ran then" [ "$(cat "$work/late")" = late ]
    gone
}

test_the_process() {
    container '.process.env += ["A=1"] | .process.user.umask = 23'
    says "1 2" -e A=2 -e A=1 --env B=2 "$id" sh -c 'echo $A $B'
    says "a,b" -e "C=a,b" "$id" sh -c 'echo $C'
    says /data --cwd /data "$id" pwd
    says "uid=1000(user) gid=7 groups=8,9" -u 1000:7 -g 8 --additional-gids 9 "$id" id
    says /data -u 1000 "$id" sh -c 'echo $HOME'
    says 0027 "$id" sh -c umask
    says "--cap -t -d" "$id" echo --cap -t -d
    for user in "" : 1000: :5 abc 1000abc -1 4294967296 4294967295 " 5" 0x10; do
        fails 'must be UID or UID:GID' --user "$user" "$id" id
    done
    says "NoNewPrivs:	1" "$id" grep NoNewPrivs /proc/self/status
    says "NoNewPrivs:	0" --no-new-privs=false "$id" grep NoNewPrivs /proc/self/status
    gone
}

test_cve_2022_29162_added_capabilities_are_not_inheritable() {
    container '.process.capabilities |= map_values(["CAP_KILL"]) | .process.capabilities.inheritable = [] | .process.capabilities.ambient = []'
    call exec --cap CAP_NET_RAW "$id" grep Cap /proc/self/status
    check "three sets have it: $(cat "$work/out")" [ "$(grep -c '\(Prm\|Eff\|Bnd\):.0*2020$' "$work/out")" = 3 ]
    check "two sets are empty" [ "$(grep -c '\(Inh\|Amb\):.0*$' "$work/out")" = 2 ]
    "$urc" --root "$root" --log-level warning exec --cap CAP_FLY "$id" true 2>"$work/err"
    check "an unknown one is only a warning" [ $? = 0 ]
    check "and that is told" grep -q CAP_FLY "$work/err"
    gone
}

test_a_process_document() {
    container
    doc='{"args":["sh","-c","id -u; pwd; echo $V; exit 6"],"cwd":"/data","env":["V=w","PATH=/bin"],"user":{"uid":5,"gid":6}}'
    echo "$doc" >"$work/process.json"
    call exec --process "$work/process.json" --user 7 "$id"
    check "its status: $status" [ "$status" = 6 ]
    check "it rules" [ "$(tr '\n' ' ' <"$work/out")" = "5 /data w " ]
    echo "$doc" | "$urc" --root "$root" exec -p /dev/stdin "$id" >"$work/out"
    check "from a pipe on stdin" [ "$(head -n 1 "$work/out")" = 5 ]
    echo "$doc" | "$urc" --root "$root" exec -p /dev/fd/9 "$id" 9<&0 </dev/null >"$work/out"
    check "from a pipe on another descriptor" [ "$(head -n 1 "$work/out")" = 5 ]
    for bad in '{' '{"args":[],"cwd":"/"}' '{"args":["true"],"cwd":"x"}'; do
        echo "$bad" >"$work/process.json"
        fails 'process.json: ' -p "$work/process.json" "$id"
    done
    fails 'no-such-file' -p "$work/no-such-file" "$id"
    gone
}

test_detached_with_a_pid_file() {
    container
    mkdir "$work/pids"
    call exec -d --pid-file "$work/pids/pid" "$id" sleep 1000
    check "status 0" [ "$status" = 0 ]
    check "digits only" grep -Eqx '[0-9]+' "$work/pids/pid"
    check "no newline" [ "$(wc -l <"$work/pids/pid")" = 0 ]
    check "nothing beside it" [ "$(ls -A "$work/pids")" = pid ]
    pid=$(cat "$work/pids/pid")
    check "it is that process" grep -q sleep "/proc/$pid/cmdline"
    check "it holds its stdio only: $(ls "/proc/$pid/fd" | tr '\n' ' ')" [ "$(ls "/proc/$pid/fd" | tr '\n' ' ')" = "0 1 2 " ]
    rm "$work/pids/pid"
    fails 'executable file not found' -d --pid-file "$work/pids/pid" "$id" nope
    printf '#!/bin/nope\n' >"$b/rootfs/bin/script"
    chmod 755 "$b/rootfs/bin/script"
    fails 'exec /bin/script' -d --pid-file "$work/pids/pid" "$id" script
    check "no file for what did not run" [ -z "$(ls -A "$work/pids")" ]
    fails 'no-such-directory' -d --pid-file "$work/no-such-directory/pid" "$id" sleep 999
    check "and nothing ran" [ "$(ps ax | grep -c '[s]leep 999')" = 0 ]
    gone
}

test_sub_cgroups() {
    container
    fails 'bad sub cgroup path: ../..' --cgroup ../.. "$id" true
    fails 'bad sub cgroup path' --cgroup a/../b "$id" true
    fails 'unknown controller nonsense' --cgroup nonsense:/ "$id" true
    fails 'no-such: No such file or directory' --cgroup no-such "$id" true
    place=$(sed -n 's/^[0-9]*:pids:\(.*\)/\/sys\/fs\/cgroup\/pids\1/p; s/^0::\(.*\)/\/sys\/fs\/cgroup\1/p' "/proc/$(call state "$id"; jq .pid "$work/out")/cgroup" | head -n 1)
    mkdir "$place/below"
    if [ -d /sys/fs/cgroup/pids ]; then word=pids:below; else word=below; fi
    call exec -d --cgroup "$word" --pid-file "$work/pid" "$id" sleep 1000
    check "status $status" [ "$status" = 0 ]
    check "it is below" grep -qx "$(cat "$work/pid")" "$place/below/cgroup.procs"
    rm -f "$work/pid"
    gone
}

# Looked at one by one: a glob or ls would open a descriptor of its own.
held='for n in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && printf "%s " $n; done; true; '

test_descriptors() {
    container
    says "0 1 2 " "$id" sh -c "$held"
    "$urc" --root "$root" exec "$id" sh -c "$held" >"$work/out" 7</ 8</etc
    check "the caller's do not come along: $(cat "$work/out")" [ "$(cat "$work/out")" = "0 1 2 " ]
    "$urc" --root "$root" exec --preserve-fds 1 "$id" sh -c "$held cat <&3" >"$work/out" 3<"$b/config.json" 8</
    check "those that are passed do" grep -q '^0 1 2 3 {' "$work/out"
    LISTEN_FDS=1 sh -c 'LISTEN_PID=$$ exec "$@"' sh "$urc" --root "$root" exec "$id" sh -c '[ "$LISTEN_PID" = $$ ] && printf "%s: " $LISTEN_FDS; '"$held" 3</dev/null >"$work/out"
    check "LISTEN_FDS: $(cat "$work/out")" [ "$(cat "$work/out")" = "1: 0 1 2 3 " ]
    gone
}

# runc#5474: with fewer descriptors than promised, the runtime's own took their place.
test_runc_5474_preserved_descriptors_must_be_there() {
    container
    fails '--preserve-fds: descriptor 3: Bad file descriptor' --preserve-fds 3 "$id" true
    gone
}

test_cve_2024_21626_no_descriptor_leads_out() {
    container
    for fd in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
        for rest in "" /.. /../../..; do
            status=0
            "$urc" --root "$root" exec --cwd "/proc/self/fd/$fd$rest" "$id" pwd 9</ >"$work/out" 2>"$work/err" || status=$?
            [ "$status" = 255 ] || fail "cwd /proc/self/fd/$fd$rest: status $status, expected 255"
        done
    done
    check "told in one line" [ "$(wc -l <"$work/err")" = 1 ]
    gone
}

# A process in the container tries to reach the host through whatever shows up beside it.
test_cve_2016_9962_nothing_of_the_host_is_open_on_the_way() {
    for maps in '.' '.linux.namespaces += [{"type": "user"}] | .root.readonly = false |
        .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings |
        .mounts |= map(select(.type != "sysfs" and .type != "cgroup"))'; do
        mkdir -p "$work/exec/rootfs"
        [ "$maps" = . ] || chown -R 100000:100000 "$work/exec/rootfs"
        container "$maps | .root.readonly = false"
        [ "$maps" = . ] || chown -hR 100000:100000 "$b/rootfs"
        "$urc" --root "$root" exec "$id" sh -c 'while [ ! -e /data/enough ]; do for p in /proc/[0-9]*; do
                [ -e "$p/root/'"$work"'" ] && echo "root of $p"
                readlink "$p/exe" | grep urc && echo "exe of $p"
                for fd in "$p"/fd/*; do case $fd in */[012]) continue;; esac; case $(readlink "$fd") in *'"$tag"'*|/sys/*|*cgroup*) echo "$fd: $(readlink "$fd")";; esac; done
            done; done' >"$work/found" 2>/dev/null &
        watcher=$!
        for try in $(seq "${URC_TRIES:-100}"); do "$urc" --root "$root" exec "$id" true </dev/null >/dev/null 2>&1 || fail "exec $try"; done
        touch "$b/rootfs/data/enough"
        wait "$watcher"
        check "nothing was found: $(head -c 300 "$work/found")" [ ! -s "$work/found" ]
        gone
        rm -rf "$work/exec"
    done
}

test_cve_2019_5736_own_executable_is_out_of_reach() {
    before=$(sha256sum "$urc")
    container
    fails 'exec format error' "$id" /proc/self/exe --version
    printf '#!/proc/self/exe --version\n' >"$b/rootfs/bin/self"
    chmod 755 "$b/rootfs/bin/self"
    fails 'exec /bin/self: exec format error' "$id" self
    check "urc is as it was" [ "$(sha256sum "$urc")" = "$before" ]
    gone
}

test_affinity() {
    [ "$(nproc)" -gt 1 ] || { echo "    (one processor only: nothing to see)"; return; }
    container '.process.execCPUAffinity = {"initial": "0", "final": "1"}'
    says "Cpus_allowed_list:	1" "$id" grep Cpus_allowed_list /proc/self/status
    gone
    container
    all=$(grep Cpus_allowed_list "/proc/$(call state "$id"; jq .pid "$work/out")/status")
    taskset -c 0 "$urc" --root "$root" exec "$id" grep Cpus_allowed_list /proc/self/status >"$work/out"
    check "the caller's is not inherited: $(cat "$work/out")" [ "$(cat "$work/out")" = "$all" ]
    gone
}

test_without_namespaces_of_its_own() {
    container '.linux.namespaces |= map(select(.type == "mount" or .type == "uts"))'
    says "$(readlink /proc/self/ns/pid) $(readlink /proc/self/ns/net)" "$id" sh -c 'echo $(readlink /proc/self/ns/pid) $(readlink /proc/self/ns/net)'
    call exec -d "$id" sleep 998
    gone
    check "it ended with the container" [ "$(ps ax | grep -c '[s]leep 998')" = 0 ]
}

test_a_nested_time_namespace() {
    container '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"boottime": {"secs": 900000000}}'
    call exec "$id" cat /proc/uptime
    check "the clock is ahead: $(cat "$work/out")" [ "$(cut -d. -f1 "$work/out")" -gt 900000000 ]
    gone
}

test_a_terminal_without_a_terminal() {
    container
    echo "printf 'on %s\n' \$(tty); exit 3" | timeout 20 "$urc" --root "$root" exec -t "$id" sh >"$work/out" 2>"$work/err"
    check "status 3" [ $? = 3 ]
    check "it has one: $(cat "$work/out")" grep -q 'on /dev/pts/' "$work/out"
    fails 'without setting console socket' -t -d "$id" sh
    fails 'cannot use console socket' --console-socket "$work/none" "$id" sh
    gone
}

main
