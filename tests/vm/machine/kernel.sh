# shellcheck shell=bash
# A Debian kernel for run-in-vm: the image unpacked, an initramfs that mounts the disks, and the modules that a machine
# without hardware has a use for, as a disk of their own, so that every kernel goes with every root file system.
# Sourced by run-in-vm; say, die, $cache and $here are its.

# The sources.list of one suite: the mirrors that apt is set up with here, Debian's own before its first update.
sources_of() { # SUITE
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg known main security
    known=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null || true)
    main=$(awk '$1 == "Debian" { print $2; exit }' <<<"$known")
    security=$(awk '$1 == "Debian-Security" { print $2; exit }' <<<"$known")
    main=${main:-http://deb.debian.org/debian}
    echo "deb [signed-by=$keyring] $main $1 main"
    case $1 in
        sid | *-*) ;;
        *)
            echo "deb [signed-by=$keyring] $main $1-updates main"
            echo "deb [signed-by=$keyring] ${security:-http://deb.debian.org/debian-security} $1-security main"
            ;;
    esac
}

# apt with lists of its own below $work: /etc/apt is only read.
apt_apart() { # TOOL ARGUMENT...
    "$1" -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root \
        -o Acquire::Languages=none -o APT::Update::Post-Invoke-Success::=true "${@:2}"
}

dependencies() { # PACKAGE
    apt_apart apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | tr ',|' '\n\n' | awk '{ print $1 }'
}

# QEMU starts the unpacked image directly, which saves an emulated processor the unpacking: four seconds a boot.
unpack_image() { # VMLINUZ TO
    local magic tool at
    while read -r magic tool; do
        for at in $(LC_ALL=C grep -abo -m 64 -P "$magic" "$1" | cut -d: -f1); do
            tail -c +$((at + 1)) "$1" | $tool >"$2" 2>/dev/null || true
            [ "$(head -c 4 "$2" | tail -c 3)" != ELF ] || return 0
        done
    done <<'END'
\xfd7zXZ\x00 xz -dcq --single-stream
\x28\xb5\x2f\xfd zstd -dcq
\x1f\x8b\x08 gzip -dcq
END
    cp "$1" "$2"
}

pick_modules() { # FROM TO
    local d
    mkdir -p "$2/kernel/drivers/net"
    cp "$1"/modules.{order,builtin,builtin.modinfo} "$2"
    for d in arch block crypto fs lib mm net drivers/{block,md,virtio,char,net/ipvlan,net/netdevsim,net/vxlan,net/wireguard}; do
        [ ! -d "$1/kernel/$d" ] || cp -a "$1/kernel/$d" "$2/kernel/$(dirname "$d")/"
    done
    cp -a "$1"/kernel/drivers/net/*.ko* "$2/kernel/drivers/net/"
}

make_initramfs() { # MODULES-ROOT VERSION TO
    local dir=$work/initramfs module
    mkdir -p "$dir"/{bin,dev,proc,modules,root}
    cp /bin/busybox "$dir/bin/"
    install "$here/machine/init" "$dir/init"
    for module in virtio_pci virtio_blk ext4 crc32c_generic; do
        modprobe -d "$1" -S "$2" --show-depends $module 2>/dev/null || true # built in, perhaps
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/needed"
    while read -r module; do
        case $module in
            *.xz) xz -dc "$module" ;;
            *.zst) zstd -dcq "$module" ;;
            *) cat "$module" ;;
        esac >"$dir/modules/$(basename "${module%.[xz]*}")"
        basename "${module%.[xz]*}"
    done <"$work/needed" >"$dir/modules/order"
    (cd "$dir" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$3"
}

# Sets kernel_dir.
make_kernel() { # 6.1, 6.12 or a suite
    local suite=$1 recipe image version package
    case $1 in 6.1) suite=bookworm ;; 6.12) suite=bookworm-backports ;; esac
    [[ $suite =~ ^[a-z]+(-[a-z]+)*$ ]] || die "--kernel takes 6.1, 6.12 or the name of a Debian suite, not $1"
    recipe=$(cat "$here/machine/kernel.sh" "$here/machine/init" | sha256sum | cut -c 1-12)
    kernel_dir=$cache/kernel-$suite-$recipe
    [ ! -d "$kernel_dir" ] || return 0
    [ "$(id -u)" = 0 ] || die "making the disks takes root"
    say "making the disk of the kernel from $suite"
    work=$cache/making.kernel
    mkdir -p "$work"/{lists/partial,cache/archives/partial,tree,picked,out}
    sources_of "$suite" >"$work/sources.list"
    apt_apart apt-get update >&2 || die "the suite $suite is not served"
    package=$(dependencies linux-image-amd64 | grep -m 1 '^linux-image-[0-9]') || die "no kernel in $suite"
    # From trixie on the modules are packages of their own.
    (cd "$work" && apt_apart apt-get download "$package" \
        $(dependencies "$package" | grep -E '^linux-(binary|modules|base)-[0-9]')) >&2 || die "cannot fetch $package"
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
    image=$(find "$work/tree" -name 'vmlinuz*' -type f | head -n 1)
    unpack_image "$image" "$work/out/vmlinux"
    modules=$(dirname "$(find "$work/tree" -path '*/modules/*' -name kernel -type d | head -n 1)")
    version=$(basename "$modules")
    mkdir -p "$work/picked/lib/modules/$version"
    pick_modules "$modules" "$work/picked/lib/modules/$version"
    depmod -b "$work/picked" "$version"
    make_initramfs "$work/picked" "$version" "$work/out/initrd"
    mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 -d "$work/picked/lib/modules/$version" \
        "$work/out/modules.img" $(($(du -sm "$work/picked" | cut -f 1) * 5 / 4 + 16))M >/dev/null
    rm -rf "$cache/kernel-$suite"-*
    mv "$work/out" "$kernel_dir"
    rm -rf "$work"
}
