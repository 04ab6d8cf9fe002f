#!/bin/sh
# `urc run` of a bundle with process.terminal, `urc exec -t` and `urc attach`, as a user meets them: terminal.py plays the
# caller's terminal and its shell. What goes on through --console-socket is in callers.sh and monitors.sh.
. "$(dirname "$0")/lib.sh"
python=$(python3 -c 'import sys; print(sys.executable)') || skip "python3 is not installed"

# play VERB SCENARIO...: each in turn, with nothing left behind.
play() {
    verb=$1
    shift
    for scenario; do
        status=0
        "$python" "$here/terminal.py" "$scenario" "$verb" "$urc" "$root" "$b" "$id" "$work" >"$work/out" 2>"$work/err" ||
            status=$?
        if [ "$status" = 77 ]; then
            echo "SKIP $verb $scenario: $(cat "$work/err")"
        else
            check "$verb $scenario: status $status" [ "$status" = 0 ]
            # What one that failed leaves is not the fault of the next.
            [ "$status" = 0 ] && [ "$verb" != attach ] || "$urc" --root "$root" delete --force "$id-$scenario-1"
        fi
        [ "$verb" = exec ] || nothing_left
    done
}

terminal_bundle() {
    b=$(bundle "$1" '.process.terminal = '"$2"' | .process.args = ["sleep", "1000"] | .root.readonly = false
        | .process.consoleSize = {"height": 33, "width": 99}')
    for applet in $(/bin/busybox --list); do [ "$applet" = busybox ] || ln -sf busybox "$b/rootfs/bin/$applet"; done
    id=$tag-$1
}

test_run() {
    terminal_bundle run true
    # shellcheck disable=SC2046
    play run $("$python" "$here/terminal.py")
}

test_exec() {
    terminal_bundle exec false
    call run --detach --bundle "$b" "$id"
    check "the container runs" [ "$status" = 0 ]
    # shellcheck disable=SC2046
    play exec $("$python" "$here/terminal.py")
    call delete --force "$id"
    nothing_left
}

# What the caller's terminal does to it; the rest is the monitor's.
test_attach() {
    terminal_bundle attach true
    play attach status_and_size resized stopped_without_asking suspended_by_the_shells_user started_in_the_background \
        job_control_inside
}

main
