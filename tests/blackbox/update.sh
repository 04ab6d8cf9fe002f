#!/bin/sh
# pause, resume, ps, update and events as a user calls them.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-live

begin() {
    b=$(bundle live '.process.args = ["/bin/sleep", "1000"] | .linux.resources.pids = {limit: 50}')
    "$urc" --root "$root" run --detach --bundle "$b" "$id" </dev/null >/dev/null 2>&1
}
end() {
    call delete --force "$id"
    check "deleted" [ "$status" = 0 ]
    nothing_left
}
says() { # says PATTERN: the last call failed with status 1 and one such line
    checks=$((checks + 1))
    [ "$status" = 1 ] || fail "status $status, expected 1"
    grep -Eq -e "$1" "$work/err" || fail "stderr does not match: $1"
}
limit() { call events --stats "$id"; jq -r .data.pids.limit "$work/out"; }

test_wrong_values_change_nothing() {
    begin
    call update --pids-limit 60 --memory lots "$id"
    says 'update .*: invalid value for memory: "lots": expected a size'
    call update --pids-limit 60 --memory -2 "$id"
    says 'invalid value for memory: "-2"'
    call update --pids-limit 60 --cpu-share 1x "$id"
    says 'invalid value for cpu-share: "1x": expected a number'
    call update --pids-limit '' "$id"
    says 'invalid value for pids-limit: ""'
    call update --pids-limit 60 --cpuset-cpus 4000 "$id"
    says 'cpuset.cpus'
    call update --resources "$work/none" "$id"
    says 'No such file or directory'
    call update --l3-cache-schema 'L3:0=f' "$id"
    says 'l3-cache-schema: Intel RDT is not supported here'
    check "the limit is as it was" [ "$(limit)" = 50 ]
    end
}

test_update_from_options_and_documents() {
    begin
    call update --pids-limit 61 "$id"
    check "61" [ "$(limit)" = 61 ]
    printf '{"pids":{"limit":62}}' | "$urc" --root "$root" update -r - --pids-limit 9 "$id"
    check "the document counts, the options do not" [ "$(limit)" = 62 ]
    end
}

test_ps() {
    begin
    call ps --format json "$id"
    check "one number" [ "$(jq length "$work/out")" = 1 ]
    call ps "$id" -o pid,args
    check "a header and a row" [ "$(wc -l <"$work/out")" = 2 ]
    check "the program" grep -q 'sleep 1000' "$work/out"
    call kill "$id" KILL
    for _ in $(seq 500); do call ps "$id"; [ "$(wc -l <"$work/out")" = 1 ] && break; done
    check "only the header of a stopped one" grep -q '^UID' "$work/out"
    end
}

test_pause_and_resume() {
    begin
    call pause "$id"
    check "paused" [ "$status" = 0 ]
    call state "$id"
    check "says so" [ "$(jq -r .status "$work/out")" = paused ]
    call resume "$id"
    call resume "$id"
    says 'container not paused'
    end
}

test_events_end_with_the_container() {
    begin
    "$urc" --root "$root" events --interval 50ms "$id" >"$work/events" 2>"$work/err" &
    for _ in $(seq 1000); do [ -s "$work/events" ] && break; call state "$id"; done
    call kill "$id" KILL
    wait $!
    check "status of the end" [ $? = 0 ]
    check "lines of JSON" [ "$(jq -r .type "$work/events" | sort -u)" = stats ]
    call events --interval 5 "$id"
    says 'invalid value for interval: "5"'
    end
}

main
