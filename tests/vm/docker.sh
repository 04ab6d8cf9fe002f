#!/bin/bash
# docker with urc as its default runtime.
. "$(dirname "$0")/machine/lib.sh"
mkdir -p /etc/docker
sed "s,/usr/local/bin/urc,$URC," cli/engines/docker.json >/etc/docker/daemon.json
systemctl start docker || fail "the daemon: $(journalctl -u docker -n 5 --no-pager)"
docker load --quiet --input /opt/busybox.tar >/dev/null || fail "docker load"
cleanup() {
    docker ps -aq | xargs -r docker rm -f
    systemctl stop docker docker.socket containerd
    ip link delete docker0
} >/dev/null 2>&1
trap cleanup EXIT
is "the default runtime" "$(docker info --format '{{.DefaultRuntime}}')" urc

run() { docker run --rm --network none "$@"; }
says() { docker logs "$1" 2>&1 | grep -q "$2"; }
status_is() { [ "$(docker inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }
health_is() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = "$2" ]; }

checking "output and exit statuses"
expect 0 run --runtime urc busybox echo hello
is stdout "$out" hello
expect 42 run busybox sh -c 'echo to stderr >&2; exit 42'
is stderr "$err" "to stderr"
expect 127 run busybox no-such-program
has stderr "$err" 'exec: "no-such-program": executable file not found in \$PATH'
expect 127 run busybox /no/such/program
has stderr "$err" 'no such file or directory'
expect 126 run busybox /etc/passwd
has stderr "$err" 'permission denied'
expect 126 run busybox /etc
expect 125 run --no-such-option busybox true
expect 137 run --init busybox sh -c 'kill -9 $$'
is "standard input" "$(printf 'a\nb\n' | run -i busybox cat)" $'a\nb'

checking "a terminal"
# docker may find that the container has ended before it could tell the size, and says so on the same terminal.
has "tty's answer" "$(terminal docker run --rm --network none -t busybox tty)" '^/dev/pts/0$'
is "its size" "$(terminal docker run --rm --network none -it busybox sh -c 'sleep 1; stty size')" "40 120"

checking "what a container is given"
status='grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; cat /proc/self/attr/current'
expect 0 run --user 1000 --workdir /tmp --env A=b --hostname box --ulimit nofile=77:88 --sysctl net.ipv4.ip_default_ttl=77 \
    --memory 48m --pids-limit 33 --cpus 0.5 --init --tmpfs /scratch:size=1m -v /opt:/opt:ro busybox sh -c '
    id -u; pwd; echo $A; hostname; ulimit -n; cat /proc/sys/net/ipv4/ip_default_ttl; cat /proc/1/comm; ls /opt
    cd /sys/fs/cgroup; cat memory.max pids.max cpu.max; mount'
is "user, directory, variable, hostname, ulimit, sysctl" "$(head -n 6 <<<"$out" | xargs)" "1000 /tmp b box 77 77"
has init "$out" '^(docker-init|tini)$'
has files "$out" '^busybox.tar$'
has limits "$(xargs <<<"$out")" ' 50331648 33 50000 100000 '
has mounts "$out" 'on /scratch type tmpfs .*size=1024k'
expect 1 run --read-only --cap-drop all --cap-add net_raw busybox sh -c "$status; touch /x"
is "capabilities, filter, profile" "$(xargs <<<"$out")" \
    "CapEff: 0000000000002000 NoNewPrivs: 0 Seccomp: 2 docker-default (enforce)"
has stderr "$err" 'Read-only'
expect 0 run --privileged busybox sh -c 'mkdir /mnt; mount -t tmpfs x /mnt && ls /dev/vda'
is "a device" "$out" /dev/vda
expect 0 run --security-opt no-new-privileges --security-opt seccomp=unconfined --security-opt apparmor=unconfined busybox sh -c "$status"
has "without them" "$(xargs <<<"$out")" 'NoNewPrivs: 1 Seccomp: 0 unconfined'
expect 0 docker run --rm busybox sh -c 'ip addr show eth0'
has "docker's network" "$out" 'inet 172\.'
expect 137 run --memory 16m --memory-swap 16m busybox dd if=/dev/zero of=/dev/null bs=64M count=1
expect 0 run --pid host --ipc host --uts host --cgroupns host busybox sh -c 'readlink /proc/self/ns/pid; cat /proc/self/cgroup'
has "the host's namespaces" "$out" "$(readlink /proc/self/ns/pid | tr '[]' ..)"
has "systemd's cgroup" "$out" '^0::/system.slice/docker-[0-9a-f]{64}.scope'

checking "a detached container, exec"
expect 0 docker run -d --name life --memory 64m busybox sh -c \
    'trap "echo got USR1" USR1; trap "echo got TERM; exit 5" TERM; echo started; while :; do sleep 0.2; done'
eventually "its output" says life started
expect 0 docker exec life echo hello
is stdout "$out" hello
expect 7 docker exec life sh -c 'exit 7'
expect 126,127 docker exec life no-such-program
has "docker's words" "$out$err" 'executable file not found in \$PATH'
expect 0 docker exec -u 1000 -w /tmp -e A=b life sh -c 'id -u; pwd; echo $A'
is "exec's user, directory, variable" "$out" $'1000\n/tmp\nb'
has "exec's terminal" "$(terminal docker exec -it life tty)" '^/dev/pts/0$'
is "exec's input" "$(echo through | docker exec -i life cat)" through
expect 0 docker exec -d life touch /made
eventually "the detached exec's file" docker exec life test -f /made
expect 0 docker exec --privileged life grep CapEff /proc/self/status
has "capabilities of exec --privileged" "$out" '0000003f|000001ff'

checking "top, stats"
expect 0 docker top life -eo pid,comm
has top "$out" ' sh$'
expect 0 docker stats --no-stream --format '{{.MemUsage}}|{{.PIDs}}' life
has stats "$out" '/ 64MiB\|[1-9]'

checking "pause, update, kill, stop, restart"
expect 0 docker pause life
status_is life paused || fail "not paused"
expect 0 docker unpause life
status_is life running || fail "not running"
expect 0 docker update --memory 96m --memory-swap 96m --pids-limit 44 --cpus 0.25 life
is limits "$(docker exec life sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max')" $'100663296\n44\n25000 100000'
expect 0 docker kill --signal USR1 life
eventually "the signal" says life 'got USR1'
expect 0 docker stop --time 20 life
is "exit status" "$(docker inspect -f '{{.State.ExitCode}}' life)" 5
expect 0 docker start life
expect 0 docker restart --time 0 life
status_is life running || fail "not running"
expect 0 docker kill life
eventually "its end" status_is life exited
is "exit status" "$(docker inspect -f '{{.State.ExitCode}}' life)" 137
expect 0 docker rm life

checking "restart=on-failure"
expect 0 docker run -d --name again --network none --restart on-failure:2 busybox sh -c 'exit 3'
eventually "two restarts" sh -c '[ "$(docker inspect -f "{{.RestartCount}} {{.State.Status}}" again)" = "2 exited" ]'
expect 0 docker rm again

checking "health"
expect 0 docker run -d --name health --network none --health-interval 1s --health-retries 1 --health-cmd 'test -f /ok' busybox \
    sh -c 'while :; do sleep 0.5; done'
eventually "unhealthy" health_is health unhealthy
expect 0 docker exec health touch /ok
eventually "healthy" health_is health healthy
expect 0 docker rm -f health

checking "a network shared by two"
expect 0 docker run -d --name server busybox sh -c 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www'
eventually "the server" docker run --rm --network container:server busybox wget -q -O- http://127.0.0.1/
expect 0 docker run --rm --network container:server busybox wget -q -O- http://127.0.0.1/
is "its page" "$out" page
expect 0 docker rm -f server

checking "docker build"
mkdir -p /tmp/build
printf 'FROM busybox\nRUN echo built >/built\nCMD cat /built\n' >/tmp/build/Dockerfile
expect 0 env DOCKER_BUILDKIT=0 docker build --quiet --network none --tag built /tmp/build
expect 0 run built
is "what was built" "$out" built

checking "docker build with BuildKit, which calls what is named runc"
mkdir -p /run/urc-as-runc /run/systemd/system/docker.service.d
ln -sf "$URC" /run/urc-as-runc/runc
printf '[Service]\nEnvironment=PATH=/run/urc-as-runc:/usr/sbin:/usr/bin:/sbin:/bin\n' >/run/systemd/system/docker.service.d/runc.conf
systemctl daemon-reload
systemctl restart docker
printf 'FROM busybox\nRUN echo built by buildkit >/built\nCMD cat /built\n' >/tmp/build/Dockerfile
expect 0 env DOCKER_BUILDKIT=1 docker build --quiet --network none --tag built2 /tmp/build
expect 0 run built2
is "what was built" "$out" "built by buildkit"
printf 'FROM busybox\nRUN exit 3\n' >/tmp/build/Dockerfile
expect 1 env DOCKER_BUILDKIT=1 docker build --network none /tmp/build
has stderr "$err" 'exit code: 3'
