# shellcheck shell=bash
# What the scripts in tests/vm share: sourced in the machine, by them and by run-scripts. Bash.
# The first thing that is wrong ends a script.

URC=${URC:-/usr/local/bin/urc}
runtime=$(basename "$URC")

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}
skip() {
    printf '%s\n' "$*"
    exit 77
}

# A part of a script that cannot be done here; the rest goes on.
left_out() { printf 'SKIP %s\n' "$*"; }

# A heading in the output: what is checked next, and when.
checking() { printf '%5d s  %s\n' $SECONDS "$*"; }

# expect STATUS[,STATUS] COMMAND...: runs it with its output in $out and its errors in $err; any other status is wrong.
errors=$(mktemp)
expect() {
    local wanted=$1 status=0
    shift
    out=$("$@" 2>"$errors" </dev/null) || status=$?
    err=$(cat "$errors")
    [[ ,$wanted, == *,$status,* ]] || fail "status $status, not $wanted: $* -- ${out:+stdout: ${out:0:500} }${err:+stderr: ${err:0:500}}"
}

# is WHAT VALUE WANTED, has WHAT VALUE PATTERN (extended regular expression, of any line).
is() { [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"; }
has() { grep -Eq -e "$3" <<<"$2" || fail "$1 has no '$3': $2"; }
has_not() { ! grep -Eq -e "$3" <<<"$2" || fail "$1 has '$3': $2"; }

# eventually WHAT COMMAND...: it comes true within 30 s.
eventually() {
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "$what: not within 30 s"
        sleep 0.1
    done
}

# The cgroup of a process on the unified hierarchy, as a directory.
cgroup_of() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }

# ---- what a script leaves ------------------------------------------------------------------------------------------
# Everything of which there may not be more afterwards, a line each, in words that do not change from run to run.
inventory() {
    local dir
    for dir in /run/urc /run/user/1000/urc /run/runc /run/crun /run/user/1000/crun; do
        find "$dir" -mindepth 1 -maxdepth 1 ! -name '.*' -printf 'state %p\n' 2>/dev/null
    done
    # What an engine or a session mounts once stays.
    awk '$5 !~ "^(/var/lib/containers/storage/overlay|/run/user/1000|/run/netns)$" { print "mount " $5 }' /proc/self/mountinfo
    find /sys/fs/cgroup -type d -regextype posix-extended \
        -regex '.*(libpod|docker|crio|urc-test|/system\.slice/[^/]*\.scope|containerd|/default/).*' ! -name libpod_parent -printf 'cgroup %p\n'
    ps -eo comm=,args= | awk '$1 ~ /^(urc|runc|crun|conmon|containerd|dockerd|podman|sleep)/ { print "process " $0 }'
}
before_script() { inventory | sort >/run/inventory; }
# Prints what is there now and was not before. Engines take a moment to clean up behind a container.
left_over() {
    local left tries
    for ((tries = 0; tries < 20; tries++)); do
        left=$(inventory | sort | comm -13 /run/inventory -)
        [ -n "$left" ] || return 0
        sleep 0.2
    done
    printf '%s\n' "$left"
}

# ---- podman --------------------------------------------------------------------------------------------------------
# By its name: what cli/engines/podman.conf says of a runtime counts for the name alone.
p() { podman --runtime "$runtime" "$@"; }
podman_setup() {
    if [ "$(id -u)" = 0 ]; then install -D -m 644 cli/engines/podman.conf /etc/containers/containers.conf.d/urc.conf; fi
    p image exists busybox || p load --quiet --input /opt/busybox.tar >/dev/null || fail "podman load"
}
supports_nocgroups() { [ "$runtime" != runc ]; }
supports_checkpoint() {
    "$URC" features 2>/dev/null | jq -e '.annotations["org.opencontainers.runc.checkpoint.enabled"] == "true"' >/dev/null ||
        [ "$runtime" != urc ]
}

# terminal COMMAND...: on a pseudo-terminal of 40 lines and 120 columns; its output without carriage returns.
terminal() {
    python3 "$(dirname "${BASH_SOURCE[0]}")/terminal.py" bash -c "$(declare -f p run 2>/dev/null); runtime=$runtime URC=$URC; $(printf '%q ' "$@")" |
        tr -d '\r'
    return "${PIPESTATUS[0]}"
}
