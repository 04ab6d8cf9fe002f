#!/bin/sh
# The foreground on a host without io_uring: once because URC_LOOP says so, once because a seccomp filter around urc
# answers io_uring_setup with EPERM, as Docker's does.
set -u
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip "python3 is not installed"
id=$tag-epoll

# refusing.py CODE PROGRAM ARGUMENT...: the program, for which io_uring_setup fails with errno CODE.
cat >"$work/refusing.py" <<'END'
import ctypes, os, platform, struct, sys
SETUP, ALLOW, ERRNO = 425, 0x7fff0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
rule = lambda code, yes, no, value: struct.pack("HBBI", code, yes, no, value)
rules = b"".join([rule(0x20, 0, 0, 0),             # the number of the call
                  rule(0x15, 0, 1, SETUP),         # io_uring_setup, on every architecture
                  rule(0x06, 0, 0, ERRNO | int(sys.argv[1])),
                  rule(0x06, 0, 0, ALLOW)])
buffer = ctypes.create_string_buffer(rules)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
program = Program(len(rules) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
# Root may install a filter without NO_NEW_PRIVS, which the container would inherit.
if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0): sys.exit(77)
os.execv(sys.argv[2], sys.argv[2:])
END

# on_terminal.py URC ROOT BUNDLE ID WORD...: `urc WORD...` on a terminal of its own, where two lines are typed and the
# size is changed; its exit status is ours.
cat >"$work/on_terminal.py" <<'END'
import fcntl, os, pty, signal, struct, sys, termios, time
child, master = pty.fork()
if child == 0: os.execv(sys.argv[1], sys.argv[1:])
def hear(wanted):
    text, end = b"", time.time() + 20
    while wanted not in text:
        if time.time() > end: sys.exit(f"no {wanted} in {text}")
        try: text += os.read(master, 4096)
        except OSError: sys.exit(f"the end, and no {wanted} in {text}")
hear(b"ready")
os.write(master, b"one\n")
hear(b"got one")
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
hear(b"33 77")
os.write(master, b"\x03")  # raw: the container's terminal makes a signal of it
hear(b"interrupted")
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status))
END
dialogue='trap \"stty size\" WINCH; trap \"echo interrupted; exit 9\" INT; echo ready; read line; echo got $line; while :; do sleep 0.1; done'

# waits_by NAME: the last call said in its debug log what it waits by.
waits_by() {
    check "it waits by $1" grep -q "waiting by $1" "$work/log"
    rm -f "$work/log"
}

# everything WORD...: all that the foreground does, with urc called through these words.
everything() {
    b=$(bundle epoll '.process.args = ["/bin/sh", "-c", "cat; echo to stderr >&2; exit 7"]')
    status=0
    echo "through stdio" | "$@" --root "$root" --debug --log "$work/log" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" ||
        status=$?
    check "its exit status: $status" [ "$status" = 7 ]
    check "its output: $(cat "$work/out")" [ "$(cat "$work/out")" = "through stdio" ]
    check "its stderr: $(cat "$work/err")" [ "$(cat "$work/err")" = "to stderr" ]
    waits_by epoll
    nothing_left

    b=$(bundle signals '.process.args = ["/bin/sh", "-c", "trap \"echo heard; exit 5\" TERM; echo ready; while :; do sleep 0.1; done"]')
    mkfifo "$work/fifo"
    "$@" --root "$root" run --bundle "$b" "$id" >"$work/fifo" 2>"$work/err" &
    foreground=$!
    { read -r line; check "it runs: $line" [ "$line" = ready ]; kill -TERM $foreground; read -r line; } <"$work/fifo"
    check "the signal arrives: $line" [ "$line" = heard ]
    status=0
    wait $foreground || status=$?
    check "and then its status: $status" [ "$status" = 5 ]
    rm "$work/fifo"
    nothing_left

    b=$(bundle terminal '.process.terminal = true | .process.args = ["/bin/sh", "-c", "'"$dialogue"'"]')
    ln -sf busybox "$b/rootfs/bin/stty"
    status=0
    timeout 60 python3 "$work/on_terminal.py" "$@" --root "$root" --debug --log "$work/log" run --bundle "$b" "$id" \
        >"$work/out" 2>"$work/err" || status=$?
    check "the terminal: $(cat "$work/err")" [ "$status" = 9 ]
    waits_by epoll
    nothing_left

    b=$(bundle exec '.process.args = ["/bin/sleep", "1000"]')
    ln -sf busybox "$b/rootfs/bin/stty"
    call run --detach --bundle "$b" "$id"
    status=0
    timeout 60 python3 "$work/on_terminal.py" "$@" --root "$root" --debug --log "$work/log" exec -t "$id" \
        sh -c "$(echo "$dialogue" | tr -d '\\')" >"$work/out" 2>"$work/err" || status=$?
    check "exec on a terminal: $(cat "$work/err")" [ "$status" = 9 ]
    waits_by epoll
    call delete --force "$id"
    nothing_left
}

test_when_the_environment_says_so() {
    everything /usr/bin/env URC_LOOP=epoll "$urc"
}

test_under_a_filter_that_forbids_it() {
    status=0
    python3 "$work/refusing.py" 1 /bin/true || status=$?
    [ "$status" = 0 ] || { echo "SKIP: no seccomp filter can be installed here"; return; }
    python=$(command -v python3)
    everything "$python" "$work/refusing.py" 1 "$urc"
    everything "$python" "$work/refusing.py" 38 "$urc"
}

test_a_backend_that_there_is_not() {
    b=$(bundle unknown)
    status=0
    URC_LOOP=kqueue "$urc" --root "$root" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" || status=$?
    check "it is refused: $status" [ "$status" = 1 ]
    check "by name" grep -q 'URC_LOOP is neither epoll nor io_uring: kqueue' "$work/err"
    nothing_left
}

main
