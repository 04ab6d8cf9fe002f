#!/bin/sh
# Measures each verb: urc, crun and runc, docker's configuration, both cgroup views. Writes perf/DATE-verbs.md and .json.
#   RUNS=100   containers a row        URC=PATH   another urc than the release build
# On a quiet machine: see method.md. PREFIX="chrt -f 50" for v2 when it is not.
set -eu
cd "$(dirname "$0")/.."
. cli/setup.sh
runs=${RUNS:-100} date=$(date -u +%F) build=build/release
urc=${URC:-$build/urc}
need $packages_build runc crun
build release urc urc-bench stamp memlock
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
preload=
(ulimit -l unlimited) 2>/dev/null || preload="--preload crun=$build/bench/memlock.so"
{
    echo "# create, start, delete and exec, $date"
    echo
    echo "How it was measured: method.md. $runs calls a row. Commit $(git rev-parse --short HEAD)."
    [ -z "${PREFIX:-}" ] || echo "v2 was measured under \`$PREFIX\`, because other work was going on."
} >"$work/all.md"
for view in v2 v1; do
    prefix= extra=
    [ $view = v2 ] && prefix=${PREFIX:-} extra=$preload
    say "cgroup $view"
    # shellcheck disable=SC2086
    $prefix "$build/bench/urc-bench" verbs --view $view $extra --config docker -n "$runs" --runtime urc="$urc" \
        --runtime crun="$(command -v crun)" --runtime runc="$(command -v runc)" \
        --json "$work/$view.json" --table "$work/$view.md" >/dev/null
    printf '\n# cgroup %s\n\n' $view >>"$work/all.md"
    sed 's/^\(create\|start\|delete\|exec\)\([^:]*\): /## \1\2\n\n/' "$work/$view.md" >>"$work/all.md"
done
cp "$work/all.md" "perf/$date-verbs.md"
{ printf '{"v2":'; cat "$work/v2.json"; printf ',"v1":'; cat "$work/v1.json"; printf '}\n'; } >"perf/$date-verbs.json"
say "wrote perf/$date-verbs.md and .json"
