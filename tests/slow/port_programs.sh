#!/bin/sh
# Published ports with the programs that people use on both ends: httpd and curl, nginx and wrk, iperf3, socat, a DNS
# server and dig, over TCP and UDP, IPv4 and IPv6.
#   tests/slow/port_programs.sh [URC]
set -u
cd "$(dirname "$0")/../.."
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
export URC
# What is installed does not start its daemon.
export RUNLEVEL=1
need jq busybox-static curl iperf3 wrk socat dnsmasq-base bind9-dnsutils nginx-light iproute2 util-linux python3
set -- "$URC"
. tests/blackbox/lib.sh

# A network namespace with a service in it: serve PROGRAM..., its namespace's process in $inside.
new_inside() {
    unshare --net sleep 1000 &
    inside=$!
    until [ "$(readlink /proc/$inside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
    nsenter -t $inside -n ip link set lo up
}
serve() { nsenter -t $inside -n "$@" >"$work/service" 2>&1 & service=$!; }
listens() { # t|u PORT
    for _ in $(seq 200); do
        [ -z "$(nsenter -t $inside -n ss -H -ln"$1" "sport = $2")" ] || return 0
        sleep 0.05
    done
    return 1
}
# publish SPEC...: a proxy, when all its ports are open; those that were picked in $ports.
publish() {
    picked=0
    for spec; do
        case $spec in *:0:*) picked=$((picked + 1)) ;; esac
        set -- "$@" -p "$spec"
        shift
    done
    : >"$work/told"
    "$urc" proxy --pid $inside "$@" >"$work/told" 2>"$work/err" &
    proxy=$!
    for _ in $(seq 200); do
        [ "$(ss -Hlntup | grep -c "pid=$proxy,")" = "$(($# / 2))" ] && [ "$(wc -l <"$work/told")" = $picked ] && break
        sleep 0.05
    done
    ports=$(sed -n 's/^[^ ]*:\([0-9]*\) -> .*/\1/p' "$work/told" | tr '\n' ' ')
    check "told: $(cat "$work/told" "$work/err")" [ "$(echo $ports | wc -w)" = $picked ]
}
done_with() {
    kill "$proxy"
    status=0
    wait "$proxy" || status=$?
    check "the proxy ends with 0, not $status" [ "$status" = 0 ]
    kill "$service" "$inside" 2>/dev/null
    wait
}

test_httpd_and_curl() {
    new_inside
    mkdir "$work/www"
    head -c 300000000 /dev/urandom >"$work/www/large"
    echo small >"$work/www/small"
    serve busybox httpd -f -p 80 -h "$work/www"
    listens t 80 || fail "httpd does not listen"
    publish 127.0.0.1:0:80 '[::1]:0:80'
    set -- $ports
    wanted=$(sha256sum <"$work/www/large")
    check "300 MB by IPv4" [ "$(curl -sS "http://127.0.0.1:$1/large" | sha256sum)" = "$wanted" ]
    check "300 MB by IPv6" [ "$(curl -sS "http://[::1]:$2/large" | sha256sum)" = "$wanted" ]
    check "300 MB by a slow reader" [ "$(curl -sS --limit-rate 100M "http://127.0.0.1:$1/large" | sha256sum)" = "$wanted" ]
    check "many at once" [ "$(for _ in $(seq 50); do curl -sS "http://127.0.0.1:$1/small" & done | grep -c small)" = 50 ]
    done_with
}

test_socat_upload_and_both_half_closes() {
    new_inside
    head -c 100000000 /dev/urandom >"$work/upload"
    serve socat -u TCP-LISTEN:81,reuseaddr "CREATE:$work/uploaded"
    listens t 81 || fail "socat does not listen"
    publish 127.0.0.1:0:81
    socat -u "FILE:$work/upload" "TCP:127.0.0.1:${ports% }"
    wait "$service"
    check "100 MB up" cmp -s "$work/upload" "$work/uploaded"
    done_with
    # The service answers when the client has ended, and ends after it.
    new_inside
    serve socat TCP-LISTEN:82,reuseaddr,fork 'SYSTEM:sha256sum'
    listens t 82 || fail "socat does not listen"
    publish 127.0.0.1:0:82
    check "an answer after the end" [ "$(socat -t 20 - "TCP:127.0.0.1:${ports% }" <"$work/upload")" = "$(sha256sum <"$work/upload")" ]
    done_with
}

test_iperf3() {
    new_inside
    serve iperf3 -s
    listens t 5201 || fail "iperf3 does not listen"
    publish 127.0.0.1:0:5201 127.0.0.1:0:5201/udp
    set -- $ports
    for reverse in "" -R; do
        for streams in 1 8; do
            iperf3 -c 127.0.0.1 -p "$1" -t 2 -P $streams $reverse -J >"$work/iperf" 2>&1
            check "TCP $streams $reverse: $(jq -r '.error // empty' "$work/iperf")" \
                [ "$(jq '.end.sum_received.bytes > 10000000' "$work/iperf")" = true ]
            echo "  TCP, $streams streams $reverse: $(jq '.end.sum_received.bits_per_second / 1e9 * 10 | round / 10' "$work/iperf") Gb/s"
        done
    done
    done_with
    # iperf3 uses one number for both protocols.
    new_inside
    serve iperf3 -s
    listens t 5201 || fail "iperf3 does not listen"
    publish "127.0.0.1:$1:5201" "127.0.0.1:$1:5201/udp"
    iperf3 -c 127.0.0.1 -p "$1" -u -b 200M -l 1200 -t 2 -J >"$work/iperf" 2>&1
    check "UDP: $(jq -r '.error // empty' "$work/iperf")" [ "$(jq '.end.sum.packets > 10000' "$work/iperf")" = true ]
    lost=$(jq '.end.sum.lost_percent' "$work/iperf")
    echo "  UDP, 200 Mb/s: $lost % lost"
    check "nearly all arrive: $lost % lost" [ "$(jq '.end.sum.lost_percent < 20' "$work/iperf")" = true ]
    done_with
}

test_wrk() {
    new_inside
    mkdir -p "$work/www"
    echo small >"$work/www/small"
    chmod 755 "$work" "$work/www"
    cat >"$work/nginx.conf" <<END
daemon off; worker_processes 1; pid $work/nginx.pid; error_log stderr;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; server { listen 80; root $work/www; } }
END
    serve nginx -c "$work/nginx.conf"
    listens t 80 || fail "nginx does not listen: $(cat "$work/service")"
    publish 127.0.0.1:0:80
    wrk -t 1 -c 32 -d 3 "http://127.0.0.1:${ports% }/small" >"$work/wrk"
    check "requests: $(cat "$work/wrk")" [ "$(awk '/requests in/ { print $1 }' "$work/wrk")" -gt 100 ]
    check "no errors: $(cat "$work/wrk")" sh -c "! grep -E 'Socket errors|Non-2xx' '$work/wrk'"
    echo "  $(grep Requests/sec "$work/wrk")"
    done_with
}

test_dig() {
    new_inside
    serve dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --port=53 --listen-address=127.0.0.1 \
        --bind-interfaces --user=root --address=/urc.test/192.0.2.7 --txt-record="long.test,$(printf 'x%.0s' $(seq 200))"
    listens u 53 || fail "dnsmasq does not listen: $(cat "$work/service")"
    publish 127.0.0.1:0:53/udp 127.0.0.1:0:53
    set -- $ports
    check "by UDP" [ "$(dig +short @127.0.0.1 -p "$1" a.urc.test)" = 192.0.2.7 ]
    check "by TCP" [ "$(dig +short +tcp @127.0.0.1 -p "$2" b.urc.test)" = 192.0.2.7 ]
    check "a long one" [ "$(dig +short @127.0.0.1 -p "$1" long.test TXT | wc -c)" -gt 200 ]
    check "a hundred clients" [ "$(for i in $(seq 100); do dig +short @127.0.0.1 -p "$1" "n$i.urc.test" & done | grep -c 192.0.2.7)" = 100 ]
    done_with
}

main
