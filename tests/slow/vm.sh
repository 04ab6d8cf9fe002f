#!/usr/bin/env bash
# urc under systemd, podman, docker and containerd: two machines of tests/vm side by side, one with Debian's kernel 6.1,
# one with 6.12. Every script runs on one of them, what depends on the kernel itself on both. Uses the release build.
# Where there can be no machine it is skipped (77) and says why. About ten minutes on two cores without KVM, two of them
# for the disks, which are made once.
#   tests/slow/vm.sh [URC]
set -u
cd "$(dirname "$0")/../.." || exit 1
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
# What speaks to systemd from inside a container; the project is /urc in the machine.
mkdir -p build
${CC:-cc} -static -O2 -D_GNU_SOURCE -o build/say tests/blackbox/say.c || exit 1

# About as long on one as on the other; a script that is not named here runs on the first.
both=(cgroup2 apparmor unit)
newer=(containerd podman_pod podman_user systemd_cgroup checkpoint logs)
older=()
for script in tests/vm/*.sh; do
    name=$(basename "$script" .sh)
    [[ " ${both[*]} ${newer[*]} " == *" $name "* ]] || older+=("$name")
done

machine() { # KERNEL SCRIPT...
    local names=("${@:2}")
    tests/vm/run-in-vm --kernel "$1" --cpus 1 --urc "$URC" --timeout 1600 tests/vm/machine/run-scripts \
        "${names[@]/#/tests/vm/}" 2>&1
}
# A line for the summary of .ci/run.
note() {
    say "$*"
    printf '%s\n' "$*" >>"${URC_CI_NOTES:-/dev/null}"
}
failed=0 skipped=0
# 125: no machine here, and a line in its log says why.
report() { # KERNEL STATUS LOG
    local line
    while read -r line; do note "kernel $1: $line"; done < <(grep -aE '^SKIP |^[a-z0-9_]+ +[0-9]+ s  skipped: ' "$3")
    case $2 in
        0) say "kernel $1: passed" ;;
        125) note "kernel $1: SKIPPED: $(grep -a '^run-in-vm: ' "$3" | tail -n 1)" && skipped=$((skipped + 1)) ;;
        *) say "kernel $1: FAILED (status $2)" && failed=$((failed + 1)) ;;
    esac
}

machine 6.12 "${both[@]}" "${newer[@]}" >build/vm-6.12.log &
beside=$!
status=0
say "kernel 6.1: ${both[*]} ${older[*]}; beside it 6.12: ${both[*]} ${newer[*]}"
machine 6.1 "${both[@]}" "${older[@]}" | tee build/vm-6.1.log
report 6.1 "${PIPESTATUS[0]}" build/vm-6.1.log
wait $beside || status=$?
say "kernel 6.12"
cat build/vm-6.12.log
report 6.12 $status build/vm-6.12.log
((failed == 0)) || exit 1
((skipped < 2)) || exit 77
