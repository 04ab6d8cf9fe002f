#!/bin/sh
# Bad input: one clear line that names the thing and the reason, the right status, and nothing left behind.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-bad

test_no_bundle() {
    call run --bundle "$work/nowhere" "$id"
    refused 1 "urc: run $id: bundle: $work/nowhere: No such file or directory"
}

test_no_config() {
    mkdir -p "$work/empty"
    call run --bundle "$work/empty" "$id"
    refused 1 'config.json: No such file or directory'
}

test_broken_json_names_the_position() {
    b=$(bundle json)
    printf '{\n  "ociVersion": "1.2.0",\n  "process": { "args": [ "sh" "x" ] }\n}\n' >"$b/config.json"
    call run --bundle "$b" "$id"
    refused 1 'config.json: line 3, column [0-9]+: '
}

test_wrong_type_names_the_field() {
    b=$(bundle type '.process.user.uid = "zero"')
    call run --bundle "$b" "$id"
    refused 1 'config.json: process.user.uid: expected .*, got a string'
}

test_unknown_namespace() {
    b=$(bundle ns '.linux.namespaces += [{"type":"galaxy"}]')
    call run --bundle "$b" "$id"
    refused 1 'namespaces\[[0-9]+\].*galaxy'
}

test_joined_namespace_of_another_kind() {
    b=$(bundle nspath '.linux.namespaces = [.linux.namespaces[] | if .type == "network" then .path = "/proc/self/ns/uts" else . end]')
    call run --bundle "$b" "$id"
    refused 1 'linux.namespaces\[[0-9]\].path: .*/proc/self/ns/uts: not a network namespace'
    b=$(bundle nsgone '.linux.namespaces = [.linux.namespaces[] | if .type == "network" then .path = "/no/such/ns" else . end]')
    call run --bundle "$b" "$id"
    refused 1 'linux.namespaces\[[0-9]\].path: open: /no/such/ns: No such file'
}

test_missing_rootfs() {
    b=$(bundle noroot '.root.path = "gone"')
    call run --bundle "$b" "$id"
    refused 1 'gone: No such file or directory'
}

test_rootfs_that_is_a_symlink() {
    b=$(bundle linkroot '.root.path = "link"')
    ln -s rootfs "$b/link"
    call run --bundle "$b" "$id"
    refused 1 'link: '
}

test_missing_program() {
    b=$(bundle noprog '.process.args = ["no-such-program"]')
    call run --bundle "$b" "$id"
    refused 1 'exec: "no-such-program": executable file not found in \$PATH'
    call create --bundle "$b" "$id"
    refused 1 'exec: "no-such-program": executable file not found in \$PATH'
}

test_missing_program_with_a_path() {
    b=$(bundle nopath '.process.args = ["/bin/no-such"]')
    call run --bundle "$b" "$id"
    refused 1 'exec: "/bin/no-such": stat /bin/no-such: no such file or directory'
}

test_program_that_is_not_executable() {
    b=$(bundle noexec '.process.args = ["/etc/data"]')
    echo data >"$b/rootfs/etc/data"
    call run --bundle "$b" "$id"
    refused 1 'exec: "/etc/data": permission denied'
}

test_interpreter_that_is_missing() {
    b=$(bundle interp '.process.args = ["/bin/script"]')
    printf '#!/bin/nope\n' >"$b/rootfs/bin/script"
    chmod 755 "$b/rootfs/bin/script"
    call run --bundle "$b" "$id"
    refused 1 "urc: run $id: exec /bin/script: no such file or directory"
}

test_bad_id() {
    b=$(bundle badid)
    for bad in 'a/b' '..' '.hidden' 'a b' 'ä'; do
        call run --bundle "$b" "$bad"
        refused 1 'invalid container ID format'
    done
}

test_duplicate_id() {
    b=$(bundle dup '.process.args = ["/bin/sleep", "60"]')
    call run --detach --bundle "$b" "$id"
    check "the first one starts" [ "$status" = 0 ]
    status=0
    "$urc" --root "$root" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" || status=$?
    check "status 1" [ "$status" = 1 ]
    check "says so" grep -q 'container with given ID already exists' "$work/err"
    "$urc" --root "$root" state "$id" >"$work/out"
    check "the holder lives on" grep -q '"running"' "$work/out"
    call delete --force "$id"
    check "it can be deleted" [ "$status" = 0 ]
    nothing_left
}

test_unwritable_root() {
    b=$(bundle roroot)
    mkdir -p "$work/ro"
    ignored_mount=$work/ro
    mount -t tmpfs -o ro tmpfs "$work/ro"
    status=0
    "$urc" --root "$work/ro" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" || status=$?
    umount "$work/ro"
    refused 1 'Read-only file system'
    ignored_mount=
}

test_full_pid_limit() {
    # A cgroup whose pids.max is reached: the clone itself is refused.
    b=$(bundle pids)
    limit=/sys/fs/cgroup/pids/$tag-limit
    [ -d /sys/fs/cgroup/pids ] || { echo "  not here: no v1 pids hierarchy"; return; }
    mkdir "$limit"
    status=0
    (
        sh -c 'echo $PPID' >"$limit/cgroup.procs"
        echo 1 >"$limit/pids.max"
        # A build with ASan looks for leaks from a process of its own, which the limit refuses as well.
        export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
        exec "$urc" --root "$root" run --bundle "$b" "$id"
    ) >"$work/out" 2>"$work/err" || status=$?
    rmdir "$limit"
    refused 1 'clone3: .*limit'
}

test_read_only_cgroupfs() {
    b=$(bundle rocg)
    status=0
    unshare --mount sh -c '
        mount --make-rprivate /
        for dir in /sys/fs/cgroup /sys/fs/cgroup/*; do
            if mountpoint -q "$dir"; then mount --bind "$dir" "$dir"; mount -o remount,bind,ro "$dir"; fi
        done
        exec "$@"' sh "$urc" --root "$root" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" || status=$?
    refused 1 'cgroup.*Read-only file system'
}

test_intel_rdt_is_refused_where_there_is_no_resctrl() {
    ! grep -q ' - resctrl ' /proc/self/mountinfo || return 0
    b=$(bundle rdt '.linux.intelRdt = {"closID": "x"}')
    for verb in run create; do
        call "$verb" --bundle "$b" "$id"
        refused 1 'config.json: linux.intelRdt: Intel RDT is not supported here, or its resctrl file system is not mounted'
    done
    b=$(bundle rdtname '.linux.intelRdt = {"closID": "a/b"}')
    call run --bundle "$b" "$id"
    refused 1 'linux.intelRdt.closID: not a name'
    b=$(bundle rdtupdate '.process.args = ["sleep", "1000"]')
    call run --detach --bundle "$b" "$id" </dev/null
    call update --mem-bw-schema MB:0=50 "$id"
    [ "$status" = 1 ] || fail "status $status, expected 1"
    grep -q 'mem-bw-schema: Intel RDT is not supported here' "$work/err" || fail "the option is not named"
    call delete --force "$id"
    nothing_left
}

test_terminal_without_a_place_for_it() {
    b=$(bundle tty '.process.terminal = true')
    call run --detach --bundle "$b" "$id"
    refused 1 'cannot allocate tty if urc will detach without setting console socket'
    b=$(bundle notty)
    call create --console-socket "$work/none.sock" --bundle "$b" "$id"
    refused 1 'cannot use console socket'
}

test_preserve_fds_that_are_not_open() {
    b=$(bundle fds)
    call run --preserve-fds 5 --bundle "$b" "$id" 3>&- 4>&-
    refused 1 '--preserve-fds: descriptor 3: Bad file descriptor'
}

test_pid_file_that_cannot_be_written() {
    b=$(bundle pidfile)
    call run --pid-file "$work/no/such/dir/pid" --bundle "$b" "$id"
    grep -q "pid file: $work/no/such/dir/pid: No such file" "$work/err" || fail "the path is not the one given"
    refused 1 'No such file or directory'
}

# The loop's memory is asked for before anything is made: a limit that leaves none is refused, never found out later.
test_no_room_for_the_loop() {
    # With shared libraries the allocator is everyone's, and nothing runs at all.
    ldd "$urc" >/dev/null 2>&1 && return 0
    b=$(bundle noroom)
    for limit in -v -d; do
        # shellcheck disable=SC3045
        (ulimit "$limit" 20000; "$urc" --root "$root" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" </dev/null)
        status=$?
        refused 1 'reserve memory: under a limit .*: Cannot allocate memory'
    done
    call run --detach --bundle "$b" "$id"
    # shellcheck disable=SC3045
    (ulimit -v 20000; "$urc" --root "$root" exec "$id" true >"$work/out" 2>"$work/err" </dev/null)
    [ $? = 255 ] || fail "exec does not say 255"
    grep -q 'reserve memory' "$work/err" || fail "exec does not say why"
    call delete --force "$id"
    nothing_left
}

main
