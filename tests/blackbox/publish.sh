#!/bin/sh
# Published ports: --publish in the foreground, in the background and with create, `urc port` while the container
# runs, and sockets that are handed over.
. "$(dirname "$0")/lib.sh"

# The programs in here open sockets of their own, which holds_nothing does not expect.
call() {
    status=0
    "$urc" --root "$root" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
# service NAME SCRIPT [JQ]: a bundle whose init runs SCRIPT, with a page for httpd.
service() {
    dir=$(bundle "$1" ".process.args = [\"/bin/sh\", \"-c\", $(printf '%s' "$2" | jq -Rs .)] | ${3:-.}")
    for applet in nc httpd yes; do ln -sf busybox "$dir/rootfs/bin/$applet"; done
    mkdir -p "$dir/rootfs/www"
    echo "the page" >"$dir/rootfs/www/index.html"
    printf '%s\n' "$dir"
}
page='exec httpd -f -p 80 -h /www'
endless='exec nc -ll -p 80 -e yes'
echo='exec nc -ll -p 80 -e cat'

is_gone() { [ ! -d "/proc/$1" ] || grep -qs '^State:.Z' "/proc/$1/status"; }
until_gone() {
    for i in $(seq 400); do is_gone "$1" && return 0; sleep 0.05; done
    fail "process $1 is still there"
}
until_true() { # until_true COMMAND...
    for i in $(seq 200); do "$@" && return 0; sleep 0.05; done
    fail "not within ten seconds: $*"
}
state_of() { "$urc" --root "$root" state "$1" 2>/dev/null; }
monitor_of() { state_of "$1" | jq -r '.monitorPid // 0'; }
ports_of() { "$urc" --root "$root" port list -f json "$1" | jq -r "${2:-length}"; }
# Who accepts on PORT of the host.
listens() { grep -q ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp; }
closed() { ! listens "$1"; }
# The service may not listen yet: then it is a reset.
has_page() { [ "$(busybox wget -q -O - "http://127.0.0.1:$1/" 2>/dev/null)" = "the page" ]; }
port_in() { sed -n "${2:-1}s/^127\.0\.0\.1:\([0-9]*\) -> .*/\1/p" "$1"; }

# A port that nobody has now.
free_port() {
    dir=$(service free true)
    "$urc" --root "$root" run -p 127.0.0.1:0:80 --bundle "$dir" $tag-free >"$work/told" 2>/dev/null </dev/null
    port_in "$work/told"
}

test_in_the_foreground() {
    dir=$(service c "$page")
    "$urc" --root "$root" run -p 127.0.0.1:0:80 --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null &
    run=$!
    until_true test -s "$work/out"
    port=$(port_in "$work/out")
    check "the port is told: $(cat "$work/out")" grep -Eqx '127\.0\.0\.1:[1-9][0-9]* -> 127\.0\.0\.1:80/tcp' "$work/out"
    until_true has_page "$port"
    check "no monitor" [ "$(monitor_of $tag-c)" = 0 ]
    check "listed" [ "$(ports_of $tag-c '.[0] | "\(.hostIp) \(.hostPort) \(.childPort) \(.protocol)"')" = "127.0.0.1 $port 80 tcp" ]
    call port add $tag-c 127.0.0.1:0:127.0.0.1:80
    check "added: $status" [ "$status" = 0 ]
    until_true has_page "$(port_in "$work/out")"
    check "both are listed" [ "$(ports_of $tag-c)" = 2 ]
    "$urc" --root "$root" kill $tag-c KILL
    status=0
    wait $run || status=$?
    check "status $status" [ "$status" = 137 ]
    check "closed" closed "$port"
    nothing_left
}

test_in_the_background() {
    dir=$(service c "$page")
    call run -d -p 127.0.0.1:0:80 -p 127.0.0.1:0:53/udp --bundle "$dir" $tag-c
    check "run -d: $status" [ "$status" = 0 ]
    port=$(port_in "$work/out")
    check "both are told: $(cat "$work/out")" [ "$(wc -l <"$work/out")" = 2 ]
    monitor=$(monitor_of $tag-c)
    check "a monitor" [ "$monitor" -gt 0 ]
    check "state tells the ports" [ "$(state_of $tag-c | jq -c '[.ports[].protocol]')" = '["tcp","udp"]' ]
    until_true has_page "$port"
    call port list $tag-c
    check "the table: $(cat "$work/out")" grep -Eq "^127\.0\.0\.1:$port +127\.0\.0\.1:80 +tcp$" "$work/out"
    call port list --stats $tag-c
    check "with numbers: $(cat "$work/out")" grep -Eq "^127\.0\.0\.1:$port +127\.0\.0\.1:80 +tcp +[1-9]" "$work/out"
    check "bytes" [ "$("$urc" --root "$root" port list --stats -f json $tag-c | jq '.[0].bytesOut')" -gt 8 ]
    # Nothing of the caller's is held by the monitor or its helper.
    for process in $monitor $(pgrep -P "$monitor" urc:ports); do
        check "process $process holds no log" [ -z "$(ls -l "/proc/$process/fd" | grep -F "$work/")" ]
    done
    call delete --force $tag-c
    check "the monitor is gone" is_gone "$monitor"
    check "closed" closed "$port"
    nothing_left
}

test_created_and_started() {
    dir=$(service c "$page")
    call create -p 127.0.0.1:0:80 --bundle "$dir" $tag-c
    port=$(port_in "$work/out")
    check "bound before it is started" listens "$port"
    check "a monitor" [ "$(monitor_of $tag-c)" -gt 0 ]
    call start $tag-c
    until_true has_page "$port"
    monitor=$(monitor_of $tag-c)
    call kill $tag-c KILL
    until_gone "$monitor"
    check "closed with the container" closed "$port"
    call port list $tag-c
    check "nothing to list of a stopped one: $status" [ "$status" = 1 ]
    call delete $tag-c
    # One that is never started.
    call create -p 127.0.0.1:0:80 --bundle "$dir" $tag-c
    call delete --force $tag-c
    nothing_left
}

test_a_joined_network() {
    ip netns add $tag 2>/dev/null || { echo "no ip netns: left out"; return; }
    ip -n $tag link set lo up
    dir=$(service c "$page" '(.linux.namespaces[] | select(.type == "network")).path = "/run/netns/'$tag'"')
    call run -d -p 127.0.0.1:0:80 --bundle "$dir" $tag-c
    until_true has_page "$(port_in "$work/out")"
    call delete --force $tag-c
    ip netns delete $tag
    nothing_left
}

test_a_port_in_use_leaves_nothing_behind() {
    port=$(free_port)
    busybox httpd -f -p 127.0.0.1:"$port" -h "$work" &
    holder=$!
    until_true listens "$port"
    dir=$(service c "$page")
    for command in run "run -d" create; do
        # shellcheck disable=SC2086
        call $command -p 127.0.0.1:$port:80 --bundle "$dir" $tag-c
        refused 1 "the port is in use, held by (busybox|nc) \(pid $holder\)"
    done
    # The second of two: the first is not told either, and is free again.
    call run -d -p 127.0.0.1:$((port + 1)):80 -p 127.0.0.1:$port:80 --bundle "$dir" $tag-c
    refused 1 "the port is in use"
    check "the other one is free again" closed $((port + 1))
    kill $holder
}

test_what_cannot_be_published() {
    dir=$(service c "$page")
    for spec in '' 80 a:80 8080:0 8080:70000 8080-8081:80 8080:80/sctp 8080:80,handed '[::1:8080:80' 1.2.3:8080:80; do
        call run -p "$spec" --bundle "$dir" $tag-c
        refused 1 "run $tag-c: .*"
    done
    call run -p 127.0.0.1:8080:80 -p 127.0.0.1:8080:81 --bundle "$dir" $tag-c
    refused 1 "8080"
    call run -p 192.0.2.1:8080:80 --bundle "$dir" $tag-c
    refused 1 "the host has no such address"
}

test_the_hosts_network() {
    dir=$(service c "$page" '.linux.namespaces |= map(select(.type != "network"))')
    for command in run "run -d" create; do
        # shellcheck disable=SC2086
        call $command -p 127.0.0.1:8080:80 --bundle "$dir" $tag-c
        refused 1 "the container has the host's network"
    done
    dir=$(service c "$page" '(.linux.namespaces[] | select(.type == "network")).path = "/proc/'$$'/ns/net"')
    call run -d -p 127.0.0.1:8080:80 --bundle "$dir" $tag-c
    refused 1 "the container has the host's network"
    call run -d --bundle "$dir" $tag-c
    call port add $tag-c 127.0.0.1:0:80
    check "added to none: $status $(cat "$work/err")" grep -q "the container has the host's network" "$work/err"
    check "and no monitor" [ "$(monitor_of $tag-c)" = 0 ]
    call delete --force $tag-c
    nothing_left
}

test_ports_come_and_go() {
    dir=$(service c "$page")
    # Nobody stays with this one.
    call run -d --bundle "$dir" $tag-c
    check "no monitor" [ "$(monitor_of $tag-c)" = 0 ]
    check "no ports" [ "$(ports_of $tag-c)" = 0 ]
    call port add $tag-c 127.0.0.1:0:80
    check "added: $status" [ "$status" = 0 ]
    port=$(port_in "$work/out")
    monitor=$(monitor_of $tag-c)
    check "a monitor now" [ "$monitor" -gt 0 ]
    until_true has_page "$port"
    call port add $tag-c 127.0.0.1:$port:80
    check "in use: $status" [ "$status" = 1 ]
    check "which: $(cat "$work/err")" grep -q "port add: $tag-c: .*:$port" "$work/err"
    # All or none.
    call port add $tag-c 127.0.0.1:$((port + 1)):80 127.0.0.1:$port:80
    check "all or none" closed $((port + 1))
    check "one is listed" [ "$(ports_of $tag-c)" = 1 ]
    call port remove $tag-c 127.0.0.1:$port:80 127.0.0.1:9:9
    check "an unknown one: $status" [ "$status" = 1 ]
    check "all or none are removed" listens "$port"
    call port remove $tag-c 127.0.0.1:$port:80
    check "removed: $status" [ "$status" = 0 ]
    check "closed" closed "$port"
    check "none is listed" [ "$(ports_of $tag-c)" = 0 ]
    check "nor by state" [ "$(state_of $tag-c | jq -c .ports)" = null ]
    check "the same monitor" [ "$(monitor_of $tag-c)" = "$monitor" ]
    call port add $tag-c 127.0.0.1:$port:80
    until_true has_page "$port"
    call kill $tag-c KILL
    until_gone "$monitor"
    check "closed with the container" closed "$port"
    call port add $tag-c 127.0.0.1:0:80
    check "not of a stopped one: $(cat "$work/err")" grep -q "container not running" "$work/err"
    call delete $tag-c
    nothing_left
}

test_a_port_that_cannot_be_added_leaves_no_monitor() {
    port=$(free_port)
    busybox httpd -f -p 127.0.0.1:"$port" -h "$work" &
    holder=$!
    until_true listens "$port"
    dir=$(service c "$page")
    call run -d --bundle "$dir" $tag-c
    call port add $tag-c 127.0.0.1:$port:80
    check "refused: $status" [ "$status" = 1 ]
    check "why: $(cat "$work/err")" grep -q "the port is in use" "$work/err"
    check "no monitor" [ "$(monitor_of $tag-c)" = 0 ]
    check "no process" [ -z "$(pgrep -f "^$urc --root $root")" ]
    call port add $tag-c 127.0.0.1:8080:80,handover
    check "no handover to one that runs: $(cat "$work/err")" grep -q "being made" "$work/err"
    kill $holder
    call delete --force $tag-c
    nothing_left
}

test_a_monitor_that_was_killed_is_replaced() {
    dir=$(service c "$page")
    call run -d --bundle "$dir" $tag-c
    call port add $tag-c 127.0.0.1:0:80
    port=$(port_in "$work/out")
    monitor=$(monitor_of $tag-c)
    kill -KILL "$monitor"
    until_gone "$monitor"
    check "its ports are closed" closed "$port"
    check "none is listed" [ "$(ports_of $tag-c)" = 0 ]
    call port list $tag-c
    check "it says why" grep -q "1 more were published by a monitor that was killed" "$work/err"
    call port add $tag-c 127.0.0.1:$port:80
    check "added again: $status" [ "$status" = 0 ]
    until_true has_page "$port"
    check "another monitor" [ "$(monitor_of $tag-c)" != "$monitor" ]
    call delete --force $tag-c
    nothing_left
}

test_unknown_containers_and_words() {
    for verb in "list" "add" "remove"; do
        spec=127.0.0.1:8080:80
        [ $verb = list ] && spec=
        # shellcheck disable=SC2086
        call port $verb $tag-nobody $spec
        refused 1 "port $verb: $tag-nobody: container does not exist"
    done
    call port show $tag-nobody
    refused 1 "none of list, add and remove"
    call port add $tag-nobody
    refused 1 "give a container and a port"
    call port list $tag-nobody 80:80
    refused 1 "a container alone"
    call port list -f yaml $tag-nobody
    refused 1 "format"
    call port add $tag-nobody nonsense
    refused 1 "nonsense"
}

test_removal_under_load() {
    dir=$(service c "$endless")
    call run -d -p 127.0.0.1:0:80 --bundle "$dir" $tag-c
    port=$(port_in "$work/out")
    mkfifo "$work/flow"
    until_true sh -c "busybox nc 127.0.0.1 $port </dev/null 2>/dev/null | head -c 1 | grep -q y"
    # One that reads as fast as it can, and one whose reader has stopped.
    (busybox nc 127.0.0.1 "$port" </dev/null | cat >/dev/null) &
    (busybox nc 127.0.0.1 "$port" </dev/null >"$work/flow") &
    exec 8<"$work/flow"
    head -c 1 <&8 >/dev/null
    call port remove $tag-c 127.0.0.1:$port:80
    check "removed: $status" [ "$status" = 0 ]
    check "closed at once" closed "$port"
    # The connection goes on: more than what pipes and sockets hold arrives.
    check "what goes on goes on" [ "$(head -c 20000000 <&8 | wc -c)" = 20000000 ]
    exec 8<&-
    call delete --force $tag-c
    nothing_left
}

# Whoever says nothing is not waited for: it ends when its time is over.
test_removal_ends_what_does_not_end() {
    dir=$(service c "$echo")
    call run -d -p 127.0.0.1:0:80 --bundle "$dir" $tag-c
    port=$(port_in "$work/out")
    mkfifo "$work/silence"
    until_true sh -c "echo hello | busybox nc 127.0.0.1 $port 2>/dev/null | grep -q hello"
    busybox nc 127.0.0.1 "$port" <"$work/silence" >"$work/answer" 2>/dev/null &
    client=$!
    exec 8>"$work/silence"
    echo hello >&8
    until_true test -s "$work/answer"
    call port remove $tag-c 127.0.0.1:$port:80
    check "removed: $status" [ "$status" = 0 ]
    echo again >&8
    until_true grep -q again "$work/answer"
    until_gone $client
    exec 8>&-
    call delete --force $tag-c
    nothing_left
}

test_killed_in_the_middle_of_a_transfer() {
    dir=$(service c "$endless")
    for how in foreground background; do
        if [ $how = foreground ]; then
            "$urc" --root "$root" run -p 127.0.0.1:0:80 --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null &
            run=$!
            until_true test -s "$work/out"
        else
            call run -d -p 127.0.0.1:0:80 --bundle "$dir" $tag-c
        fi
        port=$(port_in "$work/out")
        until_true sh -c "busybox nc 127.0.0.1 $port </dev/null 2>/dev/null | head -c 1 | grep -q y"
        busybox nc 127.0.0.1 "$port" </dev/null >/dev/null 2>&1 &
        client=$!
        until_true sh -c "[ \"\$('$urc' --root '$root' port list --stats -f json $tag-c | jq '[.[].live] | add')\" -gt 0 ]"
        monitor=$(monitor_of $tag-c)
        call kill $tag-c KILL
        until_gone $client
        if [ $how = foreground ]; then
            status=0
            wait $run || status=$?
            check "status $status" [ "$status" = 137 ]
        else
            until_gone "$monitor"
            call delete $tag-c
        fi
        check "closed" closed "$port"
        nothing_left
    done
}

take=${URC_TAKE:-$(dirname "$urc")/tests/take}
test_a_socket_that_is_handed_over() {
    [ -x "$take" ] || { echo "no program that takes sockets: left out"; return; }
    dir=$(service c true '.process.args = ["/bin/take", "3"]')
    cp "$take" "$dir/rootfs/bin/take"
    "$urc" --root "$root" run -d -p 127.0.0.1:0:80,handover --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null
    port=$(port_in "$work/out")
    check "told: $(cat "$work/out" "$work/err")" [ -n "$port" ]
    check "what it was told: $(busybox nc 127.0.0.1 "$port" </dev/null)" \
        [ "$(busybox nc 127.0.0.1 "$port" </dev/null)" = "own 1 80/tcp 3" ]
    check "nobody relays" [ "$(monitor_of $tag-c)" = 0 ]
    check "listed" [ "$(ports_of $tag-c '.[0].handover')" = true ]
    call port remove $tag-c 127.0.0.1:$port:80
    check "not to be removed: $(cat "$work/err")" grep -q "has the socket itself" "$work/err"
    call kill $tag-c KILL
    until_true closed "$port"
    call delete $tag-c
    nothing_left
}

# In the order of the options, behind the caller's LISTEN_FDS and before --preserve-fds, beside a port that is relayed.
test_handed_over_with_other_descriptors() {
    [ -x "$take" ] || return 0
    dir=$(service c true '.process.args = ["/bin/take", "5"]')
    cp "$take" "$dir/rootfs/bin/take"
    echo passed >"$work/passed"
    sh -c 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@"' - "$urc" --root "$root" create --preserve-fds 1 \
        -p 127.0.0.1:0:80,handover -p 127.0.0.1:0:82 -p 127.0.0.1:0:81/tcp4,handover \
        --bundle "$dir" $tag-c >"$work/out" 2>"$work/err" </dev/null 3<"$work/passed" 4<"$work/passed"
    check "create: $(cat "$work/err")" [ "$(wc -l <"$work/out")" = 3 ]
    port=$(port_in "$work/out" 3)
    call start $tag-c
    told=$(busybox nc 127.0.0.1 "$port" </dev/null)
    check "four descriptors, three of them sockets' or files to listen on: $told" \
        [ "$told" = "own 3 unknown:80/tcp:81/tcp4 3456" ]
    init=$(state_of $tag-c | jq .pid)
    for fd in 3 6; do
        check "$fd is the caller's" [ "$(readlink "/proc/$init/fd/$fd")" = "$work/passed" ]
    done
    check "a monitor for the third" [ "$(monitor_of $tag-c)" -gt 0 ]
    "$urc" --root "$root" delete --force $tag-c
    check "closed" closed "$port"
    nothing_left
}

main
