#!/bin/sh
# sd_notify(3) from a container to the manager that started urc: manager.py is the manager, say.c the service.
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip "python3 is not installed"
say=${URC_SAY:-}
[ -x "$say" ] || skip "URC_SAY names no program: it is built beside the tests"

# container NAME SCRIPT [JQ]: a bundle whose init runs SCRIPT, with /say in it.
container() {
    dir=$(bundle "$1" ".process.args = [\"/bin/sh\", \"-c\", $(printf '%s' "$2" | jq -Rs .)] | ${3:-.}")
    cp "$say" "$dir/rootfs/say"
    ln -sf busybox "$dir/rootfs/bin/env"
    ln -sf busybox "$dir/rootfs/bin/kill"
    printf '%s\n' "$dir"
}

# managed [OPTION]... -- ARGUMENT...: urc with ARGUMENTS under a manager whose log is $work/told.
managed() {
    options=
    while [ "$1" != -- ]; do options="$options $1" && shift; done
    shift
    status=0
    python3 "$here/manager.py" "$work/told" $options "$urc" --root "$root" "$@" \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
    rm -f "$work/told.socket"
}
# Ended, reaped or not: who adopts it is not ours to choose.
is_gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
told() { sed 's/^[0-9]* //' "$work/told" | grep -Fxq -e "$1"; }
check_told() {
    checks=$((checks + 1))
    told "$1" || fail "the manager was not told '$1' but: $(cat "$work/told")"
}
check_not_told() {
    checks=$((checks + 1))
    ! grep -Eq -e "$1" "$work/told" || fail "the manager was told: $(grep -E -e "$1" "$work/told")"
}

test_everything_in_its_order_in_the_foreground() {
    dir=$(container c '/say "STATUS=one\nREADY=1" && /say WATCHDOG=1 && /say "ERRNO=2" && /say X_OWN=3 && /say --barrier && /say STOPPING=1; exit 7')
    managed -- run --bundle "$dir" $tag-c
    check "the status is the container's, not $status" [ "$status" = 7 ]
    check "told in order: $(cat "$work/told")" [ "$(sed 's/^[0-9]* //' "$work/told" | grep -v BARRIER | tr '\n' ';')" = \
        'STATUS=one READY=1;WATCHDOG=1;ERRNO=2;X_OWN=3;STOPPING=1;end 7;' ]
    check_not_told MAINPID
    nothing_left
}

test_what_the_process_is_told() {
    dir=$(container c 'echo $NOTIFY_SOCKET $WATCHDOG_USEC $WATCHDOG_PID; stat -c %a $NOTIFY_SOCKET; /say READY=1')
    managed --env WATCHDOG_USEC=30000000 -- run --bundle "$dir" $tag-c
    check "its variables: $(cat "$work/out")" [ "$(head -n 1 "$work/out")" = '/run/notify/notify.sock 30000000 1' ]
    check "everybody may write" [ "$(tail -n 1 "$work/out")" = 777 ]
    managed --env WATCHDOG_USEC=30000000 --env WATCHDOG_PID=1 -- run --bundle "$dir" $tag-c
    check "a watchdog of somebody else is not its own: $(cat "$work/out")" \
        [ "$(head -n 1 "$work/out" | tr -s ' ')" = '/run/notify/notify.sock' ]
}

test_abstract_sockets_upstream() {
    dir=$(container c '/say READY=1')
    managed --socket "@$tag" -- run --bundle "$dir" $tag-c
    check_told READY=1
}

test_crun_layout() {
    dir=$(container c 'echo $NOTIFY_SOCKET; /say READY=1')
    managed -- run --notify-compat host-path --bundle "$dir" $tag-c
    check "the path: $(cat "$work/out")" [ "$(cat "$work/out")" = "$work/told.socket/notify" ]
    check_told READY=1
    call run --notify-compat other --bundle "$dir" $tag-c
    refused 1 'notify-compat "other": must be host-path'
}

test_detached_mainpid_and_ready_in_one_datagram() {
    dir=$(container c '/say "STATUS=up\nREADY=1"; /say WATCHDOG=1; exec sleep 60')
    : >"$work/told.wait"
    managed -- run -d --pid-file "$work/pid" --bundle "$dir" $tag-c &
    for i in $(seq 200); do grep -q WATCHDOG "$work/told" 2>/dev/null && break; sleep 0.05; done
    rm "$work/told.wait"
    wait
    pid=$(cat "$work/pid")
    checks=$((checks + 1))
    grep -Eq "MAINPID=$pid( |$).*READY=1|READY=1.*MAINPID=$pid( |$)" "$work/told" || fail "not in one datagram: $(cat "$work/told")"
    check_told WATCHDOG=1
    check_told 'end 0'
    monitor=$("$urc" --root "$root" state $tag-c | jq .monitorPid)
    check "the monitor is there" [ -d "/proc/$monitor" ]
    check "it has one task" [ "$(ls "/proc/$monitor/task" | wc -l)" = 1 ]
    check "urc's child is nobody's but the adopter's" [ "$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")" != "$monitor" ]
    call delete --force $tag-c
    check "the monitor has ended" is_gone "$monitor"
    nothing_left
}

test_detached_that_ends_before_it_is_ready() {
    dir=$(container c 'exit 9')
    managed -- run -d --bundle "$dir" $tag-c
    check "its status, not $status" [ "$status" = 9 ]
    check_not_told READY
    check "it says why" grep -q "run $tag-c: the container has ended before it was ready" "$work/err"
    nothing_left
}

test_term_while_waiting_for_ready() {
    dir=$(container c 'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done')
    status=0
    python3 "$here/manager.py" "$work/told" "$urc" --root "$root" run -d --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null &
    manager=$!
    for i in $(seq 200); do grep -q up "$work/out" && break; sleep 0.05; done
    kill -TERM $manager
    wait $manager || status=$?
    rm -f "$work/told.socket"
    check "the container got it and its status is urc's, not $status" [ "$status" = 5 ]
    nothing_left
}

# systemd sends it to all of the unit when the watchdog is not fed.
test_abrt_is_for_the_container() {
    dir=$(container c 'trap "exit 6" ABRT; echo up; while :; do sleep 0.05; done')
    for how in "" "--log-driver raw-file,path=$work/log"; do
        status=0
        NOTIFY_SOCKET= "$urc" --root "$root" run $how --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null &
        urc_pid=$!
        for i in $(seq 200); do grep -q up "$work/out" && break; sleep 0.05; done
        kill -ABRT $urc_pid
        wait $urc_pid || status=$?
        check "the container got it and its status is urc's, not $status" [ "$status" = 6 ]
        nothing_left
    done
    dir=$(container c 'trap "exit 6" ABRT; while :; do sleep 0.05; done')
    call run -d --log-driver raw-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    check "run: $status" [ "$status" = 0 ]
    monitor=$("$urc" --root "$root" state $tag-c | jq .monitorPid)
    kill -ABRT "$monitor"
    call logs --rotate $tag-c
    check "the monitor has survived it: $status" [ "$status" = 0 ]
    call delete --force $tag-c
    rm -f "$work"/log*
    nothing_left
}

test_create_and_start() {
    dir=$(container c '/say READY=1; exec sleep 60')
    managed -- create --bundle "$dir" $tag-c
    check "create: $status" [ "$status" = 0 ]
    check "created" [ "$("$urc" --root "$root" state $tag-c | jq -r .status)" = created ]
    call delete --force $tag-c
    nothing_left
    # One manager for both, as a unit has it.
    cat >"$work/both" <<END
"$urc" --root "$root" create --bundle "$dir" $tag-c && "$urc" --root "$root" start $tag-c && "$urc" --root "$root" state $tag-c
END
    python3 "$here/manager.py" "$work/told" sh "$work/both" >"$work/out" 2>"$work/err" </dev/null
    rm -f "$work/told.socket"
    pid=$(jq .pid "$work/out")
    checks=$((checks + 1))
    grep -Eq "MAINPID=$pid .*READY=1|READY=1 .*MAINPID=$pid" "$work/told" || fail "start came back without it: $(cat "$work/told" "$work/err")"
    call delete --force $tag-c
    nothing_left
}

test_start_of_what_ends_before_it_is_ready() {
    dir=$(container c 'exit 3')
    cat >"$work/both" <<END
"$urc" --root "$root" create --bundle "$dir" $tag-c && "$urc" --root "$root" start $tag-c
END
    status=0
    python3 "$here/manager.py" "$work/told" sh "$work/both" >"$work/out" 2>"$work/err" </dev/null || status=$?
    rm -f "$work/told.socket"
    check "start fails, not $status" [ "$status" = 1 ]
    check "it says why" grep -q "start $tag-c: the container has ended before it was ready" "$work/err"
    call delete --force $tag-c
    nothing_left
}

test_exec_speaks_for_the_container_and_others_do_not() {
    dir=$(container c '/say READY=1; exec sleep 60')
    : >"$work/told.wait"
    managed -- run -d --bundle "$dir" $tag-c &
    for i in $(seq 200); do grep -q READY "$work/told" 2>/dev/null && break; sleep 0.05; done
    "$urc" --root "$root" exec $tag-c /say STATUS=exec || fail "exec: $?"
    # The same directory, from outside the container's cgroup; it stays until it was looked at.
    NOTIFY_SOCKET=$root/c/notify/notify.sock sh -c '"$0" STATUS=stranger; "$0" --barrier; true' "$say" 2>/dev/null &
    stranger=$!
    "$urc" --root "$root" exec $tag-c /say STATUS=last
    for i in $(seq 200); do grep -q last "$work/told" && break; sleep 0.05; done
    kill $stranger 2>/dev/null
    rm "$work/told.wait"
    wait
    check_told STATUS=exec
    check_told STATUS=last
    call delete --force $tag-c
    nothing_left
}

test_descriptors_only_when_allowed() {
    dir=$(container c '/say --memfd words "FDSTORE=1\nFDNAME=kept"; /say NOTIFYACCESS=all; /say READY=1; env')
    managed --env FDSTORE=5 -- run --bundle "$dir" $tag-c
    check_not_told 'FDSTORE|memfd|NOTIFYACCESS'
    check "it does not know of the store" sh -c "! grep -q '^FDSTORE=' '$work/out'"
    managed --env FDSTORE=5 -- run --notify-fdstore --notify-access --bundle "$dir" $tag-c
    check_told 'FDSTORE=1 FDNAME=kept [fd memfd:words]'
    check_told NOTIFYACCESS=all
    check "it knows of the store" grep -qx FDSTORE=5 "$work/out"
}

test_names_of_listening_descriptors_come_along() {
    dir=$(container c 'echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES')
    status=0
    sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=kept exec "$@" 3</dev/null' sh "$urc" --root "$root" run --bundle "$dir" $tag-c >"$work/out" 2>"$work/err"
    check "what it sees: $(cat "$work/out")" [ "$(cat "$work/out")" = '1 1 kept' ]
}

test_a_burst_of_ten_thousand() {
    dir=$(container c '/say --burst 10000 STATUS=n && /say READY=1')
    managed -- run --bundle "$dir" $tag-c
    check "all of them: $(grep -c STATUS=n "$work/told")" [ "$(grep -c STATUS=n "$work/told")" = 10000 ]
    check "in their order" sh -c "grep STATUS=n '$work/told' | awk '{ if (\$3 != NR) exit 1 }'"
    check_told READY=1
}

test_a_manager_that_does_not_read_holds_up_nobody() {
    dir=$(container c '/say --burst 5000 STATUS=n; /say --burst 500 WATCHDOG=1 >/dev/null; echo through')
    managed --never-reads -- run --bundle "$dir" $tag-c
    check "the container came through" grep -q through "$work/out"
    nothing_left
}

test_users_and_namespaces() {
    dir=$(container c 'id -u; /say READY=1' '.process.user = {"uid": 1000, "gid": 1000}')
    managed -- run --bundle "$dir" $tag-c
    check_told READY=1
    dir=$(container u 'id -u; /say READY=1' '.linux.namespaces += [{"type": "user"}] |
        .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings')
    chmod -R a+rX "$dir/rootfs"
    mkdir -p "$dir/rootfs/run/notify" # root of the namespace cannot make it
    managed -- run --bundle "$dir" $tag-u
    check_told READY=1
    nothing_left
}

test_a_time_namespace_has_its_own_clock() {
    [ -e /proc/self/ns/time ] || return 0
    dir=$(container c '/say --monotonic RELOADING=1; /say READY=1' \
        '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"monotonic": {"secs": 864000}}')
    managed -- run --bundle "$dir" $tag-c
    said=$(sed -n 's/.*MONOTONIC_USEC=\([0-9]*\).*/\1/p' "$work/told")
    now=$(awk '{ printf "%.0f", $1 * 1000000 }' /proc/uptime)
    check "within a minute of ours: $said, now $now" [ "$((now - said))" -lt 60000000 -a "$((said - now))" -lt 60000000 ]
}

test_debug_shows_each_datagram() {
    dir=$(container c '/say "STATUS=a\nREADY=1"')
    managed -- --debug run --bundle "$dir" $tag-c
    check "size, keys, and what became of it" grep -Eq 'notify: .*16 bytes.*STATUS.*READY.*forwarded' "$work/err"
}

test_an_engine_that_has_its_own_socket_is_left_alone() {
    mkdir -p "$work/theirs"
    dir=$(container c 'ls /run/notify; echo $NOTIFY_SOCKET' '.process.env += ["NOTIFY_SOCKET=/run/notify/own.sock"] |
        .mounts += [{"destination": "/run/notify", "type": "bind", "source": "'"$work"'/theirs", "options": ["bind"]}]')
    : >"$work/theirs/own.sock"
    managed -- run --bundle "$dir" $tag-c
    check "its own: $(cat "$work/out")" [ "$(tr '\n' ' ' <"$work/out")" = 'own.sock /run/notify/own.sock ' ]
}

test_addresses_that_are_none() {
    dir=$(container c 'true')
    for address in relative vsock:x:1 vsock:4294967295:1 "/$(printf %0200d 0)"; do
        status=0
        NOTIFY_SOCKET=$address "$urc" --root "$root" run --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null || status=$?
        refused 1 '\$NOTIFY_SOCKET'
    done
}

main
