# shellcheck shell=bash
# The root file system for run-in-vm: Debian 12 by mmdebstrap from machine/packages, with machine/root laid over it,
# an unprivileged user, and an image of busybox for the engines. Sourced by run-in-vm.

# Nothing there waits for a network, polls, or works by the clock. The engines run when a script starts them.
masked_units="getty@tty1.service serial-getty@ttyS0.service systemd-networkd-wait-online.service
    systemd-hwdb-update.service systemd-update-done.service systemd-timesyncd.service ldconfig.service
    systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-firstboot.service modprobe@efi_pstore.service
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    docker.service docker.socket containerd.service podman.service podman.socket podman-auto-update.timer
    podman-restart.service netavark-dhcp-proxy.socket"

lay_over() { # ROOT
    local unit
    cp -r --no-preserve=ownership "$here/machine/root/." "$1/"
    for unit in $masked_units; do
        case $unit in
            docker* | containerd* | podman* | netavark*) rm -f "$1"/etc/systemd/{system,user}/*.wants/"$unit" ;;
            *) ln -sf /dev/null "$1/etc/systemd/system/$unit" ;;
        esac
    done
    : >"$1/etc/fstab"
    rm -f "$1"/etc/cni/net.d/* # its plugins are not installed: podman has netavark
    rm -f "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id
    sha256sum <"$1/etc/hostname" | cut -c 1-32 >"$1/etc/machine-id"
    mkdir -p "$1/vm" "$1/urc"
    chroot "$1" useradd -m -u 1000 -s /bin/bash user
    grep -q '^user:' "$1/etc/subuid" || echo user:100000:65536 | tee -a "$1/etc/subuid" >>"$1/etc/subgid"
    python3 "$here/machine/image.py" "$1/opt/busybox.tar"
}

# Sets root_image.
make_root() { # PACKAGES
    local all recipe
    all=$(sed 's/#.*//' "$here/machine/packages" | cat - <(echo "$1") | tr -s ' \n' '\n\n' | LC_ALL=C sort -u | xargs)
    [[ $all =~ ^[a-z0-9.+\ -]*$ ]] || die "--packages takes package names, not $1"
    recipe=$({ echo "$all"; cat "$here"/machine/{root.sh,image.py}; cd "$here/machine/root" &&
        find . -type f -print -exec cat {} +; } | sha256sum | cut -c 1-12)
    root_image=$cache/root-$recipe.img
    [ ! -f "$root_image" ] || return 0
    [ "$(id -u)" = 0 ] || die "making the disks takes root"
    (need python3) >&2
    say "making the root disk (about two minutes)"
    work=$cache/making.root
    mkdir -p "$work"
    sources_of bookworm >"$work/sources.list"
    # In a mount namespace of its own, so that what it mounts is not seen outside.
    unshare --mount --propagation private mmdebstrap --quiet --mode=root --variant=minbase \
        --include="$(tr ' ' , <<<"$all")" --aptopt='APT::Install-Recommends "false"' \
        --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        bookworm "$work/root" "$work/sources.list" >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log" >&2; die "mmdebstrap failed"; }
    lay_over "$work/root"
    mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=0:0,lazy_itable_init=1 -d "$work/root" "$work/root.img" 8G >/dev/null
    # The two latest of the others are kept, for those who change the packages to and fro.
    find "$cache" -name 'root-*.img' -printf '%T@ %p\n' | sort -rn | tail -n +3 | cut -d ' ' -f 2 | xargs -r rm -f
    mv "$work/root.img" "$root_image"
    rm -rf "$work"
}
