#!/bin/sh
# From a fresh clone to a running container: installs what is missing, builds urc, makes a bundle from busybox-static
# under build/, runs a container from it and shows its output, exit status and how long a start takes. Run it again:
# nothing is installed or built twice. As root, or as a user where the host allows user namespaces.
#   URC=PATH   takes this runtime instead of building one
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)
. cli/setup.sh

# ---- urc ------------------------------------------------------------------------------------------------------
if [ -n "${URC:-}" ]; then
    urc=$(command -v "$URC") || die "URC=$URC: no such program"
    need $packages_run
else
    need $packages_build $packages_run
    if [ -x build/release/urc ] && [ ! -w build/release ]; then
        say "build/release belongs to somebody else: taking the urc that is there"
    elif ! build release urc; then
        [ ! -f build/release/build.ninja ] || die "the build failed"
        say "no static build (see above): linking the shared libraries instead, starts take about 1 ms longer"
        quietly build/configure-release.log cmake --preset release -DURC_STATIC=OFF || die "cmake failed"
        build release urc || die "the build failed"
    fi
    urc=$top/build/release/urc
fi

# ---- a bundle: a root file system of busybox and a config.json -------------------------------------------------
user=$(id -u)
place=$top/build/quickstart/$user
rootless=
[ "$user" = 0 ] || rootless=--rootless

make_rootfs() {
    say "making a root file system from busybox-static in build/quickstart/$user/rootfs"
    busybox=$(command -v busybox) || die "busybox is not installed"
    rm -rf "$place"
    mkdir -p "$place/new"
    (cd "$place/new" && mkdir bin dev etc home proc root sys tmp && cp "$busybox" bin/busybox)
    "$busybox" --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$place/new/bin/$applet"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$place/new/etc/passwd"
    echo 'root:x:0:' >"$place/new/etc/group"
    cat >"$place/new/hello" <<'END'
echo "hello from $(hostname), process $$ of $(ls -d /proc/[0-9]* | wc -l)"
echo "user      $(id)"
echo "kernel    $(uname -sr)"
echo "root      $(ls / | tr '\n' ' ')"
echo "network   $(ls /sys/class/net 2>/dev/null | tr '\n' ' ')"
echo "writable  $(touch /x 2>/dev/null && echo yes || echo 'no, / is read-only')"
END
    mv "$place/new" "$place/rootfs"
}

# make_bundle NAME ARGS: ARGS is what stands between the brackets of process.args.
make_bundle() {
    [ ! -f "$place/$1/config.json" ] || return 0
    mkdir -p "$place/$1.new"
    # shellcheck disable=SC2086
    (cd "$place/$1.new" && rm -f config.json && "$urc" spec $rootless) || die "urc spec failed"
    sed -i "s|\"terminal\": true|\"terminal\": false|; s|\"path\": \"rootfs\"|\"path\": \"$place/rootfs\"|
            s|^\([[:space:]]*\)\"sh\"\$|\1$2|" "$place/$1.new/config.json"
    for wanted in '"terminal": false' "\"path\": \"$place/rootfs\"" "$2"; do
        grep -qF "$wanted" "$place/$1.new/config.json" || die "urc spec wrote a config.json that is not understood here"
    done
    mv "$place/$1.new" "$place/$1"
}

[ -f "$place/rootfs/hello" ] || make_rootfs
make_bundle hello '"sh", "/hello"'
make_bundle true '"/bin/true"'
mkdir -p "$place/state"

# ---- run it -----------------------------------------------------------------------------------------------------
# Says why a container cannot start here, as far as the host tells.
explain() {
    say "The container did not start. What this host says:"
    if [ "$user" != 0 ]; then
        unshare --user --map-root-user true 2>/dev/null || {
            echo "  - users may not make user namespaces here, so only root can run containers:"
            grep -s . /proc/sys/kernel/unprivileged_userns_clone /proc/sys/user/max_user_namespaces \
                /proc/sys/kernel/apparmor_restrict_unprivileged_userns | sed 's/^/      /'
            echo "    run it as root: sudo sh cli/quickstart.sh"
        }
    elif ! awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo; then
        echo "  - / is no mount point (a chroot?): its mounts cannot be kept apart; mount --bind it onto itself first"
    else
        unshare --mount true 2>/dev/null ||
            echo "  - root may not make namespaces here (a container without CAP_SYS_ADMIN?): use a machine or --privileged"
    fi
    ! grep -q ' /proc/[^ ]* ' /proc/self/mountinfo ||
        echo "  - parts of /proc are covered by mounts here; the kernel then refuses a new /proc in a user namespace"
    echo "  - the error line of urc above names the step"
}

id=quickstart-$$
say "urc run --bundle build/quickstart/$user/hello $id"
status=0
output=$("$urc" --root "$place/state" run --bundle "$place/hello" "$id" 2>&1 </dev/null) || status=$?
printf '%s\n' "$output" | sed 's/^/    /'
say "exit status $status"
case $status:$output in
    0:*"hello from "*) ;;
    *) explain; exit 1 ;;
esac

# Start to end, so that no clock inside the container is needed: clone, namespaces, mounts, exec, exit, removal.
runs=20
begin=$(date +%s%N)
for i in $(seq $runs); do
    "$urc" --root "$place/state" run --bundle "$place/true" "$id-$i" </dev/null || die "run $i of /bin/true failed"
done
end=$(date +%s%N)
for i in $(seq $runs); do "$place/rootfs/bin/true"; done
bare=$(date +%s%N)
awk -v r=$runs -v a="$begin" -v b="$end" -v c="$bare" 'BEGIN {
    printf "==> start time: %.2f ms from start to end of a container that runs /bin/true (mean of %d in a row;\n", (b - a) / r / 1e6, r
    printf "    the same program without a container: %.2f ms)\n", (c - b) / r / 1e6 }'
say "urc is $urc; the bundle is build/quickstart/$user/hello"
