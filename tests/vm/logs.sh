#!/bin/bash
# What a container writes, under a real journald: --log-driver journald, `urc logs`, a journald that is restarted; and
# files that are rotated as logrotate does it, by mv and SIGHUP.
. "$(dirname "$0")/machine/lib.sh"
if [ "$(id -u)" = 0 ]; then user='' work=/run/logs-bundle; else user=--user work=$XDG_RUNTIME_DIR/logs-bundle; fi
mkdir -p $work/rootfs/talk $work/talk
tar -xOf /opt/busybox.tar layer.tar | tar -xC $work/rootfs
"$URC" spec ${user:+--rootless} --bundle $work
mv $work/config.json $work/example.json

# configure SCRIPT: what the next container runs. $work/talk is /talk in it, and empty.
configure() {
    rm -f $work/talk/*
    jq --arg script "$1" --arg talk $work/talk '.process.terminal = false | .process.args = ["/bin/sh", "-c", $script] |
        .mounts += [{destination: "/talk", type: "bind", source: $talk, options: ["rbind", "rw"]}] |
        del(.linux.resources)' $work/example.json >$work/config.json
}
await() { printf 'until [ -e /talk/%s ]; do sleep 0.2; done; ' "$1"; }
tell() { : >"$work/talk/$1"; }
detached() { "$@" </dev/null >/dev/null; }
start() { expect 0 detached "$URC" run --detach "${@:2}" --bundle $work "$1"; }
monitor_of() { "$URC" state "$1" | jq -r '.monitorPid // 0'; }
ended() { [ "$(monitor_of "$1")" = 0 ]; }
# journal ID: its entries as JSON. Every run of a container has an id of its own: the journal forgets nothing.
journal() {
    journalctl --sync
    journalctl --all --output json --no-pager "CONTAINER_ID=$1"
}
cleanup() {
    for id in $("$URC" list --quiet); do "$URC" delete --force "$id"; done
    systemctl stop keeps
    rm -f /run/systemd/system/keeps.service
    systemctl daemon-reload
    rm -rf $work
} >/dev/null 2>&1
trap cleanup EXIT

if [ -n "$user" ]; then
    checking "a user's container in the journal"
    configure 'echo "of a user"'
    start "$1" --log-driver journald
    eventually "the monitor ends" ended "$1"
    expect 0 "$URC" delete "$1"
    exit
fi

checking "the journal: both streams, who wrote it, lines longer than a record"
configure 'echo to stdout; sleep 0.5; echo to stderr >&2; sleep 0.5; head -c 40000 /dev/zero | tr "\0" x; echo; printf "no newline"'
start log1 --log-driver journald --log-opt tag=tagged
eventually "the monitor ends" ended log1
expect 0 journal log1
is "the first entry" "$(head -n 1 <<<"$out" | jq -r '[.PRIORITY, .MESSAGE, .CONTAINER_NAME, .SYSLOG_IDENTIFIER] | join(" ")')" \
    "6 to stdout log1 tagged"
is "the second" "$(sed -n 2p <<<"$out" | jq -r '[.PRIORITY, .MESSAGE] | join(" ")')" "3 to stderr"
is "the long line" "$(sed -n '3,$p' <<<"$out" | jq -r 'select(.MESSAGE | type == "string" and startswith("x")) | [.CONTAINER_PARTIAL_MESSAGE, (.MESSAGE | length)] | join(" ")' | tr '\n' ';')" \
    "true 16384;true 16384; 7232;"
is "the last" "$(tail -n 1 <<<"$out" | jq -r .MESSAGE)" "no newline"
expect 0 journalctl --identifier tagged --priority 3 --output cat --no-pager
is "what journalctl has of stderr" "$out" "to stderr"

checking "urc logs"
expect 0 "$URC" logs log1
is "stdout" "$(sha256sum <<<"$out")" "$( (echo to stdout; head -c 40000 /dev/zero | tr '\0' x; printf '\nno newline\n') | sha256sum)"
is "stderr" "$err" "to stderr"
expect 0 "$URC" logs --tail 1 log1
is "the last line" "$out$err" "no newline"
expect 0 "$URC" logs --stderr --timestamps log1
has "stderr with times" "$err" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+) to stderr$'
expect 0 "$URC" logs --until 1h log1
is "what is older than an hour" "$out$err" ""
expect 0 "$URC" delete log1

checking "urc logs: --follow, --since"
configure "echo before; $(await go) echo after; $(await end) echo last; sleep 0.2"
start log2 --log-driver journald
"$URC" logs --follow log2 >/run/followed 2>&1 </dev/null &
follower=$!
eventually "the first line" grep -qx before /run/followed
sleep 1.1
instant=$(date +%s)
tell go
eventually "the next" grep -qx after /run/followed
kill -0 $follower || fail "it does not follow any more"
tell end
wait $follower || fail "logs --follow: $?"
is "all of it" "$(tr '\n' ';' </run/followed)" "before;after;last;"
expect 0 "$URC" logs --since "$instant" log2
is "since then" "$out" $'after\nlast'
expect 0 "$URC" delete log2

checking "a journald that is restarted and stopped while it is written to: its socket keeps what comes"
configure 'i=0; until [ -e /talk/end ]; do i=$((i + 1)); echo $i; [ $((i % 50)) != 0 ] || sleep 0.1; done; echo $i >/talk/count; echo end $i'
start log3 --log-driver journald
for how in restart stop restart; do
    sleep 1
    systemctl $how systemd-journald || fail "systemctl $how"
done 2>/dev/null
sleep 1
tell end
eventually "the monitor ends" ended log3
count=$(cat $work/talk/count)
expect 0 journal log3
jq -r .MESSAGE <<<"$out" >/run/written
is "the last entry" "$(tail -n 1 /run/written)" "end $count"
(seq "$count"; echo "end $count") >/run/expected
cmp /run/written /run/expected || fail "of $count lines: $(diff /run/expected /run/written | head -n 5)"
expect 0 "$URC" delete log3

checking "a unit whose container logs to the journal by itself"
configure 'echo once; exit 3'
printf '[Service]\nSyslogIdentifier=unit-keeps\nExecStart=%s run --log-driver journald --bundle %s keeps\n' "$URC" $work \
    >/run/systemd/system/keeps.service
systemctl daemon-reload
expect 0 systemctl start keeps
eventually "its end" sh -c '[ "$(systemctl show --property ExecMainStatus --value keeps)" = 3 ]'
expect 0 journal keeps
is "as the container" "$(jq -r .MESSAGE <<<"$out")" once
expect 0 journalctl --identifier unit-keeps --output cat --no-pager
has "as the unit" "$out" '^once$'
systemctl reset-failed keeps

checking "files: mv and SIGHUP, as logrotate does it, lose nothing and double nothing"
configure 'i=0; until [ -e /talk/end ]; do i=$((i + 1)); echo $i; [ $((i % 50)) != 0 ] || sleep 0.1; done; echo $i >/talk/count'
start log4 --log-driver k8s-file,path=$work/k8s.log --log-driver json-file,path=$work/json.log
monitor=$(monitor_of log4)
for round in 3 2 1; do
    eventually "the files have something" test -s $work/k8s.log -a -s $work/json.log
    mv $work/k8s.log $work/k8s.log.$round
    mv $work/json.log $work/json.log.$round
    kill -HUP "$monitor" || fail "kill"
    eventually "there are new ones" test -e $work/k8s.log -a -e $work/json.log
done
tell end
eventually "the monitor ends" ended log4
seq "$(cat $work/talk/count)" >/run/expected
cat $work/k8s.log.{3,2,1} $work/k8s.log | cut -d' ' -f4- | cmp - /run/expected || fail "k8s-file: not all, or not in order"
cat $work/json.log.{3,2,1} $work/json.log | jq -j .log | cmp - /run/expected || fail "json-file: not all, or not in order"
expect 0 "$URC" delete log4

checking "attach beside the journal"
configure 'while read line; do echo "got $line"; done; exit 6'
start log5 --interactive --log-driver journald
printf 'a\nb\n' >/run/typed
status=0
attached=$("$URC" attach log5 </run/typed) || status=$?
is "its status" $status 6
is "what it says" "$attached" $'got a\ngot b'
eventually "the monitor ends" ended log5
expect 0 "$URC" logs log5
is "the log" "$out" $'got a\ngot b'
expect 0 "$URC" delete log5

as-user bash "$(readlink -f "$0")" log6 || exit
expect 0 journal log6
is "whose it is" "$(jq -r '[.MESSAGE, ._UID] | join(" ")' <<<"$out")" "of a user 1000"
