#!/bin/sh
# Builds libsimdjson.a, libmimalloc.a and libsdbus.a for the static release of urc, because Debian packages only
# their shared forms. Prints the directory that holds them; CMake calls this when URC_STATIC is ON, a person may call it too.
#
# The sources are Debian's own source packages, in exactly the versions of the installed -dev packages (the headers
# must match). apt fetches and verifies them through lists, state and cache of its own: /etc/apt is only read, for
# the mirror in use, and nothing is installed. Together they take 20 s once per version and compiler.
#
#   URC_SIMDJSON_SOURCE, URC_MIMALLOC_SOURCE, URC_SYSTEMD_SOURCE   unpacked source trees to take instead (no apt, no network)
#   URC_CACHE                                  where to keep them (default ${XDG_CACHE_HOME:-~/.cache}/urc)
#   CC, CXX                                    the compilers (default gcc, g++)
set -eu

say() { printf '%s\n' "static libraries: $*" >&2; }
die() { say "$*"; exit 1; }

cc=${CC:-gcc}
cxx=${CXX:-g++}
cache=${URC_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/urc}
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || die "cannot write to $cache; name another place with URC_CACHE"
[ "${cache#/}" != "$cache" ] || cache=$(cd "$cache" && pwd)

# SOURCE-PACKAGE VERSION of an installed -dev package; its headers are the ones urc is compiled with.
source_of() {
    dpkg-query -W -f '${source:Package} ${source:Version}' "$1" 2>/dev/null || die "$1 is not installed"
}

# A given tree is named by its files' contents: a change there is a new build, another place is not.
tree_sum() {
    [ -d "$1" ] || die "$1 is not a directory"
    (cd "$1" && find . -type f -print | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -c 1-16)
}

if [ -n "${URC_SIMDJSON_SOURCE:-}" ]; then simdjson="simdjson tree-$(tree_sum "$URC_SIMDJSON_SOURCE")"
else simdjson=$(source_of libsimdjson-dev); fi
if [ -n "${URC_MIMALLOC_SOURCE:-}" ]; then mimalloc="mimalloc tree-$(tree_sum "$URC_MIMALLOC_SOURCE")"
else mimalloc=$(source_of libmimalloc-dev); fi

if [ -n "${URC_SYSTEMD_SOURCE:-}" ]; then systemd="systemd tree-$(tree_sum "$URC_SYSTEMD_SOURCE")"
else systemd=$(source_of libsystemd-dev); fi

# Link-time code is tied to the exact compiler, and these files are the recipe: both are part of the name.
recipe=$({ "$cc" -dumpfullversion -dumpversion; "$cxx" -dumpmachine; cat "$0" "${0%/*}/static-sdbus.sh"; } | sha256sum | cut -c 1-16)
name=$(printf '%s' "$simdjson $mimalloc $systemd $recipe" | tr ' /:' '___')
home=$cache/static/$name

if [ -f "$home/SHA256SUMS" ] && (cd "$home" && sha256sum --check --status SHA256SUMS); then
    printf '%s\n' "$home"
    exit 0
fi

work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The source repositories that go with the binary ones of this host: same mirror, same suites. Before the first
# `apt-get update` the host does not tell, then it is Debian's own mirror.
write_sources() {
    . /etc/os-release
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    option=
    [ -f $keyring ] && option=" [signed-by=$keyring]"
    apt-get indextargets --format '$(ORIGIN)|$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        sed -n "s@^Debian|@deb-src$option @p" | grep ' main$' | LC_ALL=C sort -u >"$1"
    [ -s "$1" ] || cat >"$1" <<END
deb-src$option http://deb.debian.org/debian ${VERSION_CODENAME:-bookworm} main
deb-src$option http://deb.debian.org/debian ${VERSION_CODENAME:-bookworm}-updates main
deb-src$option http://deb.debian.org/debian-security ${VERSION_CODENAME:-bookworm}-security main
END
}

apt_private() {
    apt-get -q -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User="$(id -un)" \
        -o APT::Get::List-Cleanup=false "$@"
}

# fetch PACKAGE VERSION: downloads into $cache/source (kept, so that a new compiler needs no network) and unpacks
# to $work/PACKAGE. apt compares the files' checksums with the signed index; what is found there is checked again
# against the .dsc that came with it.
fetch() {
    dsc=$cache/source/$1_${2#*:}.dsc
    mkdir -p "$cache/source"
    if ! dsc_holds "$dsc"; then
        apt=$work/apt
        if [ ! -d "$apt" ]; then
            mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
            write_sources "$apt/sources.list"
            say "reading the mirror's source index (10 MB, once)"
            apt_private update >"$apt/log" 2>&1 || { cat "$apt/log" >&2; die "apt-get update of the source index failed"; }
        fi
        say "fetching Debian source package $1 $2"
        (cd "$cache/source" && apt_private source --download-only --only-source "$1=$2") >"$apt/log" 2>&1 ||
            { cat "$apt/log" >&2; die "no source package $1 $2; give its tree with URC_$(echo "$1" | tr a-z A-Z)_SOURCE"; }
        dsc_holds "$dsc" || die "$dsc: its files do not have the checksums it names"
    fi
    dpkg-source --no-check -x "$dsc" "$work/$1" >/dev/null
}

dsc_holds() {
    [ -f "$1" ] && (cd "$(dirname "$1")" && awk '/^Checksums-Sha256:/ { on = 1; next } /^[^ ]/ { on = 0 }
        on { print $1 "  " $3 }' "$1" | sha256sum --check --status)
}

tree() {  # tree PACKAGE VERSION GIVEN: prints where its unpacked source is
    if [ -n "$3" ]; then (cd "$3" && pwd); else fetch "$1" "$2" && printf '%s\n' "$work/$1"; fi
}

# Code for the linker's optimiser and ordinary code side by side: URC_STATIC works with and without -flto. The
# position of urc is fixed at link time (see CMakeLists.txt), so nothing here is position independent.
flags="-O2 -DNDEBUG -fno-pie -ffunction-sections -fdata-sections -flto=auto -ffat-lto-objects"
mkdir "$work/out"

dir=$(tree $simdjson "${URC_SIMDJSON_SOURCE:-}")
say "compiling simdjson"
if [ -f "$dir/singleheader/simdjson.cpp" ]; then main=$dir/singleheader/simdjson.cpp include=$dir/singleheader
else main=$dir/src/simdjson.cpp include=$dir/include; fi
[ -f "$main" ] || die "$dir is not a simdjson source tree"
# shellcheck disable=SC2086
"$cxx" -std=c++17 $flags -I"$include" -I"$dir/src" -c "$main" -o "$work/simdjson.o"
gcc-ar rcs "$work/out/libsimdjson.a" "$work/simdjson.o"

# mimalloc's one-file build, without its overriding of malloc. Its constructor opens files and asks for random
# bytes before main() (10 us of every `urc state`); the allocator starts itself at the first mi_malloc as well, so
# the constructor goes. `os_preloading`, which that constructor ends, only says "options cannot be read yet".
dir=$(tree $mimalloc "${URC_MIMALLOC_SOURCE:-}")
say "compiling mimalloc"
[ -f "$dir/src/static.c" ] || die "$dir is not a mimalloc source tree"
cp -r "$dir" "$work/mimalloc-lazy"
sed -i 's/static void __attribute__((constructor)) _mi_process_init/static void __attribute__((unused)) _mi_process_init/
        s/^static bool os_preloading = true;/static bool os_preloading = false;/' "$work/mimalloc-lazy/src/init.c"
if grep -q 'constructor)) _mi_process_init' "$work/mimalloc-lazy/src/init.c" ||
    ! grep -q '^static bool os_preloading = false;' "$work/mimalloc-lazy/src/init.c"; then
    say "note: this version starts in another way than 2.0.9; its start-up work stays"
fi
# shellcheck disable=SC2086
"$cc" $flags -ftls-model=local-exec -fno-builtin-malloc -fvisibility=hidden -I"$work/mimalloc-lazy/include" \
    -c "$work/mimalloc-lazy/src/static.c" -o "$work/mimalloc.o"
gcc-ar rcs "$work/out/libmimalloc.a" "$work/mimalloc.o"

dir=$(tree $systemd "${URC_SYSTEMD_SOURCE:-}")
say "compiling sd-bus"
sh "${0%/*}/static-sdbus.sh" "$cc" "$dir" "$work/out/libsdbus.a"

printf '%s\n' "$simdjson" "$mimalloc" "$systemd" "$("$cxx" --version | head -n 1)" >"$work/out/VERSIONS"
(cd "$work/out" && sha256sum libsimdjson.a libmimalloc.a libsdbus.a VERSIONS >SHA256SUMS)

# Two builds at once both succeed; the later one finds the place taken by the same bytes.
mkdir -p "$cache/static"
[ -f "$home/SHA256SUMS" ] && ! (cd "$home" && sha256sum --check --status SHA256SUMS) && rm -rf "$home"
mv -T "$work/out" "$home" 2>/dev/null || [ -f "$home/SHA256SUMS" ] || die "cannot move the libraries to $home"
say "in $home"
printf '%s\n' "$home"
