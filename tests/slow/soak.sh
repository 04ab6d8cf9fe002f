#!/bin/sh
# Many containers in a row and many at once with docker's configuration: all of them right, nothing left in ROOT,
# cgroupfs, mountinfo or /proc. Uses the release build.
#   tests/slow/soak.sh [URC]        URC_SOAK_ROW (200), URC_SOAK_AT_ONCE (50)
set -u
cd "$(dirname "$0")/../.."
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
export URC
need jq busybox-static
set -- "$URC"
. tests/blackbox/lib.sh

row=${URC_SOAK_ROW:-200}
at_once=${URC_SOAK_AT_ONCE:-50}

docker_bundle() {
    b=$(bundle docker)
    jq '.process.args = ["/bin/sh", "-c", "echo $ID; exit 3"]' "$here/../data/docker-like-config.json" >"$b/config.json"
}

test_in_a_row() {
    docker_bundle
    wrong=0
    i=0
    while [ "$i" -lt "$row" ]; do
        i=$((i + 1))
        call run --bundle "$b" "$tag-$i"
        [ "$status" = 3 ] && [ ! -s "$work/err" ] || wrong=$((wrong + 1))
    done
    check "$wrong of $row did not give status 3 and a clean stderr" [ "$wrong" = 0 ]
    nothing_left
}

test_at_once() {
    docker_bundle
    i=0
    while [ "$i" -lt "$at_once" ]; do
        i=$((i + 1))
        (
            "$urc" --root "$root" run --bundle "$b" "$tag-p$i" >"$work/out.$i" 2>"$work/err.$i" </dev/null
            echo $? >"$work/status.$i"
        ) &
    done
    wait
    right=$(cat "$work"/status.* | grep -cx 3)
    cat "$work"/err.* >"$work/err"
    check "$right of $at_once gave status 3" [ "$right" = "$at_once" ]
    check "something on stderr" [ ! -s "$work/err" ]
    nothing_left
}

# Zombies of ours, mounts in the host's table, session keyrings: counted before and after.
test_nothing_grows() {
    docker_bundle
    call run --bundle "$b" "$tag-warm"
    before="$(wc -l </proc/self/mountinfo) $(ls /proc | grep -c '^[0-9]')"
    i=0
    while [ "$i" -lt 50 ]; do
        i=$((i + 1))
        call run --bundle "$b" "$tag-g$i"
    done
    tries=0
    # The kernel collects keyrings and processes on its own time.
    while [ "$tries" -lt 100 ] && grep -q "_ses\.$tag" /proc/keys; do
        tries=$((tries + 1))
        sleep 0.1
    done
    check "session keyrings are left" [ "$(grep -c "_ses\.$tag" /proc/keys)" = 0 ]
    check "mounts grew: $before, now $(wc -l </proc/self/mountinfo)" [ "$(wc -l </proc/self/mountinfo)" = "${before% *}" ]
    zombies=$(ps -eo stat=,comm= | grep -c '^Z.*urc')
    check "$zombies zombies" [ "$zombies" = 0 ]
    nothing_left
}

main
