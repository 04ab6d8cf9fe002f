#!/bin/bash
# A container as a systemd unit: in the foreground (Type=simple), in the background (Type=forking), for one command.
. "$(dirname "$0")/machine/lib.sh"
bundle=/run/unit-bundle
mkdir -p $bundle/rootfs
tar -xOf /opt/busybox.tar layer.tar | tar -xC $bundle/rootfs
"$URC" spec --bundle $bundle
configure() { # SCRIPT
    jq --arg script "$1" '.process.terminal = false | .process.args = ["/bin/sh", "-c", $script] | del(.linux.resources)' \
        $bundle/config.json >$bundle/new && mv $bundle/new $bundle/config.json
}
unit() { # NAME TEXT
    printf '[Service]\nSyslogIdentifier=unit-%s\n%s\n' "$1" "$2" >"/run/systemd/system/$1.service"
    systemctl daemon-reload
}
cleanup() {
    systemctl stop simple forking
    rm -f /run/systemd/system/{simple,forking}.service
    systemctl daemon-reload
    systemctl reset-failed
} >/dev/null 2>&1
trap cleanup EXIT
# By name, not by unit: what the container writes comes from a process outside the unit's cgroup.
logged() { journalctl --identifier "unit-$1" --output cat --no-pager | grep -q "$2"; }
container_is() { [ "$("$URC" state "$1" 2>/dev/null | jq -r .status)" = "$2" ]; }
none_left() { ! "$URC" state "$1" >/dev/null 2>&1; }

checking "Type=simple: output in the journal, stop"
unit simple "ExecStart=$URC run --bundle $bundle simple"
configure 'trap "echo got TERM; exit 0" TERM; echo started; while :; do sleep 0.2; done'
expect 0 systemctl start simple
eventually "its output" logged simple started
container_is simple running || fail "not running"
expect 0 systemctl stop simple
eventually "TERM comes" logged simple 'got TERM'
is "how it ended" "$(systemctl show --property Result --value simple)" success
eventually "it is deleted" none_left simple

checking "Type=simple: the container's exit status is the unit's"
configure 'exit 3'
expect 0 systemctl start simple
eventually "its end" sh -c '[ "$(systemctl show --property ExecMainStatus --value simple)" = 3 ]'
none_left simple || fail "it was not deleted"

checking "Type=forking: the container's process is the unit's"
unit forking "Type=forking
PIDFile=/run/forking.pid
ExecStart=$URC run --detach --pid-file /run/forking.pid --bundle $bundle forking
ExecStop=$URC kill forking TERM
ExecStopPost=-$URC delete --force forking"
configure 'trap "exit 4" TERM; while :; do sleep 0.2; done'
expect 0 systemctl start forking
is "the main process" "$(systemctl show --property MainPID --value forking)" "$(cat /run/forking.pid)"
container_is forking running || fail "not running"
expect 0 systemctl stop forking
is "its exit status" "$(systemctl show --property ExecMainStatus --value forking)" 4
none_left forking || fail "it was not deleted"

checking "systemd-run, with a terminal's size of output and a limit of the unit"
configure 'cat /proc/self/cgroup; echo done'
expect 0 systemd-run --wait --pipe --quiet --collect -p MemoryMax=200M "$URC" run --bundle $bundle once
has output "$out" '^done$'
