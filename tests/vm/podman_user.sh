#!/bin/bash
# podman by a user without privileges, in a session with a delegated cgroup and subordinate ids.
. "$(dirname "$0")/machine/lib.sh"
if [ "$(id -u)" = 0 ]; then
    podman_setup
    as-user bash "$(readlink -f "$0")"
    exit
fi
podman_setup
cleanup() {
    p rm --all --force --time 0
    p pod rm --all --force --time 0
    podman system migrate # ends the process that keeps the user namespace
} >/dev/null 2>&1
trap cleanup EXIT
run() { p run --rm --network none "$@"; }
says() { p logs "$1" 2>&1 | grep -q "$2"; }
status_is() { [ "$(p inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }

checking "output, exit statuses, a terminal"
expect 0 run busybox sh -c 'id -u; cat /proc/self/uid_map'
is "user and map" "$(tr -s ' ' <<<"$out")" $'0\n 0 1000 1\n 1 100000 65536'
expect 42 run busybox sh -c 'exit 42'
expect 127 run busybox no-such-program
expect 126 run busybox /etc/passwd
is "tty says" "$(terminal run -t busybox tty)" /dev/pts/0

checking "files, users"
mkdir -p ~/volume && echo inside >~/volume/file
expect 0 run -v ~/volume:/volume busybox sh -c 'cat /volume/file; touch /volume/made'
is "the volume's file" "$out" inside
is "owner of what was made" "$(stat -c %U ~/volume/made)" user
expect 0 run --userns keep-id busybox id -u
is "user with keep-id" "$out" 1000
expect 0 run --user 7 --tmpfs /scratch --read-only busybox sh -c 'id -u; touch /scratch/x'
expect 0 run --privileged busybox sh -c 'mkdir /m; mount -t tmpfs x /m'
expect 0 p run --rm --network slirp4netns busybox ip addr show tap0
has "slirp4netns" "$out" 'inet 10\.0\.2\.100'
expect 0 p run --rm --network host --pid host --ipc host busybox sh -c 'readlink /proc/self/ns/net'
is "the host's network" "$out" "$(readlink /proc/self/ns/net)"

checking "limits in the user's own part of the cgroups"
expect 0 run --memory 48m --pids-limit 33 --cpus 0.5 busybox sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
is limits "$out" $'50331648\n33\n50000 100000'
expect 0 run --cgroupns host busybox cat /proc/self/cgroup
has "systemd's cgroup" "$out" '^0::/user.slice/user-1000.slice/user@1000.service/.*libpod-[0-9a-f]{64}.scope'
expect 0 p --cgroup-manager cgroupfs run --rm --network none busybox true
expect 137 run --memory 16m --memory-swap 16m busybox dd if=/dev/zero of=/dev/null bs=64M count=1

checking "a detached container"
expect 0 p run -d --name life --network none --health-interval disable --health-cmd 'test -f /healthy' busybox \
    sh -c 'trap "echo got USR1" USR1; trap "exit 5" TERM; echo started; while :; do sleep 0.2; done'
expect 7 p exec life sh -c 'exit 7'
is "exec's terminal" "$(terminal p exec -t life tty)" /dev/pts/0
is "exec's size of terminal" "$(terminal p exec -it life stty size)" "40 120"
eventually "its output" says life started
expect 0 p kill --signal USR1 life
eventually "the signal" says life 'got USR1'
expect 1 p healthcheck run life
expect 0 p exec life touch /healthy
expect 0 p healthcheck run life
expect 0 p top life -eo pid,comm
expect 0 p stats --no-stream life
expect 0 p pause life
status_is life paused || fail "not paused"
expect 0 p unpause life
expect 0 p update --memory 96m life
is "the limit" "$(p exec life cat /sys/fs/cgroup/memory.max)" 100663296
expect 0 p stop --time 20 life
is "exit status" "$(p inspect -f '{{.State.ExitCode}}' life)" 5
expect 0 p start life
expect 0 p rm --force --time 0 life

checking "a pod"
expect 0 p pod create --name pod --network none --hostname in-the-pod
expect 0 p run --rm --pod pod busybox hostname
is hostname "$out" in-the-pod
expect 0 p pod rm --force --time 0 pod

checking "an init that wants its cgroup to itself; a user namespace of its own"
expect 0 run --systemd always busybox sh -c 'mkdir /sys/fs/cgroup/init.scope && echo 1 >/sys/fs/cgroup/init.scope/cgroup.procs &&
    echo "+pids" >/sys/fs/cgroup/cgroup.subtree_control && cat /proc/1/cgroup'
is "its cgroup" "$out" 0::/init.scope
expect 0 run --userns auto:size=500 busybox cat /proc/self/uid_map
has "the map" "$out" '^ *0 +[0-9]+ +500$'

checking "podman build"
mkdir -p ~/build
printf 'FROM docker.io/library/busybox\nRUN echo built >/built\nCMD cat /built\n' >~/build/Containerfile
expect 0 p build --quiet --network none --isolation oci --tag built ~/build
expect 0 run built
is "what was built" "$out" built
