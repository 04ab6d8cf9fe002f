# shellcheck shell=sh
# What cli/quickstart.sh, tests/run.sh and .ci/run share: finding and installing what is missing, configuring and
# building a preset. Sourced, not run, with the working directory at the top of the project. POSIX sh.
# On Debian 12 everything comes from its packages; only what is missing is installed, and only then is root needed.

packages_build="cmake ninja-build g++ pkg-config dpkg-dev liburing-dev libsimdjson-dev libseccomp-dev libmimalloc-dev
    libsystemd-dev libcap-dev libcli11-dev libfmt-dev libgtest-dev libbenchmark-dev"
packages_run="busybox-static jq python3 iproute2 procps util-linux"
packages_ci="clang clang-format clang-tidy libclang-rt-14-dev llvm runc crun"

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

missing_packages() {
    # shellcheck disable=SC2086
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        awk -v wanted="$*" '$2 == "installed" { have[$1] = 1 }
            END { n = split(wanted, list, " "); for (i = 1; i <= n; i++) if (!(list[i] in have)) print list[i] }'
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# need PACKAGE...: installs those that are missing, or says exactly what to run and ends.
need() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        say "no apt here: going on with what is installed (on Debian 12 that would be: $(echo $*))"
        return 0
    fi
    missing=$(missing_packages $*)
    missing=$(echo $missing)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] && ! { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; then
        say "packages are missing, and installing them needs root. Run this once as root, then start again:"
        printf '    %s\n' "apt-get update && apt-get install -y --no-install-recommends $missing"
        exit 1
    fi
    say "installing with apt: $missing"
    mkdir -p build
    # Index files may be absent (a fresh image) or old (404 on download): update when needed, then once more.
    if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then as_root apt-get -q update >build/apt.log 2>&1 || true; fi
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >build/apt.log 2>&1 ||
        { as_root apt-get -q update >build/apt.log 2>&1 || true
          as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >>build/apt.log 2>&1; } ||
        { tail -n 20 build/apt.log >&2; die "apt-get install failed (all of it: build/apt.log)"; }
}

# quietly LOG COMMAND...: on a terminal its output is shown, otherwise it goes to LOG and is shown when it fails.
quietly() {
    quiet_log=$1
    shift
    if [ -t 1 ]; then "$@"; return; fi
    "$@" >"$quiet_log" 2>&1 && return
    quiet_status=$?
    tail -n 60 "$quiet_log" >&2
    say "failed; all of it: $quiet_log"
    return $quiet_status
}

# build PRESET [TARGET...]: configures build/PRESET if that has not been done and builds it. Quick the second time.
build() {
    preset=$1
    shift
    mkdir -p build
    cache=build/$preset/CMakeCache.txt
    # A tree that was moved or copied, or whose static libraries are gone with ~/.cache, is configured anew.
    if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then rm -rf "build/$preset"; fi
    if [ -f "$cache" ]; then
        library=$(sed -n 's/^SIMDJSON_LIBRARY:[A-Z]*=//p' "$cache")
        [ -r "$library" ] || rm -f "build/$preset/build.ninja"
    fi
    if [ ! -f "$cache" ] || [ ! -f "build/$preset/build.ninja" ]; then
        say "configuring build/$preset"
        quietly "build/configure-$preset.log" cmake --preset "$preset" || return
    fi
    if [ -t 1 ]; then say "building build/$preset"
    else say "building build/$preset (from nothing a few minutes; ninja's output goes to build/build-$preset.log)"; fi
    # shellcheck disable=SC2046
    quietly "build/build-$preset.log" cmake --build "build/$preset" $(for target in "$@"; do echo "--target $target"; done)
}
