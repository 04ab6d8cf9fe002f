#!/bin/sh
# urc proxy with real programs on both sides. The "container" is a network namespace that lives as long as a process
# which holds it.
set -u
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v nsenter >/dev/null || skip "nsenter is not installed"
unshare --net true 2>/dev/null || skip "this user cannot make network namespaces"

play() { python3 "$here/ports.py" "$@"; }

# A new namespace with lo; the programs in it go with it.
new_inside() {
    mkfifo "$work/held" 2>/dev/null
    unshare --net sh -c 'busybox ip link set lo up && echo ready >"$0"; exec sleep 1000' "$work/held" &
    holder=$!
    read -r _ <"$work/held"
    inside_pids=
}
# serve ROLE...: in the namespace, and comes back when it listens. Its pid in $server.
serve() {
    mkfifo "$work/ready" 2>/dev/null
    nsenter --net="/proc/$holder/ns/net" python3 "$here/ports.py" "$@" >"$work/ready" 2>"$work/server" &
    server=$!
    inside_pids="$inside_pids $server"
    read -r _ <"$work/ready"
}
end_inside() {
    # shellcheck disable=SC2086
    kill -KILL $holder $inside_pids 2>/dev/null
    # shellcheck disable=SC2086
    wait $holder $inside_pids 2>/dev/null
}

# publish ARGUMENT...: starts the proxy, and comes back with its first line of output in $line. The port in $port.
publish() {
    mkfifo "$work/opened" 2>/dev/null
    # shellcheck disable=SC2086
    ${limited:-} "$urc" --root "$root" proxy --pid "$holder" "$@" >"$work/opened" 2>"$work/err" &
    proxy=$!
    read -r line <"$work/opened"
    port=${line%% ->*}
    port=${port##*:}
}
# It ends with status 0 and without a word.
end_proxy() {
    kill -TERM "$proxy"
    status=0
    wait "$proxy" || status=$?
    check "the proxy ends with status 0" [ "$status" = 0 ]
    [ "${may_warn:-}" ] || check "and without a word" [ ! -s "$work/err" ]
    check "its helper is gone" [ -z "$(pgrep -P "$proxy")" ]
}

test_pages_of_a_web_server() {
    new_inside
    mkdir -p "$work/www"
    head -c 300000 /dev/urandom >"$work/www/page"
    nsenter --net="/proc/$holder/ns/net" busybox httpd -f -p 127.0.0.1:80 -h "$work/www" &
    inside_pids=$!
    publish -p 127.0.0.1:0:80
    check "says which port it has picked" [ "$line" = "127.0.0.1:$port -> 127.0.0.1:80/tcp" ]
    for _ in 1 2 3 4 5; do busybox wget -q -O "$work/page" "http://127.0.0.1:$port/page" && break; done
    check "the page is as it was" cmp -s "$work/www/page" "$work/page"
    may_warn=yes end_proxy
    end_inside
}

test_much_up_and_down() {
    new_inside
    serve sum 1000
    serve stream 1001 20000000
    publish -p 127.0.0.1:0:1000
    check "up, and the answer after the end" play up 127.0.0.1 "$port" 20000000
    check "nothing at all" play up 127.0.0.1 "$port" 0
    end_proxy
    publish -p 127.0.0.1:0:1001
    check "down" play down 127.0.0.1 "$port" 20000000
    end_proxy
    end_inside
}

test_nobody_listens() {
    new_inside
    publish -p 127.0.0.1:0:999
    check "the client is reset" play reset 127.0.0.1 "$port"
    may_warn=yes end_proxy
    check "the log says why" grep -q "connect: 127.0.0.1:999: Connection refused" "$work/err"
    end_inside
}

test_a_thousand_idle_connections() {
    new_inside
    serve echo 1002
    publish -p 127.0.0.1:0:1002
    check "all are served" play idle 127.0.0.1 "$port" 1000
    check "by one task" [ "$(find "/proc/$proxy/task" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
    end_proxy
    end_inside
}

# Two descriptors a connection, and 20 connections at once: most of them have to wait.
test_a_storm_with_few_descriptors() {
    new_inside
    serve echo 1003
    limited="prlimit --nofile=100:100" publish -p 127.0.0.1:0:1003
    check "everyone is served" play storm 127.0.0.1 "$port" 400
    may_warn=yes end_proxy
    end_inside
}

test_the_helper_is_killed() {
    new_inside
    serve echo 1004
    publish -p 127.0.0.1:0:1004
    pkill -KILL -P "$proxy"
    check "connections are made as before" play storm 127.0.0.1 "$port" 200
    check "there is a new one" [ "$(pgrep -c -P "$proxy")" = 1 ]
    may_warn=yes end_proxy
    end_inside
}

test_the_application_is_killed() {
    new_inside
    serve echo 1005
    publish -p 127.0.0.1:0:1005
    mkfifo "$work/client"
    play held 127.0.0.1 "$port" >"$work/client" &
    client=$!
    read -r _ <"$work/client"
    kill -KILL "$server"
    status=0
    wait "$client" || status=$?
    check "the client hears of the end" [ "$status" = 0 ]
    check "and the next one is reset" play reset 127.0.0.1 "$port"
    may_warn=yes end_proxy
    end_inside
}

test_ipv6() {
    new_inside
    serve echo 1006 ::1
    publish -p '[::1]:0:1006'
    check "says so in brackets" [ "$line" = "[::1]:$port -> [::1]:1006/tcp" ]
    check "carries" play storm ::1 "$port" 20
    end_proxy
    end_inside
}

test_datagrams() {
    new_inside
    serve udp 1007
    publish -p 127.0.0.1:0:1007/udp
    check "says udp" [ "$line" = "127.0.0.1:$port -> 127.0.0.1:1007/udp" ]
    check "comes back" play ask 127.0.0.1 "$port"
    end_proxy
    end_inside
}

test_a_port_in_use() {
    new_inside
    serve echo 1008
    publish -p 127.0.0.1:0:1008
    call proxy --pid "$holder" -p "127.0.0.1:$port:1008"
    check "status 1" [ "$status" = 1 ]
    check "one line" [ "$(wc -l <"$work/err")" = 1 ]
    check "with who has it" grep -q "127.0.0.1:$port -> 127.0.0.1:1008/tcp: the port is in use, held by urc (pid $proxy)" \
        "$work/err"
    : >"$work/err"
    end_proxy
    end_inside
}

test_its_manager_is_told_when_all_ports_accept() {
    new_inside
    serve echo 1009
    mkfifo "$work/told"
    python3 "$here/ports.py" manager "$work/notify" >"$work/told" &
    manager=$!
    exec 8<"$work/told"
    read -r _ <&8
    limited="env NOTIFY_SOCKET=$work/notify" publish -p 127.0.0.1:0:1009
    read -r told <&8
    check "it is told: $told" [ "$told" = READY=1 ]
    check "and there is somebody" play storm 127.0.0.1 "$port" 20
    NOTIFY_SOCKET=$work/notify call proxy --pid "$holder" -p 127.0.0.1:0:1009 -p "127.0.0.1:$port:1009"
    check "the second port is in use: $status" [ "$status" = 1 ]
    : >"$work/err"
    end_proxy
    play tell "$work/notify" "that was all"
    read -r told <&8
    check "once, and not by one that has failed: $told" [ "$told" = "that was all" ]
    exec 8<&-
    kill "$manager"
    wait "$manager" 2>/dev/null
    end_inside
}

test_what_is_wrong_is_refused() {
    call proxy -p 80:80
    refused 1 "give one of --pid, --netns and --rootlesskit"
    call proxy --pid $$ --netns /proc/self/ns/net -p 80:80
    refused 1 "give one of --pid, --netns and --rootlesskit"
    call proxy --pid $$
    refused 1 "give at least one port"
    call proxy --pid 0 -p 80:80
    refused 1 "invalid value for pid: \"0\""
    call proxy --pid $$ -p 80:80/sctp
    refused 1 "publish: 80:80/sctp: the protocol is none of"
    call proxy --pid $$ -p 8080:80 -p 127.0.0.1:8080:81
    refused 1 "has a port in common with"
    call proxy --netns /nowhere -p 8080:80
    refused 1 "/nowhere: No such file or directory"
    call proxy --netns /proc/self/ns/uts -p 8080:80
    refused 1 "ns/uts"
    call proxy --pid $$ -p 8080:80 --proxy-protocol v3
    refused 1 "invalid value for proxy-protocol: \"v3\""
    call proxy --pid $$ -p 8010-8000:8010-8000
    refused 1 "from the lower one to the higher"
    status=0
    (ulimit -n 64 && exec "$urc" proxy --pid $$ -p 17500-17699:17500-17699) >"$work/out" 2>"$work/err" || status=$?
    refused 1 "200 ports take more descriptors than there are"
}

test_what_datagrams_cannot_have_is_told() {
    new_inside
    serve echo 1010
    publish --proxy-protocol v2 -p 127.0.0.1:0:1010/udp
    check "a warning: $(cat "$work/err")" grep -q "proxy-protocol: is for TCP" "$work/err"
    : >"$work/err"
    end_proxy
    end_inside
}

main
