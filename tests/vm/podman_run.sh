#!/bin/bash
# podman run by root: exit statuses, terminals, what a container may be given, cgroup managers, `podman build`.
. "$(dirname "$0")/machine/lib.sh"
podman_setup

run() { p run --rm --network none "$@"; }

checking "output, exit statuses, errors"
expect 0 run busybox echo hello
is stdout "$out" hello
is stderr "$err" ""
expect 42 run busybox sh -c 'exit 42'
expect 137 run --init busybox sh -c 'kill -9 $$'
expect 127 run busybox no-such-program
has stderr "$err" 'executable file .?no-such-program.? not found in \$PATH|no-such-program.*executable file not found in \$PATH'
expect 127 run busybox /no/such/program
has stderr "$err" '[nN]o such file or directory'
expect 126 run busybox /etc
has stderr "$err" '[pP]ermission denied|[iI]s a directory'
expect 126 run busybox /etc/passwd
has stderr "$err" '[pP]ermission denied'
expect 125 run --no-such-option busybox true
expect 125 run -v /no/such/directory:/x busybox true
# Standard input comes through, and its end too.
is "what cat read" "$(printf 'a\nb\n' | run -i busybox cat)" $'a\nb'

checking "a terminal"
is "tty says" "$(terminal run -t busybox tty)" /dev/pts/0
has "the exit status" "$(terminal run -t busybox sh -c 'exit 9' >/dev/null; echo $?)" '^9$'
is "its size, with -it" "$(terminal run -it busybox sh -c 'sleep 1; stty size')" "40 120"

checking "what a container is given"
mkdir -p /tmp/volume && echo inside >/tmp/volume/file
expect 0 run --hostname box --user 1000:1000 --workdir /tmp --env A='b c' --ulimit nofile=77:88 --sysctl kernel.msgmax=4242 busybox \
    sh -c 'hostname; id -u; pwd; echo "$A"; ulimit -n; ulimit -Hn; cat /proc/sys/kernel/msgmax; grep ^Seccomp: /proc/self/status'
is "hostname, user, directory, variable, ulimit, sysctl, seccomp" "$(xargs <<<"$out")" "box 1000 /tmp b c 77 88 4242 Seccomp: 2"
expect 0 run -v /tmp/volume:/volume -v /tmp/volume:/fixed:ro --tmpfs /scratch:size=1m --device /dev/fuse --shm-size 2m --init busybox sh -c '
    cat /volume/file; touch /volume/made; touch /fixed/other || echo refused; exec 3<>/dev/fuse && echo open
    cat /proc/1/comm; df -k /dev/shm; mount'
has "files and device" "$(head -n 3 <<<"$out" | xargs)" '^inside refused open$'
[ -f /tmp/volume/made ] || fail "nothing was written to the volume"
has stderr "$err" 'Read-only'
has init "$out" '^(catatonit|podman-init|init)$'
has "/dev/shm" "$out" ' 2048 '
has mounts "$out" 'on /scratch type tmpfs .*size=1024k'
status='grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status'
expect 1 run --read-only --cap-drop all --cap-add net_raw --security-opt no-new-privileges busybox sh -c "$status; touch /x"
is "capabilities, no_new_privs, seccomp" "$(xargs <<<"$out")" "CapEff: 0000000000002000 NoNewPrivs: 1 Seccomp: 2"
has stderr "$err" 'Read-only'
expect 0 run --privileged busybox sh -c 'mkdir -p /mnt; mount -t tmpfs x /mnt'
expect 0 run --security-opt seccomp=unconfined busybox sh -c "$status"
has seccomp "$out" 'Seccomp:.*0$'

checking "limits, in the container's own cgroup"
limits='cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max'
expect 0 run --memory 48m --pids-limit 33 --cpus 0.5 busybox sh -c "$limits"
is limits "$out" $'50331648\n33\n50000 100000'
expect 137 run --memory 16m --memory-swap 16m busybox dd if=/dev/zero of=/dev/null bs=64M count=1

checking "cgroup managers: systemd, cgroupfs, none"
expect 0 p --cgroup-manager cgroupfs run --rm --network none --memory 48m busybox cat /sys/fs/cgroup/memory.max
is "the limit under cgroupfs" "$out" 50331648
expect 0 p --cgroup-manager systemd run --rm --network none --memory 48m --cgroupns host busybox cat /proc/self/cgroup
has "the cgroup under systemd" "$out" '^0::/machine.slice/libpod-.*\.scope'
expect 0 p --cgroup-manager cgroupfs run --rm --network none --cgroupns host busybox cat /proc/self/cgroup
has "the cgroup under cgroupfs" "$out" '^0::/libpod_parent/libpod-'
if supports_nocgroups; then
    expect 0 run --cgroups disabled --cgroupns host busybox cat /proc/self/cgroup
    has_not "the cgroup with --cgroups disabled" "$out" 'libpod-[0-9a-f]{64}'
fi

checking "podman's own network, no port published"
expect 0 p run --rm --network bridge busybox sh -c 'ip addr show eth0; ip route'
has "its address" "$out" 'inet 10\.88\.'
has "its route" "$out" '^default via 10\.88\.0\.1'

checking "namespaces of the host"
shared='for kind in net pid ipc uts; do readlink /proc/self/ns/$kind; done'
expect 0 p run --rm --network host --pid host --ipc host --uts host busybox sh -c "$shared"
is namespaces "$out" "$(sh -c "$shared")"

checking "user namespaces"
echo containers:1000000:1000000 | tee -a /etc/subuid >>/etc/subgid
expect 0 run --userns auto:size=5000 busybox sh -c 'cat /proc/self/uid_map; id -u; touch /file'
has "the map" "$out" '^ *0 +1[0-9]{6} +5000$'
expect 0 run --uidmap 0:200000:1000 --gidmap 0:200000:1000 --user 7 -v /tmp/volume:/volume busybox sh -c 'id -u; cat /volume/file'
is "user and file" "$out" $'7\ninside'

checking "podman build"
mkdir -p /tmp/build
cat >/tmp/build/Containerfile <<'END'
FROM docker.io/library/busybox
RUN echo built >/built && test "$(id -u)" = 0
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x
CMD cat /built
END
expect 0 p build --quiet --network none --isolation oci --tag built /tmp/build
expect 0 run built
is "what was built" "$out" built
printf 'FROM docker.io/library/busybox\nRUN exit 3\n' >/tmp/build/Containerfile
expect 3 p build --network none --isolation oci /tmp/build
has stderr "$err" '(status|code).? 3'
