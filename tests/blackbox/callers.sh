#!/bin/sh
# The command lines that containerd's shim and BuildKit (go-runc), conmon, podman, CRI-O, conmon-rs and dockerd use,
# and what each looks at afterwards: exit status, the two streams, the log file, the pid file, the JSON, and whether
# every descriptor that it waits for is closed.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-c
log=$work/log.json
pidfile=$work/pid
process='{"terminal": false, "user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin", "A=b"], "args": ["/bin/sh", "-c", "SCRIPT"]}'

# go-runc's form: globals, then the verb; a log of its own for each call, as the shim has one for each bundle.
go_runc() {
    rm -f "$log"
    call --log "$log" --log-format json "$@"
}
succeeds() { # WHAT: the last call gave status 0, and no word on stderr or in the log
    check "$1: status 0, not $status" [ "$status" = 0 ]
    check "$1: nothing on stderr" [ ! -s "$work/err" ]
    check "$1: nothing in the log" [ ! -s "$log" ]
}
# What containerd and podman read of a call that failed: podman takes the whole file as one object.
logs_one_error() { # PATTERN
    check "status 1, not $status" [ "$status" = 1 ]
    check "one line in the log" [ "$(wc -l <"$log")" = 1 ]
    check "an error, its message, its time: $(cat "$log")" \
        jq -e '.level == "error" and (.time | test("^[0-9-]{10}T[0-9:]{8}.*(Z|[+-][0-9]{2}:[0-9]{2})$"))' "$log" >/dev/null
    check "the message is: $1" sh -c "jq -r .msg '$log' | grep -Eq -- '$1'"
    check "stderr says it, too" grep -Eq -- "$1" "$work/err"
}
pid_file_is_right() {
    check "the pid file holds digits alone" sh -c "tr -d 0-9 <'$pidfile' | wc -c | grep -qx 0"
    check "of a living process" [ -d "/proc/$(cat "$pidfile")" ]
}
status_of() { "$urc" --root "$root" state "$1" 2>&1 | jq -r .status 2>/dev/null; }
until_it_is() { # STATUS, within five seconds
    tries=0
    while [ "$(status_of "$id")" != "$1" ] && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    check "it becomes $1, and is $(status_of "$id")" [ "$(status_of "$id")" = "$1" ]
}
# A verb that is still refused is no test's business.
lacks() {
    call "$1" "$id"
    grep -q 'not implemented yet' "$work/err" && echo "SKIP $current: $(cat "$work/err")"
}
gone() { call delete --force "$id"; nothing_left; }

test_go_runc_life() {
    b=$(bundle life '.process.args = ["/bin/sh", "-c", "echo out; echo err >&2; read line; echo $line; exit 3"]')
    mkfifo "$work/stdin"
    # The shim hands over the container's own streams: they are the runtime's.
    rm -f "$log"
    "$urc" --root "$root" --log "$log" --log-format json create --bundle "$b" --pid-file "$pidfile" "$id" \
        <>"$work/stdin" >"$work/c.out" 2>"$work/c.err"
    status=$?
    : >"$work/err"
    succeeds create
    pid_file_is_right
    check "created" [ "$(status_of "$id")" = created ]
    go_runc start "$id"
    succeeds start
    check "start says nothing" [ ! -s "$work/out" ]
    until_it_is running
    echo input >"$work/stdin"
    until_it_is stopped
    check "stdout is the container's" [ "$(cat "$work/c.out")" = "out
input" ]
    check "stderr is the container's" [ "$(cat "$work/c.err")" = err ]
    go_runc kill "$id" 9
    logs_one_error 'container not running|process already finished|no such process'
    go_runc kill --all "$id" 9
    succeeds "kill --all of a stopped container"
    go_runc delete "$id"
    succeeds delete
    check "delete says nothing" [ ! -s "$work/out" ]
    nothing_left
}

test_what_does_not_exist() {
    for verb in state start delete; do
        go_runc $verb "$id"
        logs_one_error 'does not exist'
    done
    go_runc kill "$id" 9
    logs_one_error 'does not exist'
    go_runc delete --force "$id"
    succeeds "delete --force"
}

test_state_is_json_on_both_streams_together() {
    b=$(bundle state '.process.args = ["/bin/sleep", "100"] | .annotations = {"a": "b"}')
    go_runc create --bundle "$b" --pid-file "$pidfile" "$id"
    call state "$id"
    check "no word on stderr" [ ! -s "$work/err" ]
    check "BuildKit's and CRI-O's fields: $(cat "$work/out")" jq -e --arg b "$b" --argjson pid "$(cat "$pidfile")" \
        '.id and .ociVersion and .created and .pid == $pid and .bundle == $b and .rootfs == $b + "/rootfs" and .status == "created"' \
        "$work/out" >/dev/null
    call list --format=json
    check "list" jq -e --arg id "$id" '.[] | select(.id == $id) | .status == "created"' "$work/out" >/dev/null
    gone
}

# The last line's message is what `docker run` and `podman run` print, and choose their exit status by.
test_a_create_that_fails() {
    b=$(bundle missing '.process.args = ["nope"]')
    go_runc create --bundle "$b" --pid-file "$pidfile" "$id"
    logs_one_error 'exec: "nope": executable file not found in \$PATH'
    b=$(bundle missing-path '.process.args = ["/bin/nope"]')
    go_runc create --bundle "$b" "$id"
    logs_one_error '/bin/nope.*no such file or directory'
    b=$(bundle mode '.process.args = ["/etc/file"]')
    echo text >"$b/rootfs/etc/file"
    go_runc create --bundle "$b" "$id"
    logs_one_error 'exec: "/etc/file": permission denied'
    b=$(bundle directory '.process.args = ["/etc"]')
    go_runc create --bundle "$b" "$id"
    logs_one_error 'exec: "/etc": (is a directory: )?permission denied'
    nothing_left
}

# go-runc and conmon read the runtime's stderr to its end: whoever keeps a copy of it keeps them waiting. Here each
# descriptor but the container's own three is a pipe, and its reader must see the end as soon as create returns.
test_no_descriptor_is_kept() {
    b=$(bundle leak '.process.args = ["/bin/sleep", "100"]')
    for kept in 3 5 9; do
        eval "timeout 20 sh -c '\"\$0\" --root \"\$1\" create --bundle \"\$2\" \"\$3\" >/dev/null 2>&1 </dev/null' \
            \"$urc\" \"$root\" \"$b\" \"$id$kept\" $kept>&1 | timeout 10 cat >\"$work/end\"; "'status=$?'
        check "the pipe on $kept ends" [ "$status" = 0 ]
        check "$kept: created" [ "$(status_of "$id$kept")" = created ]
        call start "$id$kept"
        check "$kept: not in the container" sh -c \
            "! ls -l /proc/$("$urc" --root "$root" state "$id$kept" | jq .pid)/fd | grep -v ' [012] ->' | grep -q ' -> '"
        call delete --force "$id$kept"
    done
    nothing_left
}

# With a terminal not even stderr stays: the pseudo-terminal is what the container has, and conmon and the shim read
# the runtime's stderr to its end before they go on.
test_a_console_socket() {
    command -v python3 >/dev/null || { echo "SKIP $current: python3 is not installed"; return; }
    b=$(bundle console '.process.terminal = true | .process.args = ["/bin/sh", "-c", "tty; read line; echo got $line"]')
    cat >"$work/console.py" <<'END'
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listening", flush=True)
connection, _ = server.accept()
name, rights, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
fds = array.array("i", rights[0][2])
print("message", name.decode(), len(fds), flush=True)
os.write(fds[0], b"line\n")
try:
    while text := os.read(fds[0], 4096):
        sys.stdout.write(text.decode())
except OSError:
    pass
END
    timeout 30 python3 "$work/console.py" "$work/socket" >"$work/said" 2>&1 &
    console=$!
    tries=0
    until grep -q listening "$work/said" || [ "$tries" = 200 ]; do tries=$((tries + 1)); sleep 0.05; done
    # Both streams are one pipe here, as go-runc's are when it wants the output.
    "$urc" --root "$root" create --bundle "$b" --pid-file "$pidfile" --console-socket "$work/socket" "$id" 2>&1 </dev/null |
        timeout 10 cat >"$work/out"
    check "the pipe ends when create does" [ $? = 0 ]
    check "nothing was said: $(cat "$work/out")" [ ! -s "$work/out" ]
    check "created" [ "$(status_of "$id")" = created ]
    call start "$id"
    wait $console
    check "one descriptor, with a name: $(cat "$work/said")" grep -Eq '^message /dev/[a-z/]+[0-9]* 1$' "$work/said"
    check "the terminal in the container" grep -q '^/dev/' "$work/said"
    check "input and output" grep -q '^got line' "$work/said"
    until_it_is stopped
    gone
}

# conmon: the streams are pipes that others have open as well; a flag set on them is set for all.
test_streams_stay_blocking() {
    b=$(bundle pipes '.process.args = ["/bin/sh", "-c", "echo x"]')
    mkfifo "$work/p0" "$work/p1" "$work/p2"
    chmod 0777 "$work"/p?
    exec 7<>"$work/p0" 8<>"$work/p1" 9<>"$work/p2"
    "$urc" --root "$root" create --bundle "$b" --pid-file "$pidfile" "$id" <&7 >&8 2>&9 7>&- 8>&- 9>&-
    check "status 0" [ $? = 0 ]
    "$urc" --root "$root" start "$id" <&7 >&8 2>&9 7>&- 8>&- 9>&-
    for fd in 7 8 9; do
        flags=$(sed -n 's/^flags:[^0-9]*//p' "/proc/$$/fdinfo/$fd")
        check "O_NONBLOCK on the caller's stream: $flags" [ $((flags & 04000)) = 0 ]
    done
    exec 7>&- 8>&- 9>&-
    rm "$work"/p?
    until_it_is stopped
    gone
}

# conmon is a subreaper and finds its child by the pid file: here the reaper is the first process of a pid namespace.
test_the_container_is_the_reapers_child() {
    b=$(bundle reaper '.process.args = ["/bin/sh", "-c", "exit 9"]')
    cat >"$work/conmon" <<'END'
"$1" --root "$2" create --bundle "$3" --pid-file "$4" "$5" >/dev/null 2>&1 </dev/null || exit 100
pid=$(cat "$4")
grep -qx "PPid:	$$" "/proc/$pid/status" || { grep PPid "/proc/$pid/status"; exit 101; }
"$1" --root "$2" start "$5" >/dev/null 2>&1 </dev/null || exit 102
"$1" --root "$2" state "$5" >/dev/null || exit 103
END
    timeout 20 unshare --pid --fork --mount-proc sh "$work/conmon" "$urc" "$root" "$b" "$pidfile" "$id" >"$work/out" 2>"$work/err"
    status=$?
    check "status $status, $(cat "$work/out")" [ "$status" = 0 ]
    gone
}

# conmon sets LISTEN_PID to the runtime's pid; for the container it is 1.
test_listen_fds() {
    b=$(bundle listen '.process.args = ["/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; cat <&3"]')
    echo passed >"$work/file"
    sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"' sh "$urc" --root "$root" run --bundle "$b" "$id" \
        3<"$work/file" >"$work/out" 2>"$work/err" </dev/null
    check "one descriptor: $(tr '\n' ' ' <"$work/out")" [ "$(tr '\n' ' ' <"$work/out")" = "1 1 passed " ]
    b=$(bundle listen-not '.process.args = ["/bin/sh", "-c", "echo [$LISTEN_FDS]; cat <&3"]')
    LISTEN_PID=1 LISTEN_FDS=1 "$urc" --root "$root" run --bundle "$b" "$id" 3<"$work/file" >"$work/out" 2>"$work/err" </dev/null
    check "none that are for another process: $(cat "$work/out")" [ "$(head -n 1 "$work/out")" = "[]" ]
    nothing_left
}

# podman calls these with two variables; a wrapper of dockerd's with none at all.
test_a_poor_environment() {
    b=$(bundle poor '.process.args = ["/bin/sleep", "100"]')
    call create --bundle "$b" "$id"
    for verb in start "kill --all $id 15" "state"; do
        case $verb in *" "*) words=$verb ;; *) words="$verb $id" ;; esac
        # shellcheck disable=SC2086
        env -i XDG_RUNTIME_DIR=/run PATH=/usr/bin:/bin "$urc" --root "$root" $words >"$work/out" 2>"$work/err" </dev/null
        status=$?
        check "$verb: status $status" [ "$status" = 0 ]
    done
    env -i "$urc" --root "$root" delete --force "$id" >"$work/out" 2>"$work/err" </dev/null
    check "delete --force" [ $? = 0 ]
    nothing_left
}

# exec as conmon does it: the pid file says that it succeeded.
test_conmon_exec() {
    b=$(bundle exec '.process.args = ["/bin/sleep", "100"]')
    call run --detach --bundle "$b" "$id"
    echo "$process" | sed 's/SCRIPT/echo $A >\/tmp\/made; exec sleep 100/' >"$work/process.json"
    rm -f "$pidfile"
    call exec --pid-file "$pidfile" --process "$work/process.json" --detach "$id"
    check "status 0, not $status" [ "$status" = 0 ]
    pid_file_is_right
    echo "$process" | sed 's,/bin/sh,nope,' >"$work/process.json"
    rm -f "$pidfile"
    call exec --pid-file "$pidfile" --process "$work/process.json" --detach "$id"
    check "status 255, not $status" [ "$status" = 255 ]
    check "no pid file" [ ! -e "$pidfile" ]
    check "the reason is the first line" sh -c "head -n 1 '$work/err' | grep -q 'executable file not found in \$PATH'"
    gone
}

# CRI-O's probes: in the foreground, with pipes of its own; the status, and that it comes at once, count.
test_cri_o_exec() {
    b=$(bundle probe '.process.args = ["/bin/sleep", "100"]')
    call run --detach --bundle "$b" "$id"
    echo "$process" | sed 's/SCRIPT/echo out; echo err >\&2; exit 7/' >"$work/process.json"
    call exec --process "$work/process.json" "$id"
    check "status 7, not $status" [ "$status" = 7 ]
    check "stdout" [ "$(cat "$work/out")" = out ]
    check "stderr" [ "$(cat "$work/err")" = err ]
    # A program that it leaves behind keeps the pipe open, and must not keep exec.
    echo "$process" | sed 's/SCRIPT/sleep 30 \& exit 0/' >"$work/process.json"
    timeout 20 "$urc" --root "$root" exec --process "$work/process.json" "$id" >"$work/out" 2>"$work/err" </dev/null
    check "exec ends with its process" [ $? = 0 ]
    # On a time-out CRI-O kills the runtime, then what the pid file names.
    echo "$process" | sed 's/SCRIPT/exec sleep 100/' >"$work/process.json"
    rm -f "$pidfile"
    "$urc" --root "$root" exec --pid-file "$pidfile" --process "$work/process.json" "$id" >"$work/out" 2>"$work/err" </dev/null &
    exec_pid=$!
    tries=0
    until [ -s "$pidfile" ] || [ "$tries" = 200 ]; do tries=$((tries + 1)); sleep 0.05; done
    kill -KILL "$exec_pid"
    wait "$exec_pid" 2>/dev/null
    kill -KILL "$(cat "$pidfile")" 2>/dev/null
    call kill -a "$id" SIGKILL
    check "kill -a ID SIGKILL: status $status" [ "$status" = 0 ]
    until_it_is stopped
    gone
}

test_go_runc_queries() {
    b=$(bundle queries '.process.args = ["/bin/sleep", "100"]')
    call run --detach --pid-file "$pidfile" --bundle "$b" "$id"
    go_runc ps --format json "$id"
    succeeds ps
    check "ps: $(cat "$work/out")" jq -e --argjson pid "$(cat "$pidfile")" '. == [$pid]' "$work/out" >/dev/null
    go_runc ps --format table "$id" -eo pid,comm
    succeeds "ps table"
    check "one line for the process: $(cat "$work/out")" [ "$(awk 'NR == 2 { print $1, $2 }' "$work/out")" = "$(cat "$pidfile") sleep" ]
    go_runc events --stats "$id"
    succeeds "events --stats"
    check "statistics" jq -e --arg id "$id" \
        '.type == "stats" and .id == $id and .data.pids.current == 1 and .data.memory.usage.usage > 0' "$work/out" >/dev/null
    go_runc --rootless=false list --format=json
    check "list" jq -e '.[0].status == "running"' "$work/out" >/dev/null
    gone
}

test_freeze_and_update() {
    b=$(bundle freeze '.process.args = ["/bin/sleep", "100"] | .linux.resources.memory = {"limit": 67108864}')
    call run --detach --pid-file "$pidfile" --bundle "$b" "$id"
    go_runc pause "$id"
    succeeds pause
    check "paused" [ "$(status_of "$id")" = paused ]
    go_runc resume "$id"
    succeeds resume
    check "running" [ "$(status_of "$id")" = running ]
    echo '{"memory": {"limit": 100663296}, "pids": {"limit": 77}}' >"$work/resources.json"
    for how in "--resources=$work/resources.json" "--resources=-" "--resources -"; do
        # shellcheck disable=SC2086
        "$urc" --root "$root" update $how "$id" <"$work/resources.json" >"$work/out" 2>"$work/err"
        check "update $how: status 0" [ $? = 0 ]
        check "update $how says nothing" [ ! -s "$work/err" ]
    done
    limit=$(find /sys/fs/cgroup -path "*/$id/memory.max" -o -path "*/$id/memory.limit_in_bytes" 2>/dev/null | head -n 1)
    check "the limit in $limit" [ "$(cat "$limit")" = 100663296 ]
    gone
}

# BuildKit: in the foreground with --keep; the cgroup is still there afterwards, to see whether memory ran out.
test_buildkit_run() {
    b=$(bundle build '.process.args = ["/bin/sh", "-c", "exit 5"] | .linux.resources.memory = {"limit": 67108864}')
    go_runc run --keep --bundle "$b" --no-pivot "$id"
    check "status 5, not $status" [ "$status" = 5 ]
    check "stopped" [ "$(status_of "$id")" = stopped ]
    check "its cgroup is there" [ -n "$(find /sys/fs/cgroup -type d -name "$id" 2>/dev/null | head -n 1)" ]
    go_runc delete "$id"
    succeeds delete
    nothing_left
    # Cancelled: KILL again and again until it is gone.
    b=$(bundle cancel '.process.args = ["/bin/sleep", "100"]')
    "$urc" --root "$root" run --keep --bundle "$b" "$id" >"$work/out" 2>"$work/err" </dev/null &
    run_pid=$!
    until_it_is running
    tries=0
    while "$urc" --root "$root" kill "$id" 9 2>/dev/null && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    wait $run_pid
    check "status 137" [ $? = 137 ]
    call delete "$id"
    nothing_left
}

# Every spelling of an option that somebody uses.
test_spellings() {
    b=$(bundle spellings)
    for words in "--root=$root --rootless=auto run --bundle=$b $id" "-root $root run -bundle $b $id" \
        "--root $root --systemd-cgroup=false run -b $b --detach=false --no-new-keyring $id" \
        "--root $root --rootless true run $id --bundle $b" "--root $root run --no-subreaper --no-pivot --bundle $b $id"; do
        # shellcheck disable=SC2086
        "$urc" $words >"$work/out" 2>"$work/err" </dev/null
        status=$?
        check "$words: status $status" [ "$status" = 0 ]
    done
    nothing_left
}

test_version_and_features() {
    call --version
    check "version, commit, spec" [ "$(sed -n 's/^\([a-z]*\)[ :].*/\1/p' "$work/out" | head -n 3 | tail -n 2 | xargs)" = "commit spec" ]
    lacks features && return
    call features
    check "features: status 0" [ "$status" = 0 ]
    check "nothing on stderr" [ ! -s "$work/err" ]
    check "what CRI-O and dockerd look for" jq -e '.ociVersionMin and .ociVersionMax and (.mountOptions | index("rro"))
        and .linux.mountExtensions.idmap.enabled and .linux.cgroup.v2' "$work/out" >/dev/null
}

# The arguments come through a script, with no PATH to speak of: dockerd's wrapper for runtimeArgs.
test_docker_wrapper() {
    b=$(bundle wrapper '.process.args = ["true"]')
    printf '#!/bin/sh\nexec "%s" --debug=false "$@"\n' "$urc" >"$work/docker-wrapper"
    chmod 755 "$work/docker-wrapper"
    env -i PATH=/nowhere "$work/docker-wrapper" --root "$root" --log "$work/wrapper.log" --log-format json run --bundle "$b" "$id" \
        >"$work/out" 2>"$work/err" </dev/null
    status=$?
    check "status $status" [ "$status" = 0 ]
    nothing_left
}

main
