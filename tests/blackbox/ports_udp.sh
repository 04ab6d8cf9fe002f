#!/bin/sh
# urc proxy and what is special about datagrams. The "container" is a network namespace that lives as long as a process
# which holds it.
set -u
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v nsenter >/dev/null || skip "nsenter is not installed"
unshare --net true 2>/dev/null || skip "this user cannot make network namespaces"

# publish ARGUMENT...: a namespace with lo and a proxy for it. The picked port in $port.
publish() {
    mkfifo "$work/held" "$work/opened" 2>/dev/null
    unshare --net sh -c 'busybox ip link set lo up && echo ready >"$0"; exec sleep 1000' "$work/held" &
    holder=$!
    read -r _ <"$work/held"
    "$urc" --root "$root" proxy --pid "$holder" "$@" >"$work/opened" 2>"$work/err" &
    proxy=$!
    read -r line <"$work/opened"
    port=${line%% ->*}
    port=${port##*:}
}
end_all() {
    kill -TERM "$proxy"
    status=0
    wait "$proxy" || status=$?
    check "the proxy ends with status 0" [ "$status" = 0 ]
    kill -KILL "$holder"
    wait "$holder" 2>/dev/null
}

test_nobody_is_there() {
    publish -p 127.0.0.1:0:1000/udp
    check "the client is refused" python3 "$here/ports_udp.py" refused "$port"
    end_all
    check "the log says why" grep -q 'send: 127.0.0.1:1000: Connection refused"' "$work/err"
}

test_bursts_of_all_sizes_come_back_as_they_were() {
    publish -p 127.0.0.1:0:1000/udp
    mkfifo "$work/ready" 2>/dev/null
    nsenter --net="/proc/$holder/ns/net" python3 "$here/ports_udp.py" echo 1000 >"$work/ready" &
    server=$!
    read -r _ <"$work/ready"
    check "each of them" python3 "$here/ports_udp.py" bursts "$port"
    kill "$server"
    wait "$server" 2>/dev/null
    end_all
    check "without a word" [ ! -s "$work/err" ]
}

main
