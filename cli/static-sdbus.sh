#!/bin/sh
# static-sdbus.sh CC TREE ARCHIVE: compiles sd-bus(3), as it is in systemd's source tree TREE, to ARCHIVE.
# cli/static-libraries.sh calls this; it takes 12 s of processor time.
#
# systemd's own build would want its whole list of tools and libraries for the one library. sd-bus and what it
# stands on are plain C files, though: all they take from the build is a config.h that says what the C library
# has, and lists of names from the system's headers. Those are made here. Nothing in urc calls most of the code;
# the linker drops it (--gc-sections), and what is left is not touched before somebody asks for systemd.
set -eu
cc=$1 tree=$2/src archive=$3
[ -f "$tree/libsystemd/sd-bus/sd-bus.c" ] || { echo "static libraries: $2 is not a systemd source tree" >&2; exit 1; }
work=$(mktemp -d "${archive%/*}/sdbus.XXXXXX")
trap 'rm -rf "$work"' EXIT

# What glibc 2.36 declares must not be declared again. Names of hosts and users are never looked up: a static
# program has no name service, and urc's addresses are paths.
cat >"$work/config.h" <<'END'
#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>
#define getaddrinfo(...) EAI_FAIL
#define getpwnam(...) ((struct passwd *) NULL)
#define getpwuid(...) ((struct passwd *) NULL)
#define getgrnam(...) ((struct group *) NULL)
#define getgrgid(...) ((struct group *) NULL)
#define getpwuid_r(uid, entry, buffer, size, result) (*(result) = NULL, (void) (buffer), ENOENT)
#define getgrgid_r(gid, entry, buffer, size, result) (*(result) = NULL, (void) (buffer), ENOENT)
#define SIZEOF_DEV_T __SIZEOF_LONG__
#define SIZEOF_INO_T __SIZEOF_LONG__
#define SIZEOF_TIME_T __SIZEOF_LONG__
#define SIZEOF_RLIM_T __SIZEOF_LONG__
#define SIZEOF_TIMEX_MEMBER __SIZEOF_LONG__
#define GPERF_LEN_TYPE size_t
#define PROJECT_VERSION 0
#define RELATIVE_SOURCE_PATH ""
#define BUILD_MODE_DEVELOPER 0
#define DEFAULT_HIERARCHY CGROUP_UNIFIED_ALL
#define DEFAULT_HIERARCHY_NAME "unified"
#define DEFAULT_COMPRESSION COMPRESSION_ZSTD
#define DEFAULT_USER_PATH "/usr/bin"
#define DEFAULT_USER_SHELL "/bin/sh"
#define NOLOGIN "/usr/sbin/nologin"
#define NOBODY_USER_NAME "nobody"
#define NOBODY_GROUP_NAME "nogroup"
#define FALLBACK_HOSTNAME "localhost"
#define HAVE_CLOSE_RANGE 1
#define HAVE_COPY_FILE_RANGE 1
#define HAVE_EPOLL_PWAIT2 1
#define HAVE_EXECVEAT 1
#define HAVE_EXPLICIT_BZERO 1
#define HAVE_FSCONFIG 1
#define HAVE_FSOPEN 1
#define HAVE_GETDENTS64 1
#define HAVE_GETRANDOM 1
#define HAVE_GETTID 1
#define HAVE_MALLINFO2 1
#define HAVE_MEMFD_CREATE 1
#define HAVE_MOUNT_SETATTR 1
#define HAVE_MOVE_MOUNT 1
#define HAVE_NAME_TO_HANDLE_AT 1
#define HAVE_OPEN_TREE 1
#define HAVE_PIDFD_OPEN 1
#define HAVE_PIDFD_SEND_SIGNAL 1
#define HAVE_REALLOCARRAY 1
#define HAVE_RENAMEAT2 1
#define HAVE_SECURE_GETENV 1
#define HAVE_SETNS 1
#define HAVE_STATX 1
#define HAVE_STRUCT_STATX 1
#define HAVE_SYS_RANDOM_H 1
END
echo '#define GIT_VERSION ""' >"$work/version.h"

# names HEADER PREFIX: the macros that HEADER defines as numbers. find_by_name KIND: the table from name to number,
# which systemd has gperf make; nothing here looks up often enough to need a perfect hash.
names() { echo "#include <$1>" | "$cc" -E -dM - | sed -n "s/^#define \($2[A-Z0-9_]*\)[ \t]*[0-9]\{1,\}\$/\1/p" | LC_ALL=C sort -u; }
find_by_name() {
    printf 'struct %s_name { const char *name; int id; };\n' "$1"
    printf 'static const struct %s_name *lookup_%s(const char *name, size_t length) {\n' "$1" "$1"
    printf '    static const struct %s_name all[] = {\n' "$1"
    sed 's/.*/        {"&", &},/'
    printf '    };\n    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)\n'
    printf '        if (strlen(all[i].name) == length && memcmp(all[i].name, name, length) == 0) return &all[i];\n'
    printf '    return NULL;\n}\n'
}
names errno.h E >"$work/errno-list.txt"
names sys/socket.h PF_ | sed 's/^P/A/' >"$work/af-list.txt"
for kind in errno af; do
    find_by_name $kind <"$work/$kind-list.txt" >"$work/$kind-from-name.h"
    awk -f "$tree/basic/$kind-to-name.awk" <"$work/$kind-list.txt" >"$work/$kind-to-name.h"
done

bus="container control convenience creds error internal introspect kernel match message objects signature
    slot socket track type"
basic="af-list alloc-util architecture audit-util build bus-label capability-util cgroup-util chase-symlinks
    devnum-util dirent-util env-file env-util errno-list escape extract-word fd-util fileio format-util fs-util
    glyph-util gunicode hash-funcs hashmap hexdecoct hmac hostname-util inotify-util io-util locale-util log
    login-util memfd-util memory-util mempool mkdir namespace-util ordered-set os-util parse-util path-util prioq
    proc-cmdline process-util random-util ratelimit rlimit-util signal-util siphash24 socket-util sort-util
    stat-util string-table string-util strv strxcpyx sync-util sysctl-util syslog-util terminal-util time-util
    tmpfile-util unit-def unit-name user-util utf8 util virt xattr-util"
{
    echo libsystemd/sd-bus/sd-bus
    for name in $bus; do echo "libsystemd/sd-bus/bus-$name"; done
    for name in $basic; do echo "basic/$name"; done
    printf '%s\n' fundamental/sha256 fundamental/string-util-fundamental libsystemd/sd-daemon/sd-daemon \
        libsystemd/sd-event/sd-event libsystemd/sd-id128/id128-util libsystemd/sd-id128/sd-id128
} >"$work/files"

flags="-std=gnu17 -O2 -w -fno-pie -ffunction-sections -fdata-sections -fvisibility=hidden -include $work/config.h -I$work"
for directory in basic fundamental shared systemd libsystemd/sd-bus libsystemd/sd-event libsystemd/sd-id128; do
    flags="$flags -I$tree/$directory"
done
# shellcheck disable=SC2016
xargs -P "$(nproc)" -I FILE sh -c '"$0" $1 -c "$2/FILE.c" -o "$3/$(basename FILE).o"' "$cc" "$flags" "$tree" "$work" \
    <"$work/files"
ar rcs "$archive" "$work"/*.o
