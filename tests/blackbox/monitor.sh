#!/bin/sh
# What a container writes, kept: --log-driver in the foreground and in the background, `logs`, `attach`, and the
# monitor that `run -d` and `create` leave behind.
. "$(dirname "$0")/lib.sh"

# script NAME SCRIPT [JQ]: a bundle whose init runs SCRIPT; the log of the test before is gone.
script() {
    rm -f "$work"/log* "$work"/*/rootfs/tmp/go
    dir=$(bundle "$1" ".root.readonly = false | .process.args = [\"/bin/sh\", \"-c\", $(printf '%s' "$2" | jq -Rs .)] | ${3:-.}")
    for applet in seq head tr dd stty printf; do ln -sf busybox "$dir/rootfs/bin/$applet"; done
    printf '%s\n' "$dir"
}
# Ended, reaped or not: who adopts it is not ours to choose.
is_gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
status_of() { "$urc" --root "$root" state "$1" 2>/dev/null | jq -r .status; }
monitor_of() { "$urc" --root "$root" state "$1" 2>/dev/null | jq -r '.monitorPid // 0'; }
# until_ended ID: its monitor has ended, so everything that it wrote is there.
until_ended() {
    for i in $(seq 400); do [ "$(monitor_of "$1")" = 0 ] && return 0; sleep 0.05; done
    fail "the monitor of $1 is still there"
}
# The text of a k8s-file or json-file, without times; P records are joined to the next.
text_of() { awk '{ tag = $3; sub(/^[^ ]+ [^ ]+ [PF] ?/, ""); printf "%s%s", $0, tag == "P" ? "" : "\n" }' "$1"; }

test_a_log_in_the_background() {
    dir=$(script c 'echo one; echo two >&2; printf three')
    call run -d --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    check "run: $status" [ "$status" = 0 ]
    until_ended $tag-c
    check "three records: $(cat "$work/log")" [ "$(cut -d' ' -f2- "$work/log" | sort | tr '\n' ';')" = \
        'stderr F two;stdout F one;stdout F three;' ]
    check "times as podman reads them" grep -Eq '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}\+00:00 ' "$work/log"
    call logs $tag-c
    check "logs: stdout" [ "$(tr '\n' ';' <"$work/out")" = 'one;three;' -o "$(tr '\n' ';' <"$work/out")" = 'one;three' ]
    check "logs: stderr" [ "$(cat "$work/err")" = two ]
    check "stopped" [ "$(status_of $tag-c)" = stopped ]
    call delete $tag-c
    check "delete: $status" [ "$status" = 0 ]
    nothing_left
}

test_the_monitor_holds_nothing_of_the_caller() {
    dir=$(script c 'sleep 60')
    # Who reads run's output gets an end of file although the container lives on.
    "$urc" --root "$root" run -d --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c 2>&1 </dev/null | cat >"$work/out"
    monitor=$(monitor_of $tag-c)
    check "there is a monitor" [ "$monitor" -gt 0 ]
    check "it has one task" [ "$(ls "/proc/$monitor/task" | wc -l)" = 1 ]
    check "its working directory is no one's" [ "$(readlink "/proc/$monitor/cwd")" = / ]
    for fd in /proc/"$monitor"/fd/*; do
        number=${fd##*/}
        target=$(readlink "$fd") || continue
        checks=$((checks + 1))
        case $number:$target in
            [012]:/dev/null | *:anon_inode:* | *:socket:* | *:pipe:* | *:"$work/log" | *:pidfd:*) ;;
            *) fail "descriptor $number of the monitor is $target" ;;
        esac
    done
    call delete --force $tag-c
    check "gone with the container" is_gone "$monitor"
    nothing_left
}

test_create_and_start_with_a_log() {
    dir=$(script c 'echo started')
    call create --log-driver json-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    check "created" [ "$(status_of $tag-c)" = created ]
    check "nothing yet" [ ! -s "$work/log" ]
    call start $tag-c
    until_ended $tag-c
    check "docker's form: $(cat "$work/log")" [ "$(jq -c '[.log, .stream]' "$work/log")" = '["started\n","stdout"]' ]
    call delete $tag-c
    nothing_left
    # One that is never started.
    call create --log-driver json-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    call delete --force $tag-c
    nothing_left
}

test_the_default_file_is_in_the_bundle() {
    dir=$(script c 'echo here')
    call run -d --log-driver k8s-file --bundle "$dir" $tag-c
    until_ended $tag-c
    check "BUNDLE/ID.log: $(cat "$dir/$tag-c.log")" grep -q 'stdout F here' "$dir/$tag-c.log"
    call delete $tag-c
}

test_in_the_foreground_it_is_shown_and_kept() {
    dir=$(script c 'echo out; echo err >&2; exit 4')
    call run --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    check "the status, not $status" [ "$status" = 4 ]
    check "shown" [ "$(cat "$work/out")" = out -a "$(cat "$work/err")" = err ]
    check "kept" [ "$(cut -d' ' -f2- "$work/log" | sort | tr '\n' ';')" = 'stderr F err;stdout F out;' ]
    nothing_left
}

test_several_sinks_and_streams() {
    dir=$(script c 'echo out; echo err >&2')
    call run -d --log-driver "raw-file,path=$work/o,stream=stdout" --log-driver "raw-file,path=$work/e,stream=stderr" \
        --log-driver "json-file,path=$work/j" --log-driver null --bundle "$dir" $tag-c
    check "run: $status $(cat "$work/err")" [ "$status" = 0 ]
    until_ended $tag-c
    check "each its own" [ "$(cat "$work/o")" = out -a "$(cat "$work/e")" = err -a "$(wc -l <"$work/j")" = 2 ]
    call delete $tag-c
}

test_a_hundred_megabytes() {
    dir=$(script c 'head -c 100000000 /dev/zero | tr "\\0" x; echo; seq 200000')
    call run -d --log-driver "raw-file,path=$work/raw" --log-driver "k8s-file,path=$work/log" --bundle "$dir" $tag-c
    until_ended $tag-c
    expected=$( (head -c 100000000 /dev/zero | tr '\0' x; echo; seq 200000) | sha256sum)
    check "raw" [ "$(sha256sum <"$work/raw")" = "$expected" ]
    check "records" [ "$(text_of "$work/log" | sha256sum)" = "$expected" ]
    call delete $tag-c
}

test_rotation_by_size_and_by_hand() {
    dir=$(script c 'seq 100000; while ! [ -e /tmp/go ]; do sleep 0.05; done; echo last')
    call run -d --log-driver k8s-file --log-opt path="$work/log" --log-opt max-size=1m --log-opt max-files=100 --bundle "$dir" $tag-c
    for i in $(seq 200); do cat "$work"/log* | grep -q ' 100000$' && break; sleep 0.05; done
    check "there are rotated ones" [ -s "$work/log.1" -a -s "$work/log.2" ]
    check "none is much larger" [ "$(find "$work" -name 'log*' -size +1100k | wc -l)" = 0 ]
    before=$(ls "$work"/log.* | wc -l)
    call logs --rotate $tag-c
    check "rotate: $status $(cat "$work/err")" [ "$status" = 0 ]
    pid=$("$urc" --root "$root" state $tag-c | jq .pid)
    : >"/proc/$pid/root/tmp/go"
    until_ended $tag-c
    check "one more: $before and $(ls "$work"/log.* | wc -l)" [ "$(ls "$work"/log.* | wc -l)" -gt "$before" ]
    call logs $tag-c
    check "all of it over all files" [ "$(sha256sum <"$work/out")" = "$( (seq 100000; echo last) | sha256sum)" ]
    call logs --tail 2 $tag-c
    check "the last two: $(cat "$work/out")" [ "$(tr '\n' ';' <"$work/out")" = '100000;last;' ]
    call delete $tag-c
    rm -f "$work"/log* "$work"/*/rootfs/tmp/go
}

test_hup_opens_the_file_anew() {
    dir=$(script c 'echo a; while ! [ -e /tmp/go ]; do sleep 0.05; done; echo b')
    call run -d --log-driver raw-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    for i in $(seq 200); do [ -s "$work/log" ] && break; sleep 0.05; done
    mv "$work/log" "$work/old"
    monitor=$(monitor_of $tag-c)
    check "there is a monitor" [ "$monitor" -gt 0 ] && kill -HUP "$monitor"
    pid=$("$urc" --root "$root" state $tag-c | jq .pid)
    : >"/proc/$pid/root/tmp/go"
    until_ended $tag-c
    check "the old one ends, the new one begins" [ "$(cat "$work/old")" = a -a "$(cat "$work/log")" = b ]
    call delete $tag-c
    rm -f "$work/log"
}

test_following_ends_with_the_container() {
    dir=$(script c 'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done')
    call run -d --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    call logs -f $tag-c
    check "all lines, and an end: $(cat "$work/out")" [ "$(tr '\n' ' ' <"$work/out")" = '1 2 3 4 5 ' ]
    call delete $tag-c
}

test_delete_by_force_loses_nothing_that_was_written() {
    dir=$(script c 'seq 50000; sleep 60')
    call run -d --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    for i in $(seq 200); do [ -s "$work/log" ] && break; sleep 0.05; done
    written=$(grep -c . "$work/log")
    call delete --force $tag-c
    check "delete: $status" [ "$status" = 0 ]
    check "at least what was there: $written" [ "$(grep -c . "$work/log")" -ge "$written" ]
    check "without holes" sh -c "cut -d' ' -f4 '$work/log' | awk '{ if (\$1 != NR) exit 1 }'"
    nothing_left
}

test_a_monitor_that_is_killed() {
    dir=$(script c 'sleep 60')
    call run -d --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    monitor=$(monitor_of $tag-c)
    check "there is a monitor" [ "$monitor" -gt 0 ] && kill -KILL "$monitor"
    check "the container goes on" [ "$(status_of $tag-c)" = running ]
    call attach --no-stdin $tag-c
    refused_beside 1 'nobody monitors the container'
    call delete --force $tag-c
    check "delete: $status" [ "$status" = 0 ]
    nothing_left
}
# refused, while a container is still there.
refused_beside() {
    checks=$((checks + 1))
    [ "$status" = "$1" ] || fail "status $status, expected $1"
    grep -Eq -e "$2" "$work/err" || fail "stderr does not match: $2"
}

test_a_fifo_without_a_reader_and_delete() {
    dir=$(script c 'seq 100000')
    call run -d --log-driver "fifo,path=$work/fifo" --bundle "$dir" $tag-c
    check "the container waits for a reader" [ "$(status_of $tag-c)" = running ]
    call delete --force $tag-c
    check "delete does not: $status" [ "$status" = 0 ]
    rm -f "$work/fifo"
    nothing_left
}

test_a_fifo_whose_readers_come_and_go() {
    dir=$(script c 'seq 200000')
    call run -d --log-driver "fifo,path=$work/fifo" --bundle "$dir" $tag-c
    head -c 300000 "$work/fifo" >"$work/first"
    cat "$work/fifo" >"$work/second" &
    reader=$!
    until_ended $tag-c
    wait $reader
    # What was in the first reader's own hands when it went is its; the rest is whole and in order.
    check "the end is there" [ "$(tail -n 1 "$work/second")" = 200000 ]
    call delete $tag-c
    rm -f "$work/fifo"
}

test_attach() {
    command -v python3 >/dev/null || return 0
    dir=$(script c 'while read line; do echo "got $line"; done; echo bye; exit 6')
    call run -d -i --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    status=0
    printf 'a\nb\n' | "$urc" --root "$root" attach $tag-c >"$work/out" 2>"$work/err" || status=$?
    check "its status is the container's, not $status" [ "$status" = 6 ]
    check "what it said: $(cat "$work/out")" [ "$(tr '\n' ';' <"$work/out")" = 'got a;got b;bye;' ]
    check "and in the log" [ "$(text_of "$work/log" | tr '\n' ';')" = 'got a;got b;bye;' ]
    call delete $tag-c
    nothing_left
}

test_a_terminal_in_the_background() {
    dir=$(script c 'stty size; read line; echo "got $line"; exit 3' '.process.terminal = true | .process.consoleSize = {"height": 33, "width": 99}')
    call run -d -i --log-driver raw-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    check "run: $status $(cat "$work/err")" [ "$status" = 0 ]
    status=0
    printf 'x\n' | "$urc" --root "$root" attach $tag-c >"$work/out" 2>"$work/err" || status=$?
    check "its status, not $status" [ "$status" = 3 ]
    check "the log: $(cat "$work/log")" sh -c "tr -d '\\r' <'$work/log' | tr '\\n' ';' | grep -q '^33 99;.*got x;'"
    call delete $tag-c
    nothing_left
}

test_bad_sinks_leave_nothing() {
    dir=$(script c true)
    for words in "--log-driver other" "--log-driver k8s-file --log-opt max-size=10x" "--log-driver k8s-file --log-opt colour=red" \
        "--log-driver fifo" "--log-driver none --log-driver null" "--log-driver fd,fd=x" "--log-opt path=/x" \
        "--log-driver k8s-file,path=$work/none/there/log" "--log-driver raw-file,path=$work" \
        "--log-driver fd,fd=77" "--log-driver k8s-file,policy=maybe"; do
        for how in "-d" ""; do
            call run $how $words --bundle "$dir" $tag-c
            refused 1 'log|there|fd|directory'
        done
    done
    call create --log-driver k8s-file --log-opt path="$work/none/there/log" --bundle "$dir" $tag-c
    refused 1 'there/log'
}

test_a_launch_that_fails_leaves_no_monitor() {
    dir=$(bundle c '.process.args = ["/not/there"]')
    call run -d --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    refused 1 'not/there'
    call create --log-driver k8s-file --log-opt path="$work/log" --bundle "$dir" $tag-c
    refused 1 'not/there'
    rm -f "$work/log"
}

main
