#!/bin/bash
# urc proxy and the real rootlesskit in each other's places: urc as parent of rootlesskit's child, urc as child of
# rootlesskit's parent, urc's child with urc's parent, and rootlessctl with urc's API. Uses the release build.
#   tests/slow/rootlesskit.sh [URC]
set -u
cd "$(dirname "$0")/../.." || exit 1
. cli/setup.sh
[ "$(id -u)" = 0 ] || { echo "SKIP: the users of the namespace are given out by root"; exit 77; }
need rootlesskit slirp4netns python3 curl iproute2 util-linux
command -v rootlesskit >/dev/null && command -v slirp4netns >/dev/null ||
    { echo "SKIP: rootlesskit and slirp4netns are not installed"; exit 77; }
[ -w /dev/net/tun ] || { echo "SKIP: there is no /dev/net/tun"; exit 77; }
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
URC=$(readlink -f "$URC")

work=$(mktemp -d /tmp/urc-rootlesskit-XXXXXX)
state=$work/state
checks=0 failures=0 started=()
finish() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

check() { # check WHAT WANTED GOT
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    failures=$((failures + 1))
    printf 'FAILED %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
}
# until_there FILE: at most ten seconds.
until_there() {
    for _ in $(seq 100); do [ -e "$1" ] && return; read -rt 0.1 <> <(:); done
    echo "FAILED: $1 does not come"
    cat "$work"/*.log
    exit 1
}
# start NAME COMMAND...: in the background, its output in NAME.log. `proxy` waits until it is ready.
start() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    started+=($!)
    last=$!
}
proxy() {
    local name=$1
    shift
    rm -f "$work/$name.ready"
    start "$name" python3 -c '
import os, socket, subprocess, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1] + ".socket")
manager.settimeout(30)
child = os.fork()
if child == 0:
    os.environ["NOTIFY_SOCKET"] = sys.argv[1] + ".socket"
    os.execv(sys.argv[2], sys.argv[2:])
import signal
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
try:
    if manager.recv(100) == b"READY=1": open(sys.argv[1], "w").close()
except TimeoutError: pass
os.unlink(sys.argv[1] + ".socket")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))' "$work/$name.ready" "$URC" proxy "$@"
    until_there "$work/$name.ready"
}
stop() { kill "$1" && wait "$1"; }
# ask PORT [HOST]: what the service inside answers.
ask() {
    python3 -c '
import socket, sys
try:
    s = socket.create_connection((sys.argv[2], int(sys.argv[1])), 10)
    s.sendall(b"hello"); s.shutdown(socket.SHUT_WR)
    answer = b""
    while part := s.recv(1000): answer += part
    print(answer.decode())
except OSError as error: print(type(error).__name__)' "$1" "${2:-127.0.0.1}"
}
ask_udp() {
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(b"hello", ("127.0.0.1", int(sys.argv[1])))
try: print(s.recv(100).decode())
except OSError as error: print(type(error).__name__)' "$1"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Root has no IDs to give away in /etc/subuid; here alone it has.
echo root:100000:65536 >"$work/subid"
start kit unshare --mount sh -c 'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid && shift && exec "$@"' sh \
    "$work/subid" rootlesskit --state-dir="$state" --net=slirp4netns --disable-host-loopback --copy-up=/etc \
    --port-driver=builtin sh -c 'touch "$1/up"; exec python3 -c "
import socket, threading
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"127.0.0.1\", 80))
    while True:
        text, client = s.recvfrom(1000); s.sendto(b\"udp \" + text, client)
threading.Thread(target=udp, daemon=True).start()
s = socket.create_server((\"127.0.0.1\", 80))
while True:
    c, _ = s.accept(); text = b\"\"
    while part := c.recv(1000): text += part
    c.sendall(b\"tcp \" + text); c.close()"' sh "$work"
until_there "$state/api.sock"
until_there "$work/up"
child=$(cat "$state/child_pid")
real() { rootlessctl --socket "$state/api.sock" "$@"; }
# The service may come up later than its shell.
for _ in $(seq 100); do [ "$(nsenter -t "$child" -n ss -Htln 'sport = 80' | wc -l)" = 1 ] && break; read -rt 0.1 <> <(:); done

# ---- rootlesskit by itself
port=$(free_port)
check "rootlesskit's own" 1 "$(real add-ports "127.0.0.1:$port:80/tcp")"
check "rootlesskit's own answer" 'tcp hello' "$(ask "$port")"
real remove-ports 1 >/dev/null

# ---- urc is the parent, rootlesskit the child
port=$(free_port) udp=$(free_port) none=$(free_port)
proxy parent --rootlesskit "$state" -p "127.0.0.1:$port:80" -p "127.0.0.1:$udp:80/udp" -p "127.0.0.1:$none:81"
parent=$last
check "urc, then rootlesskit's child" 'tcp hello' "$(ask "$port")"
check "the same with UDP" 'udp hello' "$(ask_udp "$udp")"
check "nobody listens" ConnectionResetError "$(ask "$none")"
check "and that is said" 1 "$(grep -c "rootlesskit's child: dial tcp 127.0.0.1:81: connect: connection refused" "$work/parent.log")"
stop "$parent"
check "urc as parent ends well" 0 $?

# ---- rootlesskit is the parent, urc the child: it takes the place of the real one's socket
rm "$state/.bp.sock"
rm "$state/.bp-ready.pipe"
proxy child --rootlesskit-child "$state" --pid "$child"
urc_child=$last
check "rootlesskit, then urc's child, publishes" 2 "$(real add-ports "127.0.0.1:$port:80/tcp")"
check "rootlesskit, then urc's child" 'tcp hello' "$(ask "$port")"
real add-ports "127.0.0.1:$udp:80/udp" >/dev/null
check "the same with UDP" 'udp hello' "$(ask_udp "$udp")"
real remove-ports 2 3 >/dev/null

# ---- urc is both
proxy both --rootlesskit "$state" -p "127.0.0.1:$port:80" -p "127.0.0.1:$udp:80/udp"
both=$last
check "urc, then urc's child" 'tcp hello' "$(ask "$port")"
check "the same with UDP" 'udp hello' "$(ask_udp "$udp")"
stop "$both"
stop "$urc_child"
check "urc as child ends well" 0 $?
check "and takes its socket away" no "$([ -e "$state/.bp.sock" ] && echo yes || echo no)"

# ---- rootlessctl and curl with urc's API
proxy api --pid "$child" --api "$work/api.sock" -p "127.0.0.1:$none:81"
api=$last
ctl() { rootlessctl --socket "$work/api.sock" "$@"; }
check "the socket is the owner's" 600 "$(stat -c %a "$work/api.sock")"
check "info" "builtin $child" \
    "$(curl -s --unix-socket "$work/api.sock" http://x/v1/info | python3 -c 'import json, sys; i = json.load(sys.stdin); print(i["portDriver"]["driver"], i["childPID"])')"
check "rootlessctl info" 1 "$(ctl info | grep -c 'Port Driver: builtin')"
check "add-ports" "2 3" "$(ctl add-ports "127.0.0.1:$port:80/tcp" "127.0.0.1:$udp:80/udp" | xargs)"
check "what was added is open" 'tcp hello' "$(ask "$port")"
check "the same with UDP" 'udp hello' "$(ask_udp "$udp")"
check "list-ports" "1 2 3" "$(ctl list-ports | awk 'NR > 1 { print $1 }' | xargs)"
check "list-ports --json" '{"id":2,"spec":{"proto":"tcp","parentIP":"127.0.0.1","parentPort":'"$port"',"childPort":80}}' \
    "$(ctl list-ports --json | sed -n 2p)"
check "a conflict" 1 "$(ctl add-ports "127.0.0.1:$port:81/tcp" 2>&1 | grep -c 'conflict with ID 2')"
check "remove-ports" 2 "$(ctl remove-ports 2)"
check "an ID that is gone" 1 "$(ctl remove-ports 2 2>&1 | grep -c 'unknown id: 2')"
check "the port is closed" ConnectionRefusedError "$(ask "$port")"
check "IDs do not come again" 4 "$(ctl add-ports "127.0.0.1:$port:80/tcp")"
check "a chunked request" 201 "$(curl -s -o "$work/answer" -w '%{http_code}' --unix-socket "$work/api.sock" \
    -H 'Transfer-Encoding: chunked' -d '{"proto":"tcp","parentIP":"127.0.0.1","parentPort":'"$(free_port)"',"childPort":80}' \
    http://x/v1/ports)"

# ---- both servers give the same answers: status, type and body
for request in "-X GET v1/ports/7" "-X DELETE v1/ports/77" "-X GET v1/nothing" "-X PUT v1/ports" "-X DELETE v1/ports" \
    "-X POST -d null v1/ports" "-X POST -d {\"proto\":\"tcp\",\"parentIP\":\"abc\"} v1/ports" "-X GET v1/ports/" \
    "-X POST -d @/dev/null v1/ports"; do
    answers=()
    for socket in "$state/api.sock" "$work/api.sock"; do
        # shellcheck disable=SC2086
        answers+=("$(curl -s --unix-socket "$socket" -w '\n%{http_code} %{content_type}' ${request% *} "http://x/${request##* }")")
    done
    check "$request" "${answers[0]}" "${answers[1]}"
done
stop "$api"
check "urc with the API ends well" 0 $?
check "and takes its socket away" no "$([ -e "$work/api.sock" ] && echo yes || echo no)"

echo "$checks checks, $failures failures"
[ "$failures" = 0 ]
