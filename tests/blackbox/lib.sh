# shellcheck shell=sh
# What the black-box tests share. Sourced with the urc to test as first argument of the script, or $URC. POSIX sh.
# A test is a function `test_...`; main runs them all in a directory of their own and looks for leftovers after each.
# 77 is ctest's "skipped" here.

urc=${1:-${URC:-}}
[ -x "$urc" ] || { echo "usage: $0 PATH-TO-URC" >&2; exit 2; }
urc=$(readlink -f "$urc")
here=$(cd "$(dirname "$0")" && pwd)

skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "starting containers with these configurations needs root"
[ -x /bin/busybox ] || skip "busybox-static is not installed"
command -v jq >/dev/null || skip "jq is not installed"

# What the caller of the tests leaves open (ctest does) must not be mistaken for what a test passes on.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-

work=$(mktemp -d /tmp/urc-blackbox-XXXXXX)
root=$work/root
tag=$(basename "$work")
checks=0
failures=0
trap 'cleanup' EXIT
cleanup() {
    for dir in "$root"/*/; do [ -d "$dir" ] && "$urc" --root "$root" delete --force "$(basename "$dir")"; done 2>/dev/null
    rm -rf "$work"
}

# bundle NAME [JQ-PROGRAM]: a bundle with busybox that runs /bin/true, changed by the program; prints its directory.
bundle() {
    dir=$work/$1
    mkdir -p "$dir/rootfs/bin" "$dir/rootfs/etc" "$dir/rootfs/proc" "$dir/rootfs/dev" "$dir/rootfs/sys" "$dir/rootfs/tmp"
    cp /bin/busybox "$dir/rootfs/bin/busybox"
    for applet in sh true false cat sleep id mount ls stat echo; do ln -sf busybox "$dir/rootfs/bin/$applet"; done
    rm -f "$dir/config.json"
    "$urc" spec --bundle "$dir"
    jq '.process.terminal = false | .process.args = ["/bin/true"] | '"${2:-.}" "$dir/config.json" >"$dir/config.new"
    mv "$dir/config.new" "$dir/config.json"
    printf '%s\n' "$dir"
}

# call ARGUMENT...: urc with our root; status in $status, its streams in $work/out and $work/err.
call() {
    status=0
    "$urc" --root "$root" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" != 0 ] || case $1 in create | start | run) for id_of_call do :; done; holds_nothing "$id_of_call" ;; esac
}

# holds_nothing ID: the container's init has no descriptor of urc's or of the host (CVE-2024-21626). One that waits for
# its start has its sockets and the empty program that it will leave by; then there is nothing but stdio and what the
# program opens itself, which is never a directory or an anonymous thing of urc's.
holds_nothing() {
    checks=$((checks + 1))
    init=$("$urc" --root "$root" state "$1" 2>/dev/null | jq -r '.pid // 0')
    [ "${init:-0}" != 0 ] || return 0
    state_of_init=$("$urc" --root "$root" state "$1" 2>/dev/null | jq -r .status)
    for fd in /proc/"$init"/fd/*; do
        number=${fd##*/}
        target=$(readlink "$fd") || continue
        [ "$number" -gt 2 ] || continue
        case $state_of_init:$target in
            created:socket:* | created:/memfd:urc*) ;;
            running:/bin/* | running:pipe:*) ;;
            *) fail "descriptor $number of the $state_of_init init is $target" ;;
        esac
    done
}

fail() {
    failures=$((failures + 1))
    printf 'FAILED %s: %s\n' "$current" "$*"
    sed 's/^/    stderr: /' "$work/err" 2>/dev/null
}

check() { # check DESCRIPTION COMMAND...
    checks=$((checks + 1))
    description=$1
    shift
    "$@" || fail "$description"
}

# refused STATUS PATTERN: the last call failed with this status and one line on stderr that matches, and left nothing.
refused() {
    checks=$((checks + 1))
    [ "$status" = "$1" ] || fail "status $status, expected $1"
    [ "$(wc -l <"$work/err")" = 1 ] || fail "not exactly one line on stderr"
    grep -Eq -e "$2" "$work/err" || fail "stderr does not match: $2"
    [ ! -s "$work/out" ] || fail "something on stdout: $(head -c 200 "$work/out")"
    nothing_left
}

# No state, cgroup, mount or process of ours. `ignored` names what a test put into the root itself.
nothing_left() {
    checks=$((checks + 1))
    left=$(ls -A "$root" 2>/dev/null | grep -vx '\.cache' | grep -vx "${ignored:-none}")
    [ -z "$left" ] || fail "left in the root: $left"
    left=$(find /sys/fs/cgroup -type d -name "$tag*" 2>/dev/null | head -n 3)
    [ -z "$left" ] || fail "left cgroups: $left"
    left=$(grep -F "$work" /proc/self/mountinfo | grep -vF "${ignored_mount:-nothing}")
    [ -z "$left" ] || fail "left mounts: $left"
    left=$(pgrep -f "^$urc --root $root" | head -n 3)
    [ -z "$left" ] || fail "left processes: $left"
}

main() {
    for current in $(sed -n 's/^\(test_[a-z0-9_]*\)().*/\1/p' "$0"); do
        : >"$work/err"
        "$current"
        echo "ran $current"
    done
    printf '%d checks, %d failed\n' "$checks" "$failures"
    [ "$checks" -gt 0 ] && [ "$failures" -eq 0 ]
}
