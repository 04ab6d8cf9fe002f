#!/bin/bash
# The engines on this very host, beside the machine of tests/vm: podman, containerd and dockerd with all they keep in
# directories of their own below build/, started here and stopped here. An engine that cannot run on this host is
# skipped, with its own words; when none can, so is the script (77). Uses the release build.
#   tests/slow/native_engines.sh [URC]
set -u
cd "$(dirname "$0")/../.." || exit 1
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
URC=$(readlink -f "$URC")
# RUNLEVEL=1: what is installed does not start its daemon.
RUNLEVEL=1 need jq python3 busybox-static podman containerd docker.io
PATH=$PATH:/usr/sbin:/sbin

base=$PWD/build/engines
mkdir -p "$base"
work=$(mktemp -d "$base/XXXXXX")
short=/tmp/urc-engines-$$ # sockets' names have to be short
mkdir "$short"
daemons=()
checks=0 failures=0 skips=0

finish() {
    local pid
    for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    grep -o " $work[^ ]*\| $short[^ ]*" /proc/self/mountinfo | sort -r | xargs -r umount 2>/dev/null
    rm -rf "$work" "$short"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# expect WHAT STATUS OUTPUT COMMAND...: OUTPUT is a pattern for both streams together.
expect() {
    local what=$1 wanted=$2 pattern=$3 out status=0
    shift 3
    checks=$((checks + 1))
    out=$(timeout 60 "$@" 2>&1 </dev/null) || status=$?
    if [[ ,$wanted, != *,$status,* ]] || ! grep -Eq -e "$pattern" <<<"$out"; then
        failures=$((failures + 1))
        printf 'FAILED %s: status %s, wanted %s with /%s/: %s\n' "$what" $status "$wanted" "$pattern" "$out"
    fi
}
skip() {
    skips=$((skips + 1))
    # With .ci/run also a line of its summary.
    printf 'SKIP %s: %s\n' "$1" "$2" | tee -a "${URC_CI_NOTES:-/dev/null}"
}
# A runtime that does the same here tells whether it is urc that fails.
works_with_runc() { # ENGINE COMMAND...
    local out engine=$1
    shift
    out=$(timeout 60 "$@" 2>&1 </dev/null) && return
    skip "$engine" "not with runc either: $(tail -n 1 <<<"$out")"
    return 1
}
daemon() { # NAME SOCKET COMMAND...
    local name=$1 socket=$2 tries
    shift 2
    "$@" >"$work/$name.log" 2>&1 &
    daemons+=($!)
    for ((tries = 0; tries < 150; tries++)); do
        [ ! -S "$socket" ] || return 0
        kill -0 "${daemons[-1]}" 2>/dev/null || break
        sleep 0.2
    done
    skip "$name" "it does not start: $(grep -E 'level=(error|fatal)|failed' "$work/$name.log" | tail -n 1)"
    return 1
}
# What a container may not leave, a line each: processes, states, mounts, cgroups. The daemons are still there then, and
# so is what they keep for themselves, which the run with runc has brought about.
inventory() {
    pgrep -af "^$URC|containerd-shim|conmon|^sleep 4321" | grep -F -e "$URC" -e "$work" -e "$short" -e "sleep 4321" |
        sed 's/^[0-9]* /process /'
    find /run/urc "$short" -name state.json -printf 'state %p\n' 2>/dev/null
    grep -o " $work[^ ]*\| $short[^ ]*" /proc/self/mountinfo | sed 's/^/mount/'
    find /sys/fs/cgroup -type d -regextype posix-extended \
        -regex '.*/(libpod-|libpod_parent/libpod-|docker/)[0-9a-f]{64}.*|.*/urc-native.*' -printf 'cgroup %p\n' 2>/dev/null
}
engine_begins() { inventory | sort >"$work/inventory"; }
# Engines take a moment to clean up behind a container.
nothing_left() {
    local left tries
    checks=$((checks + 1))
    for ((tries = 0; tries < 50; tries++)); do
        left=$(inventory | sort | comm -13 "$work/inventory" -)
        [ -n "$left" ] || return 0
        sleep 0.2
    done
    failures=$((failures + 1))
    printf 'FAILED %s: left over: %s\n' "$1" "$left"
}

took() { # ENGINE
    printf '%-12s %4d s\n' "$1" $((SECONDS - begin))
    begin=$SECONDS
}
begin=$SECONDS

# A container of the engine that serves a page, from a port of the host by `urc proxy`.
page_server=(sh -c 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www')
publishes() { # ENGINE PID
    local port='' tries
    "$URC" proxy --pid "$2" -p 127.0.0.1:0:80 >"$work/told" 2>&1 &
    local proxy=$!
    for ((tries = 0; tries < 100; tries++)); do
        port=$(sed -n 's/^127\.0\.0\.1:\([0-9]*\) -> .*/\1/p' "$work/told")
        [ -z "$port" ] || break
        sleep 0.1
    done
    # Its server may take a moment.
    expect "urc proxy, $1" 0 '^page' bash -c 'for try in {1..50}; do
        { exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "GET / HTTP/1.0\r\n\r\n" >&3; } 2>/dev/null
        grep page <&3 2>/dev/null && exit
        sleep 0.1
    done; exit 1' "${port:-1}"
    kill $proxy
    local status=0
    wait $proxy || status=$?
    expect "the end of urc proxy, $1" 0 '' test $status = 0
}

python3 tests/vm/machine/image.py "$work/busybox.tar"

podman_here() {
    # By itself podman asks for more open files and processes than the root of a container host may have.
    printf '[containers]\ndefault_ulimits = ["nofile=1024", "nproc=1024"]\n' >"$work/containers.conf"
    local -x CONTAINERS_CONF=$work/containers.conf
    local podman=(podman --root "$work/podman" --runroot "$short/podman" --storage-driver vfs --cgroup-manager cgroupfs)
    "${podman[@]}" load --quiet --input "$work/busybox.tar" >/dev/null || { skip podman "podman load fails"; return; }
    local run=(run --rm --network none)
    if works_with_runc podman "${podman[@]}" --runtime /usr/sbin/runc "${run[@]}" busybox true; then
        engine_begins
        podman+=(--runtime "$URC")
        expect "podman run" 0 '^hello$' "${podman[@]}" "${run[@]}" busybox echo hello
        expect "podman run, status" 42 '' "${podman[@]}" "${run[@]}" busybox sh -c 'exit 42'
        expect "podman run, no program" 127 'executable file.*not found' "${podman[@]}" "${run[@]}" busybox nope
        expect "podman run -d" 0 '^[0-9a-f]{64}$' "${podman[@]}" "${run[@]}" -d --name one busybox sleep 4321
        expect "podman exec" 7 '^in$' "${podman[@]}" exec one sh -c 'echo in; exit 7'
        expect "podman pause" 0 '' "${podman[@]}" pause one
        expect "podman unpause" 0 '' "${podman[@]}" unpause one
        expect "podman rm" 0 '' "${podman[@]}" rm --force --time 0 one
        expect "podman run, a server" 0 '' "${podman[@]}" "${run[@]}" -d --name web busybox "${page_server[@]}"
        publishes podman "$("${podman[@]}" inspect --format '{{.State.Pid}}' web)"
        expect "podman rm" 0 '' "${podman[@]}" rm --force --time 0 web
        nothing_left podman
    fi
    "${podman[@]}" rm --all --force --time 0 >/dev/null 2>&1
    took podman
}

containerd_here() {
    cat >"$work/containerd.toml" <<END
version = 2
root = "$work/containerd"
state = "$short/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$short/containerd.sock"
[ttrpc]
  address = "$short/containerd.sock.ttrpc"
END
    daemon containerd "$short/containerd.sock" containerd --config "$work/containerd.toml" || return
    local ctr=(ctr --address "$short/containerd.sock")
    "${ctr[@]}" image import --snapshotter native "$work/busybox.tar" >/dev/null || { skip containerd "ctr import fails"; return; }
    local image=docker.io/library/busybox:latest
    local run=(run --snapshotter native --runc-root "$short/runc")
    if works_with_runc containerd "${ctr[@]}" "${run[@]}" --rm $image urc-native true; then
        engine_begins
        run+=(--runc-binary "$URC")
        expect "ctr run" 0 '^hello$' "${ctr[@]}" "${run[@]}" --rm $image urc-native echo hello
        expect "ctr run, status" 42 '' "${ctr[@]}" "${run[@]}" --rm $image urc-native sh -c 'exit 42'
        expect "ctr run, no program" 1 'executable file not found' "${ctr[@]}" "${run[@]}" --rm $image urc-native nope
        expect "ctr run -d" 0 '' "${ctr[@]}" "${run[@]}" -d $image urc-native sleep 4321
        expect "ctr task exec" 7 '^in$' "${ctr[@]}" task exec --exec-id e urc-native sh -c 'echo in; exit 7'
        expect "ctr task metrics" 0 'memory' "${ctr[@]}" task metrics urc-native
        expect "ctr task kill" 0 '' "${ctr[@]}" task kill --signal KILL urc-native
        expect "ctr task delete" 0,137 '' "${ctr[@]}" task delete --force urc-native
        expect "ctr container delete" 0 '' "${ctr[@]}" container delete urc-native
        nothing_left containerd
    fi
    took containerd
}

dockerd_here() {
    cat >"$work/daemon.json" <<END
{ "runtimes": { "urc": { "path": "$URC" } }, "data-root": "$work/docker", "exec-root": "$short/docker",
  "hosts": ["unix://$short/docker.sock"], "pidfile": "$short/docker.pid", "storage-driver": "vfs", "bridge": "none",
  "iptables": false, "ip6tables": false, "ip-forward": false }
END
    daemon dockerd "$short/docker.sock" dockerd --config-file "$work/daemon.json" || return
    local docker=(docker --host "unix://$short/docker.sock" --config "$work/docker-client")
    "${docker[@]}" load --quiet --input "$work/busybox.tar" >/dev/null || { skip dockerd "docker load fails"; return; }
    if works_with_runc dockerd "${docker[@]}" run --rm --network none busybox true; then
        engine_begins
        local run=(run --runtime urc --network none)
        expect "docker run" 0 '^hello$' "${docker[@]}" "${run[@]}" --rm busybox echo hello
        expect "docker run, status" 42 '' "${docker[@]}" "${run[@]}" --rm busybox sh -c 'exit 42'
        expect "docker run, no program" 127 'executable file not found' "${docker[@]}" "${run[@]}" --rm busybox nope
        expect "docker run -d" 0 '' "${docker[@]}" "${run[@]}" -d --name one busybox sleep 4321
        expect "docker exec" 7 '^in$' "${docker[@]}" exec one sh -c 'echo in; exit 7'
        expect "docker top" 0 'sleep' "${docker[@]}" top one
        expect "docker rm" 0 '' "${docker[@]}" rm --force one
        expect "docker run, a server" 0 '' "${docker[@]}" "${run[@]}" -d --name web busybox "${page_server[@]}"
        publishes docker "$("${docker[@]}" inspect --format '{{.State.Pid}}' web)"
        expect "docker rm" 0 '' "${docker[@]}" rm --force web
        nothing_left dockerd
    fi
    "${docker[@]}" ps -aq | xargs -r "${docker[@]}" rm -f >/dev/null 2>&1
    took dockerd
}

if [ "$(id -u)" != 0 ]; then
    skip "all engines" "needs root"
else
    podman_here
    containerd_here
    dockerd_here
fi
printf '%d checks, %d failed, %d engines skipped\n' $checks $failures $skips
[ $failures = 0 ] || exit 1
[ $checks != 0 ] || exit 77
