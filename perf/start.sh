#!/bin/sh
# Measures how long containers take to start: urc, runc, crun and the floor, both configurations, both cgroup views,
# one at a time and 1, 2, 8 in flight. Writes perf/DATE-start.json and perf/DATE-start.md. See perf/method.md.
#
#   sh perf/start.sh                       build the release preset and measure
#   BUILD=DIR RUNS=300 OUT=DIR sh perf/start.sh
#
# BUILD   build directory (default build/release)     RUNS  containers a row in the latency tables (default 300)
# OUT     where the result goes (default perf)        RATE  containers a row and concurrency (default 160)
# URC     the urc to measure (default BUILD/urc; left out when it is not there)
# PREFIX  put before urc-bench in the latency tables of v2; "chrt -f 50" keeps other work on the machine out of them:
#         all rows run at that priority, only the kernel's own workers do not. A v1 cpu cgroup takes no such process.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
out=${OUT:-perf}
runs=${RUNS:-300}
rate=${RATE:-160}
date=$(date -u +%Y-%m-%d)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "perf/start.sh: $*" >&2; }
[ "$(id -u)" = 0 ] || { say "needs root"; exit 1; }

say "building into $build"
[ -f "$build/build.ninja" ] || cmake --preset release -B "$build" >&2
cmake --build "$build" --target urc-bench floor stamp memlock >&2
if [ -z "${URC:-}" ] && [ -f cli/main.cpp ]; then
    cmake --build "$build" --target urc >&2
fi
urc=${URC:-$build/urc}

set -- --floor "$build/bench/floor"
if [ -x "$urc" ]; then set -- "$@" --runtime "urc=$urc"; else say "no urc, measuring the others"; fi
for name in runc crun; do
    path=$(command -v $name) || { say "$name is not installed, left out"; continue; }
    set -- "$@" --runtime "$name=$path"
done

# Without CAP_SYS_RESOURCE crun cannot raise the limit that it wants on v2.
preload=
if command -v crun >/dev/null && ! (ulimit -l unlimited) 2>/dev/null; then
    preload="--preload crun=$build/bench/memlock.so"
fi

failed=0
measure() { # NAME VIEW ARGUMENT...
    name=$1 view=$2
    shift 2
    say "$name"
    extra=
    [ "$view" = v2 ] && extra=$preload
    # shellcheck disable=SC2086  # $extra is none or two words
    prefix=
    case $name in v2-*-latency) prefix=${PREFIX:-} ;; esac
    # shellcheck disable=SC2086  # PREFIX is a command with its options
    $prefix "$build/bench/urc-bench" start --view "$view" $extra "$@" \
        --json "$work/$name.json" --table "$work/$name.md" >/dev/null || failed=1
    [ -s "$work/$name.json" ] || { say "$name: no result"; exit 1; }
}

for view in v2 v1; do
    for config in docker default; do
        measure "$view-$config-latency" $view "$@" --config $config -n "$runs"
        measure "$view-$config-rate" $view "$@" --config $config -n "$rate" --concurrency 1,2,8
    done
done

{
    echo "# Container start, $date"
    echo
    echo "How it was measured: method.md. $runs containers a row one at a time, $rate a row and concurrency in flight."
    [ -z "${PREFIX:-}" ] || echo "The latency tables of v2 were measured under \`$PREFIX\`, because other work was going on."
    echo "Commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)."
    for view in v2 v1; do
        for config in docker default; do
            printf '\n## %s, cgroup %s\n\n' "$config" "$view"
            cat "$work/$view-$config-latency.md"
            echo
            cat "$work/$view-$config-rate.md"
        done
    done
} >"$out/$date-start.md"
{
    separator='['
    for file in "$work"/*.json; do
        echo "$separator"
        cat "$file"
        separator=,
    done
    echo ']'
} >"$out/$date-start.json"
say "wrote $out/$date-start.md and $out/$date-start.json"
[ $failed = 0 ] || say "some containers failed: see the tables"
exit $failed
