#!/usr/bin/env bash
# urc under systemd, podman, docker and containerd: the machine of tests/vm with Debian's kernel 6.1 for all of its
# scripts, and beside it one with 6.12 for some. Uses the release build. Where there can be no machine it skips and says
# why. About ten minutes on two cores without KVM.
#   tests/slow/vm.sh [URC]
set -u
cd "$(dirname "$0")/../.." || exit 1
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi

# What depends on the kernel more than on the engine.
some=()
for name in containerd podman_pod systemd_cgroup checkpoint unit; do
    [ ! -f "tests/vm/$name.sh" ] || some+=("tests/vm/$name.sh")
done
machine() { # KERNEL SCRIPT...
    tests/vm/run-in-vm --kernel "$1" --urc "$URC" --timeout 1000 tests/vm/machine/run-scripts "${@:2}" 2>&1
}
# 125: no machine here, and the line above says why.
report() { # KERNEL STATUS
    case $2 in
        0) say "kernel $1: passed" ;;
        125) say "kernel $1: SKIPPED, see above" ;;
        *) say "kernel $1: FAILED (status $2)" && return 1 ;;
    esac
}

failed=0 status=0
machine 6.12 "${some[@]}" >build/vm-6.12.log &
beside=$!
say "kernel 6.1"
machine 6.1 tests/vm/*.sh || status=$?
report 6.1 $status || failed=1
status=0
wait $beside || status=$?
say "kernel 6.12"
cat build/vm-6.12.log
report 6.12 $status || failed=1
exit $failed
