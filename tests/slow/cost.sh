#!/bin/sh
# What one call of each verb asks of the kernel: its system calls, of all its processes, counted by strace(1). Unlike
# times they are the same on a busy machine. None may grow by more than 2 % (and four calls, which
# differ from host to host) over tests/slow/cost.txt, which is of a host
# with the same cgroup hierarchies: their number shows in the calls.
#   tests/slow/cost.sh [URC]            compares            tests/slow/cost.sh --write    takes today's for the baseline
set -u
cd "$(dirname "$0")/../.." || exit 1
. cli/setup.sh
mode=compare
[ "${1:-}" != --write ] || { mode=write; shift; }
URC=${1:-}
if [ -z "$URC" ]; then
    build release urc || exit 1
    URC=build/release/urc
fi
export URC
need jq busybox-static strace
baseline=$PWD/tests/slow/cost.txt
set -- "$URC"
. tests/blackbox/lib.sh

hierarchies=$(grep -c " - cgroup" /proc/self/mountinfo)
if [ $mode = compare ] && [ "$(head -n 1 "$baseline")" != "cgroup hierarchies: $hierarchies" ]; then
    echo "SKIP: the baseline is of a host with other cgroup hierarchies: $(head -n 1 "$baseline"), here $hierarchies"
    exit 77
fi

# count VERB...: system calls of one call; the least of nine, because a wait may be interrupted or come too early.
count() {
    strace -f -c -U calls,name -o "$work/counts" "$urc" --root "$root" "$@" </dev/null >"$work/out" 2>"$work/err" ||
        fail "$*"
    awk '$2 == "total" { print $1 }' "$work/counts"
}
least() { sort -n | head -n 1; }

measure() { # CONFIGURATION BUNDLE
    for verb in run create start state exec delete; do
        for try in 1 2 3 4 5 6 7 8 9; do
            id=$tag-$1-$verb-$try
            case $verb in
                run | create) ;;
                start | delete) "$urc" --root "$root" create --bundle "$2" "$id" >/dev/null 2>&1 </dev/null ;;
                state | exec) "$urc" --root "$root" run -d --bundle "$2-waits" "$id" >/dev/null 2>&1 </dev/null ;;
            esac
            case $verb in
                run) count run --bundle "$2" "$id" ;;
                # strace waits for the init, which waits to be started.
                create)
                    count create --bundle "$2" "$id" &
                    until "$urc" --root "$root" state "$id" 2>/dev/null | grep -q created; do kill -0 $! || break; done
                    "$urc" --root "$root" delete --force "$id"
                    wait $!
                    ;;
                exec) count exec "$id" /bin/true ;;
                delete) count delete --force "$id" ;;
                *) count $verb "$id" ;;
            esac
            case $verb in start | state | exec) ;; *) continue ;; esac
            "$urc" --root "$root" delete --force "$id" >/dev/null 2>&1
        done | least | sed "s/^/$1 $verb /"
    done
}

test_cost() {
    docker=bench/config/docker.json
    b=$(bundle default)
    bundle default-waits '.process.args = ["/bin/sleep", "1000"]' >/dev/null
    measure default "$b" >"$work/now"
    b=$(bundle docker)
    bundle docker-waits >/dev/null
    # No limits: which of them a host has differs.
    for name in docker docker-waits; do
        jq --arg rootfs "$work/$name/rootfs" '.root.path = $rootfs | .root.readonly = false | .process.terminal = false |
            del(.linux.resources) | .process.args = '"$([ $name = docker ] && echo '["/bin/true"]' || echo '["/bin/sleep", "1000"]')" \
            $docker >"$work/$name/config.json"
    done
    measure docker "$b" >>"$work/now"
    if [ $mode = write ]; then
        { echo "cgroup hierarchies: $hierarchies" && cat "$work/now"; } >"$baseline"
        cat "$baseline"
        return
    fi
    while read -r configuration verb calls; do
        before=$(awk -v c="$configuration" -v v="$verb" '$1 == c && $2 == v { print $3 }' "$baseline")
        printf '  %-8s %-7s %5d system calls, %5d in the baseline\n' "$configuration" "$verb" "$calls" "${before:-0}"
        check "$configuration $verb: $calls system calls, more than 2 % over ${before:-nothing}" \
            [ "$((calls * 100))" -le "$((${before:-0} * 102 + 400))" ]
    done <"$work/now"
    check "every verb was counted" [ "$(wc -l <"$work/now")" = "$(($(wc -l <"$baseline") - 1))" ]
}

main
