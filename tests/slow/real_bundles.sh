#!/bin/sh
# Bundles that were not made for us: a Debian root file system by mmdebstrap, and one that podman wrote, with its own
# seccomp profile. Uses the release build.
#   tests/slow/real_bundles.sh [URC]
set -u
cd "$(dirname "$0")/../.."
. cli/setup.sh
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
export URC
need jq busybox-static mmdebstrap podman crun
set -- "$URC"
. tests/blackbox/lib.sh

test_debian() {
    b=$(bundle debian '.process.args = ["bash", "-c", "apt-get --version; id; mount; cat /proc/self/status"] | .root.readonly = false')
    rm -rf "$b/rootfs"
    echo "  making a Debian root file system with mmdebstrap"
    mmdebstrap --quiet --variant=apt --include=mount bookworm "$b/rootfs" >"$work/mmdebstrap.log" 2>&1 || {
        cat "$work/mmdebstrap.log"
        check "mmdebstrap works" false
        return
    }
    call run --bundle "$b" "$tag-debian"
    check "status 0" [ "$status" = 0 ]
    check "apt-get answers" grep -q '^apt 2\.' "$work/out"
    check "id answers" grep -q '^uid=0(root) gid=0(root)' "$work/out"
    check "proc is mounted" grep -q '^proc on /proc type proc' "$work/out"
    check "no_new_privs" grep -q '^NoNewPrivs:.1' "$work/out"
    check "pid 1 was bash, which executed cat" grep -q '^NSpid:.[0-9]*$' "$work/out"
    nothing_left
}

# podman writes config.json for the OCI runtime that it is told to use: a script that keeps a copy and refuses.
test_podman_bundle() {
    b=$(bundle podman)
    cat >"$work/keep" <<KEEP
#!/bin/sh
while [ \$# -gt 0 ]; do
    [ "\$1" = --bundle ] && cp "\$2/config.json" "$work/podman.json"
    shift
done
exit 1
KEEP
    chmod 755 "$work/keep"
    podman --root "$work/storage" --runroot "$work/runroot" --runtime "$work/keep" --cgroup-manager cgroupfs \
        --storage-driver vfs run --rm --network none --rootfs "$b/rootfs" \
        sh -c 'id; cat /proc/self/status' >"$work/podman.log" 2>&1
    check "podman wrote a configuration: $(tail -n 1 "$work/podman.log")" [ -s "$work/podman.json" ]
    [ -s "$work/podman.json" ] || return
    # What podman had mounted for this container is gone again; its files are replaced by ones of ours.
    echo podman >"$work/file"
    jq --arg rootfs "$b/rootfs" --arg file "$work/file" --argjson files "$(ulimit -Hn)" '
        .root.path = $rootfs | .linux.cgroupsPath = "'"$tag"'-podman" |
        del(.hooks) |
        # podman asks for more than a root without CAP_SYS_RESOURCE may have.
        .process.rlimits |= map(select(.hard <= $files)) |
        .mounts |= map(if .type == "bind" and (.source | startswith("/sys") | not) then .source = $file else . end)
        ' "$work/podman.json" >"$b/config.json"
    check "it has a seccomp profile" jq -e '.linux.seccomp.syscalls | length > 0' "$b/config.json" >/dev/null
    call run --bundle "$b" "$tag-podman"
    check "status 0" [ "$status" = 0 ]
    check "id answers" grep -q '^uid=0' "$work/out"
    check "its filter is loaded" grep -q '^Seccomp:.2' "$work/out"
    nothing_left
    podman --root "$work/storage" --runroot "$work/runroot" --storage-driver vfs rm --all --force >/dev/null 2>&1
}

main
