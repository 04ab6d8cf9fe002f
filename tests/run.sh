#!/bin/sh
# Installs what is missing, builds a preset (dev when none is named: dev, release, optimised, asan, clang-asan) and runs every
# test of it; skipped tests are listed with their reasons, and ctest's summary ends the output. As a normal user the
# tests that need root skip. Arguments after the preset go to ctest: sh tests/run.sh dev -R StateStore
set -eu
cd "$(dirname "$0")/.."
. cli/setup.sh

preset=${1:-dev}
[ $# -eq 0 ] || shift
need $packages_build $packages_run
case $preset in clang*) need $packages_ci ;; esac
build "$preset" || die "the build failed"

# Reads ctest's log and prints one line a skipped test: gtest writes "FILE:LINE: Skipped" and then the reason.
skips() {
    awk '/^[0-9]+\/[0-9]+ Test: / { test = $3; found = 0; next }
        found == 1 { reason = $0; sub(/^[ \t]+/, "", reason); found = 2
            printf "  %s: %s\n", test, reason == "" ? "no reason given" : reason; count++; next }
        /: Skipped$/ && found == 0 { found = 1 }
        END { if (count) printf "%d skipped.\n", count }' "$1"
}

say "testing build/$preset"
# Most of a test is waiting for what it started.
jobs=$(($(nproc) * 2))
log=build/ctest-$preset.log
status=0
# ctest's output is shown as it comes, but for its last part: the skips go before it.
rm -f "$log.status"
{ ctest --preset "$preset" -j "$jobs" "$@" 2>&1 || echo $? >"$log.status"; } | tee "$log" |
    awk '/^[0-9]+% tests passed/ { held = 1 } !held && !/^ *Start +[0-9]+:/ { print; fflush() }'
[ ! -f "$log.status" ] || status=$(cat "$log.status")

skipped=$(skips "build/$preset/Testing/Temporary/LastTest.log")
if [ -n "$skipped" ]; then
    say "skipped, and why:"
    printf '%s\n' "$skipped"
fi
awk '/^The following tests FAILED:/ { on = 1 } /^Errors while running/ { on = 0 } on' "$log"
awk '/^[0-9]+% tests passed/ { on = 1 } /^The following tests/ { on = 0 } on && NF' "$log"
exit "$status"
