#!/bin/sh
# Many containers, left running by `urc run -d`, each writing numbered lines at a pace into its log sinks: k8s-file, json-file
# with rotation, a fifo whose reader stalls for seconds and comes back (policy=block and policy=spill). At the end every
# line is in every sink, in order, once; no process, state, fifo reader or descriptor is left.
#   tests/slow/relay_soak.sh [URC]       the release build unless given
#   URC_SOAK_SECONDS (30)     how long the containers write; 600 for the whole of it
#   URC_SOAK_CONTAINERS (300; 1000 for the whole of it, fewer where memory does not allow)     URC_SOAK_PACE (10)  lines a second of each
set -u
cd "$(dirname "$0")/../.."
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc lines || exit 1
    URC=build/release/urc
fi
export URC
need jq busybox-static python3
lines=${LINES_PROGRAM:-$(dirname "$URC")/bench/lines}
[ -x "$lines" ] || die "no lines program at $lines"
set -- "$URC"
. tests/blackbox/lib.sh

seconds=${URC_SOAK_SECONDS:-30}
pace=${URC_SOAK_PACE:-10}
count=$((seconds * pace))
size=400
# Some twenty files: every rotation renames all that are there.
rotate_at=$((count * 500 / 20 + 16384))
# A container with its monitor is some 2 MiB, and its lines may stay in the page cache, in two logs of some 500 bytes a line.
affordable=$(awk -v lines="$count" '/MemAvailable/ { print int($2 * 0.8 / (4096 + lines)) }' /proc/meminfo)
containers=${URC_SOAK_CONTAINERS:-300}
[ "$containers" -le "$affordable" ] || containers=$affordable

# What goes into container number $1: its drivers, one of four kinds. The k8s-file is in all of them. The fifo (whose
# reader makes it a page) and the buffer are small, so that a stall of a few seconds is more than they hold.
sinks_of() {
    set -- "$1" "$work/logs/$1"
    printf '%s\n' "--log-driver" "k8s-file,path=$2.k8s"
    case $(($1 % 4)) in
        1) printf '%s\n' "--log-driver" "json-file,path=$2.json,max-size=$rotate_at,max-files=1000" ;;
        2) printf '%s\n' "--log-driver" "fifo,path=$2.fifo,policy=block,buffer=4k" ;;
        3) printf '%s\n' "--log-driver" "fifo,path=$2.fifo,policy=spill,buffer=4k" ;;
    esac
}

start_all() {
    i=0
    while [ "$i" -lt "$containers" ]; do
        # shellcheck disable=SC2046  # no word of it has a blank
        "$urc" --root "$root" run -d $(sinks_of "$i") --bundle "$b" "$tag-$i" </dev/null >"$work/out" 2>"$work/err" ||
            { fail "run -d of container $i"; return 1; }
        "$urc" --root "$root" state "$tag-$i" | jq -r .monitorPid >>"$work/monitors"
        i=$((i + 1))
    done
}

# The open descriptors of those monitors that live.
descriptors() {
    while read -r pid; do ls "/proc/$pid/fd" 2>/dev/null; done <"$work/monitors" | wc -l
}

descriptors_are_back() { [ "$(descriptors)" -le "$before" ]; }

wait_until() { # SECONDS COMMAND...: asks ten times a second
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}
monitors_are_gone() {
    while read -r pid; do [ ! -d "/proc/$pid" ] || return 1; done <"$work/monitors"
}

test_lines_reach_every_sink() {
    mkdir -p "$work/logs"
    b=$(bundle soak '.root.readonly = true')
    cp "$lines" "$b/rootfs/bin/lines"
    mkdir "$b/rootfs/signals"
    jq --arg count "$count" --arg size "$size" --arg pace "$pace" \
        '.process.args = ["/bin/lines", "/signals", $count, $size, "line", $pace]' "$b/config.json" >"$b/new"
    mv "$b/new" "$b/config.json"
    i=0
    while [ "$i" -lt "$containers" ]; do
        [ $((i % 4)) -lt 2 ] || mkfifo "$work/logs/$i.fifo"
        i=$((i + 1))
    done
    # It has the gate and reads the fifos; what it says: `up`, `written`, `read`.
    mkfifo "$work/told"
    python3 "$here/../slow/relay_soak.py" gate "$b/rootfs/signals" "$work/logs" "$containers" "$seconds" \
        >"$work/said" 2>&1 <"$work/told" &
    gate=$!
    exec 4>"$work/told"
    wait_until 10 grep -q ready "$work/said" || fail "the gate did not open: $(cat "$work/said")"
    : >"$work/monitors"
    start_all || { kill "$gate"; wait "$gate"; exec 4>&-; return; }
    wait_until 60 grep -q up "$work/said" || fail "not all programs are up: $(cat "$work/said")"
    before=$(descriptors)
    echo "$containers containers, $count lines each over $seconds s, $before descriptors in their monitors"
    echo go >&4
    wait_until $((seconds * 2 + 60)) grep -q written "$work/said" || fail "not everything was written: $(cat "$work/said")"
    # A sink that still catches up holds the file that it spilled into.
    wait_until 60 descriptors_are_back || fail "descriptors grew from $before to $(descriptors)"
    echo end >&4
    wait_until 60 monitors_are_gone || fail "monitors are left"
    wait_until 60 grep -q read "$work/said" || fail "the fifos did not end: $(cat "$work/said")"
    wait "$gate"
    check "the readers' status: $(cat "$work/said")" [ $? = 0 ]
    exec 4>&-
    i=0
    while [ "$i" -lt "$containers" ]; do
        "$urc" --root "$root" delete "$tag-$i" 2>>"$work/err" || fail "delete of container $i"
        i=$((i + 1))
    done
    check "every line in every sink" python3 "$here/../slow/relay_soak.py" check "$work/logs" "$containers" "$count" "$size"
    nothing_left
}

main
