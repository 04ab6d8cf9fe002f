#!/bin/bash
# What needs namespaces or cgroups of others under podman: pods, and systemd as a container's first process.
. "$(dirname "$0")/machine/lib.sh"
podman_setup
cleanup() {
    p pod rm --all --force --time 0
    p rm --all --force --time 0
    umount /run/guest
} >/dev/null 2>&1
trap cleanup EXIT
namespaces='for kind in net ipc uts pid mnt; do readlink /proc/self/ns/$kind; done'

checking "a pod: three namespaces in common, two of one's own"
expect 0 p pod create --name pod --network none --hostname in-the-pod
expect 0 p run -d --pod pod --name first busybox sh -c 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 127.0.0.1:80 -h /www'
first=$(p exec first sh -c "$namespaces")
expect 0 p run --rm --pod pod busybox sh -c "$namespaces"
is "common namespaces" "$(head -n 3 <<<"$out")" "$(head -n 3 <<<"$first")"
[ "$(tail -n 2 <<<"$out" | sort)" != "$(tail -n 2 <<<"$first" | sort)" ] || fail "pid and mnt are common, too"
expect 0 p run --rm --pod pod busybox sh -c 'hostname; wget -q -O- http://127.0.0.1/'
is "hostname, page" "$out" $'in-the-pod\npage'
expect 0 p pod pause pod
is "the first's state" "$(p inspect -f '{{.State.Status}}' first)" paused
expect 0 p pod unpause pod
expect 0 p pod stop --time 1 pod
expect 0 p pod start pod
is "the first's state" "$(p inspect -f '{{.State.Status}}' first)" running
expect 0 p pod kill pod
expect 0 p pod rm --force --time 0 pod

checking "a pod with one pid namespace"
expect 0 p pod create --name pids --network none --share net,pid
expect 0 p run -d --pod pids --name sleeper busybox sleep 4242
expect 0 p run --rm --pod pids busybox ps -o pid,args
has "ps in the second" "$out" 'sleep 4242'
has "process 1" "$out" '^ *1 .*(catatonit|pause)'
expect 0 p pod rm --force --time 0 pids
! pgrep -f '^sleep 4242' >/dev/null || fail "a process is left"

checking "a container in the namespaces of another"
expect 0 p run -d --name base --network none busybox sleep 1000
expect 0 p run --rm --network container:base --pid container:base --ipc container:base busybox ps -o args
has "ps" "$out" 'sleep 1000'
expect 0 p rm --force --time 0 base

checking "an init that wants its cgroup to itself"
expect 0 p run --rm --network none --systemd always busybox sh -c '
    mkdir /sys/fs/cgroup/init.scope && echo 1 >/sys/fs/cgroup/init.scope/cgroup.procs &&
    echo "+pids" >/sys/fs/cgroup/cgroup.subtree_control && cat /proc/1/cgroup && mount | grep -c "on /run type tmpfs"'
is "its cgroup, and /run" "$out" $'0::/init.scope\n1'

checking "systemd: this machine's own, from a copy of its disk"
mkdir -p /run/guest /run/guest.upper /run/guest.work
mount -t overlay overlay -o lowerdir=/,upperdir=/run/guest.upper,workdir=/run/guest.work /run/guest || fail "overlay"
rm -f /run/guest/etc/systemd/system/*.wants/urc-vm.service
expect 0 p run -d --name guest --network none --systemd always --rootfs /run/guest /sbin/init
eventually "it answers" p exec guest systemctl list-units --no-pager
expect 0,1 p exec guest systemctl is-system-running --wait
has "the guest's state" "$out" 'running|degraded'
expect 0 p exec guest systemctl show --property ControlGroup --value systemd-journald
is "a unit's cgroup" "$out" /system.slice/systemd-journald.service
expect 0 p exec guest systemd-run --wait --quiet -p MemoryMax=50M sh -c 'grep -q 52428800 /sys/fs/cgroup/$(cut -d: -f3 /proc/self/cgroup)/memory.max'
expect 0 p stop --time 60 guest
is "its end" "$(p inspect -f '{{.State.OOMKilled}} {{.State.Status}}' guest)" "false exited"
[ "$(p inspect -f '{{.State.ExitCode}}' guest)" != 137 ] || fail "it had to be killed"
expect 0 p rm guest
