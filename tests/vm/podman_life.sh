#!/bin/bash
# A detached container's life under podman: exec, logs, top, stats, pause, update, kill, stop, restart, health,
# checkpoint.
. "$(dirname "$0")/machine/lib.sh"
podman_setup
cleanup() { p rm --all --force --time 0; } >/dev/null 2>&1
trap cleanup EXIT
says() { p logs "$1" 2>&1 | grep -q "$2"; }
status_is() { [ "$(p inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }

checking "a detached container"
# It says each signal that it gets, and lives on.
expect 0 p run -d --name life --network none --memory 64m busybox sh -c \
    'trap "echo got USR1" USR1; trap "echo got TERM; exit 5" TERM; echo started; while :; do sleep 0.2; done'
pid=$(p inspect -f '{{.State.Pid}}' life)
eventually "its output" says life started
is "memory.max" "$(cat "$(cgroup_of "$pid")/memory.max")" 67108864
is "its parent" "$(cat "/proc/$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")/comm")" conmon

checking "exec"
expect 0 p exec life echo hello
is stdout "$out" hello
expect 7 p exec life sh -c 'echo to stderr >&2; exit 7'
is stderr "$err" "to stderr"
expect 127 p exec life no-such-program
has stderr "$err" 'executable file .?no-such-program.? not found|no-such-program.*executable file not found'
expect 127 p exec life /no/such/program
expect 126 p exec life /etc/passwd
expect 125 p exec no-such-container true
expect 0 p exec -u 1000 -w /tmp -e A=b life sh -c 'id -u; pwd; echo $A'
is "exec's user, directory and variable" "$out" $'1000\n/tmp\nb'
is "exec's input" "$(echo through | p exec -i life cat)" through
is "exec's terminal" "$(terminal p exec -t life tty)" /dev/pts/0
is "exec's size of terminal" "$(terminal p exec -it life stty size)" "40 120"
expect 0 p exec -d life touch /made
eventually "the detached exec's file" p exec life test -f /made
expect 0 p exec --privileged life grep CapEff /proc/self/status
has "capabilities of exec --privileged" "$out" '0000003f|000001f'
expect 0 p exec life cat /proc/self/cgroup
is "exec's cgroup" "$out" "0::/"

checking "top, stats"
expect 0 p top life -eo pid,comm
has top "$out" 'sh$|sleep$'
expect 0 p stats --no-stream --format '{{.MemUsage}}|{{.PIDs}}' life
has stats "$out" '/ 67.11MB\|[1-9]'

checking "pause"
expect 0 p pause life
is state "$(p inspect -f '{{.State.Status}}' life)" paused
is "the freezer" "$(cat "$(cgroup_of "$pid")/cgroup.freeze")" 1
expect 125,255 p exec life true
expect 0 p unpause life
is state "$(p inspect -f '{{.State.Status}}' life)" running

checking "update"
expect 0 p update --memory 96m --cpus 0.25 life
is limits "$(cd "$(cgroup_of "$pid")" && cat memory.max cpu.max)" $'100663296\n25000 100000'

checking "kill, stop, start, restart"
expect 0 p kill --signal USR1 life
eventually "the signal" says life 'got USR1'
expect 0 p stop --time 20 life
is "exit status" "$(p inspect -f '{{.State.ExitCode}}' life)" 5
expect 125,255 p exec life true
expect 0 p start life
expect 0 p restart --time 0 life
is state "$(p inspect -f '{{.State.Status}}' life)" running
expect 0 p kill life
eventually "its end" status_is life exited
is "exit status" "$(p inspect -f '{{.State.ExitCode}}' life)" 137
expect 0 p rm life

checking "a container that ignores TERM is killed; rm --force kills a paused one"
expect 0 p run -d --name deaf --network none busybox sh -c 'trap "" TERM; while :; do sleep 1; done'
expect 0 p stop --time 1 deaf
is "exit status" "$(p inspect -f '{{.State.ExitCode}}' deaf)" 137
expect 0 p start deaf
expect 0 p pause deaf
expect 0 p rm --force --time 0 deaf

checking "create, then start; attach"
expect 0 p create --name later --network none busybox sh -c 'echo attached; exit 6'
expect 6 p start --attach later
is stdout "$out" attached
expect 0 p rm later

checking "health"
expect 0 p run -d --name health --network none --health-interval disable --health-cmd 'test -f /healthy' busybox sleep 1000
expect 1 p healthcheck run health
expect 0 p exec health touch /healthy
expect 0 p healthcheck run health
expect 0 p rm --force --time 0 health

checking "no process is left after rm of a container without a pid namespace of its own"
expect 0 p run -d --name hostpid --pid host --network none busybox sh -c 'sleep 4242 & sleep 4242'
eventually "both processes" sh -c '[ "$(pgrep -fc "^sleep 4242")" = 2 ]'
expect 0 p rm --force --time 0 hostpid
eventually "their end" sh -c '! pgrep -f "^sleep 4242"'

checking "checkpoint and restore"
if ! criu check >/dev/null 2>&1 || ! supports_checkpoint; then
    left_out "checkpoint: $(criu check 2>&1 | tail -n 1); or not with $runtime"
else
    expect 0 p run -d --name frozen --network none busybox sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
    eventually "it counts" p exec frozen test -s /count
    expect 0 p container checkpoint frozen
    expect 0 p container restore frozen
    expect 0 p exec frozen cat /count
    expect 0 p rm --force --time 0 frozen
fi
