#!/usr/bin/env bash
# The contract (tests/contract) with the release build, and with runc and crun beside it:
#   1. no check can be held by doing nothing
#   2. every check of every command and field holds for urc, and core/PARITY.md says what is seen
#   3. every option and every key of the parser has a row in that table
#   4. urc differs from runc and crun only where tests/contract/differences.txt gives the reason
# `tests/slow/contract.sh --write` writes the table anew, with runc's and crun's columns.
set -u
cd "$(dirname "$0")/../.." || exit 1
. cli/setup.sh
need $packages_run runc crun
build release urc || exit
urc=build/release/urc runc=$(command -v runc) crun=$(command -v crun)
if [ "${1:-}" = --write ]; then
    exec python3 tests/contract/contract.py --v1 --table core/PARITY.md "$urc" "$runc" "$crun"
fi
failures=0
check() {
    say "$1"
    shift
    "$@" || failures=$((failures + 1))
}
check "no check holds for a program that does nothing" python3 tests/contract/contract.py --self-test
check "every check, as the host is" python3 tests/contract/contract.py --compare core/PARITY.md "$urc"
check "every option and key has a row" python3 tests/contract/contract.py --uncovered . "$urc"
check "beside runc and crun" python3 tests/contract/differential.py --v1 "$urc" "$runc" "$crun"
say "$failures of 4 parts failed"
((failures == 0))
