#!/bin/sh
# Checks the source against tests/tidy/rules.txt (what a rule is stands there). With --self-test it checks the rules:
# every snippet that is said to be bad must be caught by its own rule, every good one must pass it.
# Files past 500 lines are listed, without failing: look for a second idea in each.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

mode=source
[ "${1:-}" = --self-test ] && mode=self-test

if [ $mode = source ]; then
    find uring core cli bench tests -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.c' \) -print | LC_ALL=C sort
fi | LC_ALL=C awk -v mode=$mode -v table="$here/rules.txt" -f "$here/rules.awk"
