#!/bin/sh
# Measures what carrying output into a log and sd_notify datagrams costs: urc beside conmon, and beside nothing.
# Writes perf/DATE-relay.md and .json. See perf/method.md.
#   RUNS=5        rounds of each table but the one with many containers, which has one
#   MANY=1000     containers of that one
#   URC=PATH      another urc than the release build; URC= leaves it out       OUT=DIR  where the result goes (perf)
# On a quiet machine: two busy cores move every row.
set -eu
cd "$(dirname "$0")/.."
. cli/setup.sh
runs=${RUNS:-5} many=${MANY:-1000} date=$(date -u +%F) build=build/release out=${OUT:-perf}
urc=${URC-$build/urc}
need $packages_build conmon crun jq
build release urc urc-bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set -- --conmon "$(command -v conmon)" --runtime "crun=$(command -v crun)"
[ -z "$urc" ] || set -- "$@" --urc "$urc"
failed=0

{
    echo "# Relaying output and datagrams, $date"
    echo
    echo "How it was measured: method.md. Commit $(git rev-parse --short HEAD)."
} >"$work/all.md"

# v1: crun needs no library preloaded there, which would be in conmon's memory as well.
measure() { # NAME TITLE SUBCOMMAND ARGUMENT...
    name=$1 title=$2 subcommand=$3
    shift 3
    say "$title"
    "$build/bench/urc-bench" "$subcommand" --view v1 "$@" --json "$work/$name.json" --table "$work/$name.md" >/dev/null ||
        failed=1
    [ -s "$work/$name.json" ] || die "$title: no result"
    printf '\n## %s\n\n' "$title" >>"$work/all.md"
    cat "$work/$name.md" >>"$work/all.md"
}

measure 1-lines80 "80-byte lines, as fast as they come" relay "$@" --bare -n "$runs" --lines 6000000 --size 80
measure 2-lines1000 "1000-byte lines" relay "$@" --bare -n "$runs" --lines 600000 --size 1000
measure 3-long "Lines of 40,000 bytes, cut into partial records" relay "$@" --bare -n "$runs" --lines 15000 --size 40000
measure 4-writes "100-byte lines, one a write" relay "$@" --bare -n "$runs" --line --lines 1000000 --size 100
measure 5-terminal "80-byte lines through a terminal" relay "$@" -n "$runs" --terminal --lines 1000000 --size 80
measure 6-hundred "100 containers, 100-byte lines, one a write, as fast as they come" relay "$@" -n "$runs" \
    --containers 100 --line --lines 20000 --size 100
measure 7-many "$many containers, 100-byte lines, one a write, 10 a second each" relay "$@" -n 1 --warm-up 0 \
    --containers "$many" --line --pace 10 --lines 100 --size 100 --timeout 600000
measure 8-many-fast "$many containers, 100-byte lines, one a write, as fast as they come" relay "$@" -n 1 --warm-up 0 \
    --containers "$many" --line --lines 2000 --size 100 --timeout 600000
# A burst makes conmon stop for good (method.md), so it has only its latency here.
measure 9-notify "sd_notify, urc" notify ${urc:+--urc "$urc"} -n "$runs"
measure 9-notify-latency "sd_notify, one datagram at a time, beside conmon" notify "$@" -n "$runs" --burst 1

cp "$work/all.md" "$out/$date-relay.md"
# Each table under its name.
for file in "$work"/*.json; do jq --arg name "$(basename "$file" .json)" '{($name): .}' "$file"; done |
    jq -cs add >"$out/$date-relay.json"
say "wrote $out/$date-relay.md and $out/$date-relay.json"
[ $failed = 0 ] || say "some rounds failed: see the tables"
exit $failed
