#!/bin/bash
# sd_notify(3) from a container to a real systemd: units of Type=notify with `urc run` and `urc run --detach`, reload,
# watchdog, the store of descriptors, systemd inside, podman's --sdnotify, a user's unit.
. "$(dirname "$0")/machine/lib.sh"
say=$(dirname "$0")/../../build/say # gcc -static -O2 -D_GNU_SOURCE -o build/say tests/blackbox/say.c
[ -x "$say" ] || skip "no $say"

if [ "$(id -u)" = 0 ]; then
    user='' units=/run/systemd/system work=/run/notify-bundle
else
    user=--user units=$XDG_RUNTIME_DIR/systemd/user work=$XDG_RUNTIME_DIR/notify-bundle
fi
mkdir -p $work/rootfs $work/talk $units
tar -xOf /opt/busybox.tar layer.tar | tar -xC $work/rootfs
cp "$say" $work/rootfs/say
mkdir -p $work/rootfs/talk

# configure SCRIPT [JQ-FILTER]: what the next container runs. $work/talk is /talk in it, and empty.
configure() {
    rm -f $work/talk/* $work/config.json
    "$URC" spec ${user:+--rootless} --bundle $work
    jq --arg script "$1" --arg talk $work/talk '.process.terminal = false | .process.args = ["/bin/sh", "-c", $script] |
        .mounts += [{destination: "/talk", type: "bind", source: $talk, options: ["rbind", "rw"]}] |
        del(.linux.resources) | '"${2:-.}" $work/config.json >$work/new && mv $work/new $work/config.json
}
# Words of those scripts.
await() { printf 'until [ -e /talk/%s ]; do sleep 0.2; done; ' "$1"; }
stay='while :; do sleep 0.2; done'
tell() { : >"$work/talk/$1"; }
told() { [ -e "$work/talk/$1" ]; }

s() { systemctl $user "$@"; }
# unit NAME TEXT: a unit of Type=notify.
unit() {
    printf '[Service]\nType=notify\nTimeoutStartSec=120\nSyslogIdentifier=unit-%s\n%s\n' "$1" "$2" >"$units/$1.service"
    s daemon-reload
}
names=(front back reload watched shared guest store engine beside)
cleanup() {
    s stop "${names[@]}"
    for name in "${names[@]}"; do
        "$URC" delete --force "$name"
        rm -f "$units/$name.service"
    done
    s daemon-reload
    s reset-failed
    [ -n "$user" ] || p rm --all --force --time 0
    umount /run/guest
    rm -rf $work
} >/dev/null 2>&1
trap cleanup EXIT
show() { s show --property "$2" --value "$1"; }
shows() { [ "$(show "$1" "$2")" = "$3" ]; }
command_of() { cat "/proc/$(show "$1" MainPID)/comm"; }
none_left() { ! "$URC" state "$1" >/dev/null 2>&1; }
monitor_of() { "$URC" state "$1" 2>/dev/null | jq -r '.monitorPid // 0'; }

# front NAME: a unit whose main process is `urc run`, from its start to its stop.
front() {
    configure "/say STATUS=preparing; $(await go) /say 'STATUS=at work\nREADY=1'; trap '/say STOPPING=1; exit 0' TERM; $stay"
    unit front "Delegate=yes
ExecStart=$URC run --bundle $work front"
    expect 0 s start --no-block front
    eventually "its status" shows front StatusText preparing
    is "before it is ready" "$(show front ActiveState)" activating
    tell go
    eventually "it is active" shows front ActiveState active
    is "its status" "$(show front StatusText)" "at work"
    expect 0 s status front
    has "systemctl status" "$out" 'Status: "at work"'
    is "the main process" "$(command_of front)" urc
    expect 0 s stop front
    is "how it ended" "$(show front Result)" success
    eventually "it is deleted" none_left front
}

if [ -n "$user" ]; then
    checking "a user's unit"
    front
    configure "exit 3"
    expect 1 s start front
    is "its exit status" "$(show front ExecMainStatus)" 3
    exit
fi

checking "in the foreground: activating, active, stopped"
front

checking "in the foreground: one that ends before it is ready"
configure 'exit 3'
expect 1 systemctl start front
is "how it ended" "$(show front Result) $(show front ExecMainStatus)" "exit-code 3"
configure 'exit 0'
expect 1 systemctl start front
is "how it ended" "$(show front Result)" protocol
none_left front || fail "it was not deleted"

checking "in the background: active when the container is ready, its init is the main process"
configure "/say STATUS=preparing; $(await go) /say READY=1; $(await more) /say 'WATCHDOG=1\nSTATUS=later';
    trap 'exit 4' TERM; : >/talk/waits; $stay"
unit back "WatchdogSec=1h
PIDFile=/run/back.pid
ExecStart=$URC run --detach --pid-file /run/back.pid --bundle $work back
ExecStopPost=-$URC delete --force back"
expect 0 systemctl start --no-block back
eventually "its status" shows back StatusText preparing
is "before it is ready" "$(show back ActiveState)" activating
tell go
eventually "it is active" shows back ActiveState active
is "who may speak" "$(show back NotifyAccess)" main
is "the main process" "$(show back MainPID)" "$("$URC" state back | jq .pid)"
[ "$(monitor_of back)" != 0 ] || fail "nobody monitors it"

checking "in the background: what comes after that"
before=$(show back WatchdogTimestampMonotonic)
tell more
eventually "its status" shows back StatusText later
[ "$(show back WatchdogTimestampMonotonic)" != "$before" ] || fail "WATCHDOG=1 did not come: $before"

checking "in the background: stop, the exit status is that of the container"
eventually "it waits for TERM" told waits
expect 0 systemctl stop back
is "how it ended" "$(show back Result) $(show back ExecMainStatus)" "exit-code 4"
none_left back || fail "it was not deleted"

checking "in the background: one that ends before it is ready, one that ends by itself"
configure 'exit 9'
expect 1 systemctl start back
is "its exit status" "$(show back ExecMainStatus)" 9
configure "/say READY=1; $(await go) exit 5"
expect 0 systemctl start back
tell go
eventually "its end" shows back ActiveState failed
is "its exit status" "$(show back ExecMainStatus)" 5
none_left back || fail "it was not deleted"

checking "reload: RELOADING=1 with its time, READY=1"
configure "trap '/say --monotonic \"RELOADING=1\nSTATUS=reloading\"; $(await go) /say \"READY=1\nSTATUS=reloaded\"' HUP; /say READY=1; $stay"
reload() { # OPTION...
    unit reload "ExecStart=$URC run $* --bundle $work reload
ExecStopPost=-$URC delete --force reload"
    rm -f $work/talk/go
    expect 0 systemctl start reload
    expect 0 systemctl kill --kill-whom main --signal HUP reload
    eventually "it reloads" shows reload ActiveState reloading
    eventually "its status" shows reload StatusText reloading
    tell go
    eventually "it is active" shows reload ActiveState active
    is "its status" "$(show reload StatusText)" reloaded
    systemctl kill --kill-whom main --signal KILL reload
    eventually "it is gone" none_left reload
}
reload
reload --detach
if [ "$(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')" -ge 253 ]; then
    unit reload "Type=notify-reload
ExecStart=$URC run --bundle $work reload"
    tell go
    expect 0 systemctl start reload
    expect 0 systemctl reload reload
    is "its status" "$(show reload StatusText)" reloaded
    systemctl kill --signal KILL reload
else
    left_out "Type=notify-reload: systemd is older than 253"
fi

checking "a watchdog that is not fed: in the foreground, in the background"
watched() { # OPTION...
    # Once it does not feed it, the next one does; SIGABRT is what systemd ends it with.
    configure "echo \$WATCHDOG_USEC \$WATCHDOG_PID >>/talk/told; trap 'echo abort >>/talk/told; exit 6' ABRT; /say READY=1;
        until [ -e /talk/hang ]; do /say WATCHDOG=1; sleep 0.2; done; rm /talk/hang; $stay"
    unit watched "WatchdogSec=10
Restart=on-watchdog
RestartSec=0
ExecStart=$URC run $* --bundle $work watched
ExecStopPost=-$URC delete --force watched"
    expect 0 systemctl start watched
    is "what it is told" "$(cat $work/talk/told)" "10000000 1"
    is "restarts" "$(show watched NRestarts)" 0
    tell hang
    eventually "it hangs" sh -c "! [ -e $work/talk/hang ]"
    eventually "it is restarted" shows watched NRestarts 1
    eventually "it is active again" shows watched ActiveState active
    is "what it was told" "$(tr '\n' ';' <$work/talk/told)" "10000000 1;abort;10000000 1;"
    expect 0 systemctl kill --kill-whom main --signal KILL watched
    eventually "it is gone" none_left watched
    systemctl reset-failed watched
}
watched
watched --detach

checking "NotifyAccess=all: a process of exec speaks"
configure "/say READY=1; $stay"
unit shared "NotifyAccess=all
ExecStart=$URC run --detach --bundle $work shared
ExecStopPost=-$URC delete --force shared"
expect 0 systemctl start shared
expect 0 "$URC" exec shared /say 'STATUS=from exec'
eventually "its status" shows shared StatusText "from exec"
systemctl kill --kill-whom main --signal KILL shared
eventually "it is gone" none_left shared

checking "descriptors in the store come back after a restart"
configure 'echo "$LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES" >>/talk/told
    if [ -n "$LISTEN_FDS" ]; then cat /proc/self/fd/3 >>/talk/told; else /say --memfd words "FDSTORE=1\nFDNAME=kept"; fi
    /say READY=1; trap "exit 0" TERM; '"$stay"
unit store "FileDescriptorStoreMax=3
ExecStart=$URC run --notify-fdstore --bundle $work store"
expect 0 systemctl start store
eventually "it is stored" shows store NFileDescriptorStore 1
expect 0 systemctl restart store
is "what it was told" "$(tr '\n' ';' <$work/talk/told)" "  ;1 1 kept;words"
expect 0 systemctl stop store
eventually "it is gone" none_left store

checking "systemd inside: this machine's own, from a copy of its disk"
mkdir -p /run/guest /run/guest.upper /run/guest.work
mount -t overlay overlay -o lowerdir=/,upperdir=/run/guest.upper,workdir=/run/guest.work /run/guest || fail "overlay"
rm -f /run/guest/etc/systemd/system/*.wants/urc-vm.service
configure '' '.process.args = ["/sbin/init"] | .process.env += ["container=oci"] | .root = {path: "/run/guest"} |
    .linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique_by(.type) |
    (.mounts[] | select(.type == "cgroup")).options = ["rw", "nosuid", "noexec", "nodev"] |
    .mounts |= map(select(.destination != "/talk")) |
    .mounts += ["/run", "/run/lock", "/tmp", "/var/log/journal" | {destination: ., type: "tmpfs", source: "tmpfs", options: ["mode=755"]}] |
    ("CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_SYS_CHROOT CAP_SETFCAP
      CAP_NET_BIND_SERVICE" | [splits("\\s+")]) as $all | .process.capabilities |= map_values($all)'
unit guest "TimeoutStartSec=300
TimeoutStopSec=120
KillMode=mixed
KillSignal=SIGRTMIN+3
ExecStart=$URC run --bundle $work guest"
expect 0 systemctl start guest
is "its status" "$(show guest StatusText)" Ready.
expect 0 systemctl stop guest
is "how it ended" "$(show guest Result)" success
none_left guest || fail "it was not deleted"

# conmon passes on READY=1 and nothing else.
checking "podman forwards by itself: --sdnotify=container, --sdnotify=conmon"
podman_setup
engine() { # NAME SCRIPT OPTION...
    configure "$2"
    unit "$1" "NotifyAccess=all
Environment=HOME=/root
ExecStart=podman --runtime $runtime run --name $1 --detach --cgroups=no-conmon --network none ${*:3} \\
    -v $work/talk:/talk -v $work/rootfs/say:/say busybox sh -c 'exec sh /talk/script'
ExecStopPost=-podman rm --force --time 0 $1"
    printf '%s\n' "$2" >$work/talk/script
    expect 0 systemctl start --no-block "$1"
}
engine engine ": >/talk/up; $(await go) /say READY=1; trap 'exit 0' TERM; $stay" --sdnotify=container
eventually "it runs" told up
is "before it is ready" "$(show engine ActiveState)" activating
! pgrep -x urc || fail "urc monitors beside conmon"
tell go
eventually "it is active" shows engine ActiveState active
is "the main process" "$(command_of engine)" conmon
expect 0 systemctl stop engine
is "how it ended" "$(show engine Result)" success
engine beside "echo \"\$NOTIFY_SOCKET.\" >/talk/socket; : >/talk/up; trap 'exit 0' TERM; $stay" --sdnotify=conmon
eventually "it is active" shows beside ActiveState active
eventually "it runs" told up
is "what it knows of the manager" "$(cat $work/talk/socket)" .
! pgrep -x urc || fail "urc monitors beside conmon"
is "the main process" "$(command_of beside)" conmon
expect 0 systemctl stop beside

as-user bash "$(readlink -f "$0")" || exit
