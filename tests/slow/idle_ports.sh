#!/bin/bash
# Ten thousand connections through one published port that have nothing to say: each is served when it speaks, before
# and after a time of silence. Meanwhile urc holds two sockets for each of them and neither a buffer nor a pipe; how
# much memory that is is said and bounded.
#   tests/slow/idle_ports.sh [URC]       the release build unless given
#   URC_IDLE_CONNECTIONS (10000)         fewer where RLIMIT_NOFILE does not permit so many
set -u
cd "$(dirname "$0")/../.."
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
export URC
need jq busybox-static python3 util-linux
set -- "$URC"
. tests/blackbox/lib.sh
unshare --net true 2>/dev/null || skip "this user cannot make network namespaces"

wanted=${URC_IDLE_CONNECTIONS:-10000}
# Two in urc for each, and some for everything else; raising the hard limit takes a privilege.
prlimit --pid $$ --nofile=$((2 * wanted + 100)) 2>/dev/null || prlimit --pid $$ --nofile="$(ulimit -H -n)"
limit=$(ulimit -n)
connections=$(((limit - 100) / 2))
[ "$connections" -le "$wanted" ] || connections=$wanted
[ "$connections" -gt 0 ] || skip "RLIMIT_NOFILE is $limit"
# A page each. What a connection takes is the frame of one task; a buffer of its own would be sixteen pages.
bytes_max=4096

play() { python3 tests/blackbox/ports.py "$@"; }
resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$proxy/status"; }
descriptors() { find "/proc/$proxy/fd" -mindepth 1 | wc -l; }

test_ten_thousand_idle_connections() {
    mkfifo "$work/held" "$work/serves" "$work/opened" "$work/crowd" "$work/go"
    unshare --net sh -c 'busybox ip link set lo up && echo ready >"$0"; exec sleep 1000000' "$work/held" &
    holder=$!
    read -r _ <"$work/held"
    nsenter --net="/proc/$holder/ns/net" python3 tests/blackbox/ports.py echo 80 >"$work/serves" &
    server=$!
    read -r _ <"$work/serves"
    "$urc" --root "$root" proxy --pid "$holder" -p 127.0.0.1:0:80 >"$work/opened" 2>"$work/err" &
    proxy=$!
    read -r line <"$work/opened"
    port=${line%% ->*}
    port=${port##*:}
    check "one connection before, so that everything that is shared is there" play storm 127.0.0.1 "$port" 20
    before=$(resident)
    open_before=$(descriptors)

    play crowd 127.0.0.1 "$port" "$connections" <"$work/go" >"$work/crowd" &
    crowd=$!
    exec 7>"$work/go" 8<"$work/crowd"
    read -r said <&8
    check "all are served: $said" [ "$said" = open ]
    after=$(resident)
    open=$(descriptors)
    each=$(((after - before) * 1024 / connections))
    echo "$connections connections: resident $before -> $after KiB, $each bytes each; descriptors $open_before -> $open"
    check "$each bytes each" [ "$each" -le "$bytes_max" ]
    # Stock comes and goes.
    check "two descriptors each: $((open - open_before))" [ "$((open - open_before - 2 * connections))" -le 64 ]
    ticks=$(cut -d ' ' -f 14,15 "/proc/$proxy/stat")
    read -rt 2 _ <&8
    check "silence costs nothing" [ "$(cut -d ' ' -f 14,15 "/proc/$proxy/stat")" = "$ticks" ]
    exec 7>&-
    status=0
    wait "$crowd" || status=$?
    check "all are served again" [ "$status" = 0 ]
    exec 8<&-

    kill -TERM "$proxy"
    status=0
    wait "$proxy" || status=$?
    check "the proxy ends well: $status" [ "$status" = 0 ]
    check "without a word" [ ! -s "$work/err" ]
    # shellcheck disable=SC2086
    kill -KILL $holder $server 2>/dev/null
    # shellcheck disable=SC2086
    wait $holder $server 2>/dev/null
}

main
