#!/bin/bash
# containerd's shim for runc (io.containerd.runc.v2) with urc in place of runc, driven by ctr.
. "$(dirname "$0")/machine/lib.sh"
image=docker.io/library/busybox:latest
systemctl start containerd
ctr image import /opt/busybox.tar >/dev/null || fail "ctr image import"
cleanup() {
    ctr task ls -q | xargs -r -n 1 ctr task delete --force
    ctr container ls -q | xargs -r ctr container delete
    systemctl stop containerd
} >/dev/null 2>&1
trap cleanup EXIT

run() { ctr run --runc-binary "$URC" "$@"; }
status_is() { ctr task ls | grep -Eq "^$1 .* $2\$"; }
counts() { [ "$(ctr task ps "$1" | grep -c '^[0-9]')" = "$2" ]; }

checking "output and exit statuses"
expect 0 run --rm $image one echo hello
is stdout "$out" hello
expect 42 run --rm $image one sh -c 'echo to stderr >&2; exit 42'
is stderr "$err" "to stderr"
expect 1 run --rm $image one no-such-program
has stderr "$err" 'exec: "no-such-program": executable file not found in \$PATH'
expect 1 run --rm $image one /no/such/program
has stderr "$err" 'no such file or directory'
expect 1 run --rm $image one /etc/passwd
has stderr "$err" 'permission denied'
# Not to its end: ctr does not hand that on.
is "standard input" "$(printf 'a\nb\n' | run --rm $image one head -n 2)" $'a\nb'
is "much output" "$(run --rm $image one sh -c 'dd if=/dev/zero bs=1k count=1024 2>/dev/null | tr "\0" x' | wc -c)" 1048576

checking "a terminal"
# ctr may find that the container has ended before it could tell the size, and says so on the same terminal.
has "tty's answer" "$(terminal run --rm -t $image one tty)" '^/dev/pts/0$'
is "its size" "$(terminal run --rm -t $image one sh -c 'sleep 1; stty size')" "40 120"

checking "what a container is given"
expect 0 run --rm --env A=b --cwd /tmp $image one sh -c 'pwd; echo $A'
is "directory, variable" "$out" $'/tmp\nb'
expect 0 run --rm --privileged $image one grep CapEff /proc/self/status
has capabilities "$out" '000001ff'
expect 0 run --rm --seccomp $image one grep '^Seccomp:' /proc/self/status
has seccomp "$out" '2$'
expect 0 run --rm --apparmor-default-profile cri-containerd.test $image one cat /proc/self/attr/current
is "AppArmor profile" "$out" "cri-containerd.test (enforce)"
expect 0 run --rm --read-only $image one sh -c 'touch /x || echo refused'
is "a write" "$out" refused
expect 0 run --rm --net-host $image one sh -c 'readlink /proc/self/ns/net'
is "the host's network" "$out" "$(readlink /proc/self/ns/net)"

checking "a detached container, its pids, its metrics"
expect 0 run -d --memory-limit 50331648 --cpus 0.5 --pid-file /run/two.pid $image two sh -c 'trap "exit 5" TERM; while :; do sleep 0.2; done'
status_is two RUNNING || fail "not RUNNING: $(ctr task ls)"
has "the pid file's process" "$(tr '\0' ' ' <"/proc/$(cat /run/two.pid)/cmdline")" '^sh -c trap'
has "its parent" "$(tr '\0' ' ' <"/proc/$(sed -n 's/^PPid:\t//p' "/proc/$(cat /run/two.pid)/status")/cmdline")" containerd-shim-runc-v2
is limits "$(cd "$(cgroup_of "$(cat /run/two.pid)")" && cat memory.max cpu.max)" $'50331648\n50000 100000'
expect 0 ctr task ps two
has "task ps" "$out" "^$(cat /run/two.pid) "
expect 0 ctr task metrics two
has metrics "$out" 'memory.usage_in_bytes|memory.usage '
ls /run/containerd/runc/default/two/state.json >/dev/null || fail "no state where runc's would be"

checking "exec"
expect 0 ctr task exec --exec-id e1 two echo hello
is stdout "$out" hello
expect 7 ctr task exec --exec-id e2 two sh -c 'exit 7'
expect 1 ctr task exec --exec-id e3 two no-such-program
has stderr "$err" 'exec: "no-such-program": executable file not found in \$PATH'
expect 0 ctr task exec --exec-id e4 --user 1000 --cwd /tmp two sh -c 'id -u; pwd'
is "user, directory" "$out" $'1000\n/tmp'
has "exec's terminal" "$(terminal ctr task exec -t --exec-id e5 two tty)" '^/dev/pts/0$'
is "exec's input" "$(echo through | ctr task exec --exec-id e6 two head -n 1)" through
expect 0 ctr task exec -d --exec-id e7 two sleep 1000
eventually "the detached exec" sh -c 'ctr task ps two | grep -q e7'
expect 0 ctr task kill --exec-id e7 --signal KILL two

checking "pause, resume"
expect 0 ctr task pause two
status_is two PAUSED || fail "not PAUSED: $(ctr task ls)"
expect 0 ctr task resume two
status_is two RUNNING || fail "not RUNNING: $(ctr task ls)"

checking "kill and delete"
expect 0 ctr task kill --signal TERM two
eventually "its end" status_is two STOPPED
expect 1 ctr task kill --signal TERM two
has stderr "$err" 'not found|process already finished'
expect 0 ctr task delete two
has "what ctr says of its end" "$err" 'exit code 5$|exit code 5"'
expect 0 ctr container delete two

checking "events, and what runs out of memory"
ctr events >/run/events &
events=$!
expect 137 run --rm --memory-limit 16777216 $image three dd if=/dev/zero of=/dev/null bs=64M count=1
for topic in create start exit delete; do
    eventually "the event $topic" grep -q "/tasks/$topic .*three" /run/events
done
# The shim reads the cgroup's count of kills: for that it has to be there still.
expect 0 run -d --memory-limit 16777216 $image four sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1; while :; do sleep 1000; done'
eventually "the event oom" grep -q '/tasks/oom .*four' /run/events
expect 0 ctr task pause four
eventually "the event paused" grep -q '/tasks/paused .*four' /run/events
expect 0 ctr task resume four
eventually "the event resumed" grep -q '/tasks/resumed .*four' /run/events
expect 0 ctr task kill --signal KILL four
expect 0 ctr task delete --force four
expect 0 ctr container delete four
kill $events

checking "the host's processes in view: all of the container end with it"
expect 0 run -d --with-ns pid:/proc/1/ns/pid $image four sh -c 'sleep 4242 & exec sleep 4242'
eventually "both" counts four 2
expect 0 ctr task kill --signal KILL --all four
expect 0 ctr task delete four
has "what ctr says of its end" "$err" 'exit code 137'
expect 0 ctr container delete four
! pgrep -f '^sleep 4242' >/dev/null || fail "a process is left"

checking "systemd's cgroups"
expect 0 run --rm --runc-systemd-cgroup --cgroup system.slice:urc:five $image five echo hello
is stdout "$out" hello

checking "many at once"
for i in 1 2 3 4 5 6; do run --rm $image "many$i" sh -c "exit $i" & pids[i]=$!; done
for i in 1 2 3 4 5 6; do
    status=0
    wait "${pids[i]}" || status=$?
    is "status of one of many" $status "$i"
done
