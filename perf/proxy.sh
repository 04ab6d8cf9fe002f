#!/bin/sh
# Measures what bringing a port to a container costs: urc beside rootlesskit and others, and beside nothing.
# Writes perf/DATE-proxy.md and .json. See perf/method.md.
#   RUNS=5    rounds a row      TIME=1000   milliseconds of each load
#   URC=PATH  another urc than the release build      OUT=DIR  where the result goes (perf)
# On a quiet machine: two busy cores move every row.
set -eu
cd "$(dirname "$0")/.."
. cli/setup.sh
date=$(date -u +%F) build=build/release out=${OUT:-perf}
need $packages_build rootlesskit slirp4netns uidmap passt socat haproxy iproute2
build release urc urc-bench load answer
{
    echo "# Publishing ports, $date"
    echo
    echo "How it was measured: method.md. Commit $(git rev-parse --short HEAD)."
    echo
} >"$out/$date-proxy.md"
# A row that cannot carry UDP fails there, and the table says so; that is no failure of the run.
"$build/bench/urc-bench" proxy --urc "${URC:-$build/urc}" --row direct,urc,rootlesskit,slirp4netns,pasta,socat,haproxy \
    -n "${RUNS:-5}" --time "${TIME:-1000}" --json "$out/$date-proxy.json" --table "$out/$date-proxy.tables" >/dev/null || true
[ -s "$out/$date-proxy.json" ] || die "no result"
cat "$out/$date-proxy.tables" >>"$out/$date-proxy.md"
rm -f "$out/$date-proxy.tables"
say "wrote $out/$date-proxy.md and $out/$date-proxy.json"
