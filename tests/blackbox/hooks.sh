#!/bin/sh
# The hooks of config.json as a caller sees them: when they run, where, with what, and what a failing one leaves.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-hooks
log=$work/log
mkdir -p "$log"

# The hook of the host's side. $1 names it; it writes down where it is and what it was given, and does what $2 says.
cat >"$work/hook" <<END
#!/bin/sh
{
    echo "\$1" >>$log/order
    for kind in mnt net pid uts ipc user cgroup; do echo "\$kind \$(readlink /proc/self/ns/\$kind)"; done >$log/\$1.ns
    pwd >$log/\$1.cwd
    env | sort >$log/\$1.env
    ls -l /proc/self/fd | sed -n '/ -> .proc.*fd\$/d; s/.* \([0-9]*\) -> .*/\1/p' | tr '\n' ' ' >$log/\$1.fds
    read -r pid comm state ppid pgrp sid rest </proc/self/stat
    echo \$pid >$log/\$1.pid; echo \$sid >$log/\$1.sid
    cat >$log/\$1.json
} 2>>$log/\$1.problems
case \${2-} in
    fail) echo "about to fail"; echo "cannot do it" >&2; exit 3 ;;
    kill) kill -KILL \$\$ ;;
    hang) trap '' TERM; sleep 100 ;;
esac
exit 0
END
chmod +x "$work/hook"

# The same from inside; /out is the log directory.
inside_hook() { # BUNDLE
    mkdir -p "$1/rootfs/out"
    for applet in readlink env sort cat pwd grep sed touch kill; do ln -sf busybox "$1/rootfs/bin/$applet"; done
    cat >"$1/rootfs/bin/hook" <<'END'
#!/bin/sh
echo "$1" >>/out/order
for kind in mnt net pid uts ipc; do echo "$kind $(readlink /proc/self/ns/$kind)"; done >/out/$1.ns
pwd >/out/$1.cwd
env | sort >/out/$1.env
grep -E '^(Cap|Seccomp:|NoNewPrivs|Uid)' /proc/self/status >/out/$1.status
cat >/out/$1.json
case ${2-} in
    fail) echo "not inside" >&2; exit 4 ;;
    hang) exec sleep 100 ;;
esac
exit 0
END
    chmod +x "$1/rootfs/bin/hook"
}

# One hook of each kind that writes itself down, named after its kind; changed by a jq program.
each_kind='def hook($path; $name): {path: $path, args: ["argv0", $name], env: ["GIVEN=" + $name, "PATH=/usr/bin:/bin"]};
    .mounts += [{destination: "/out", type: "bind", source: $log, options: ["rbind"]}] |
    .hooks = (["prestart", "createRuntime", "createContainer", "poststart", "poststop"] |
        map({(.): [hook($hook; .)]}) | add) |
    .hooks.startContainer = [hook("/bin/hook"; "startContainer")]'

hooked() { # NAME [JQ]
    rm -rf "$log"; mkdir -p "$log"
    b=$(bundle "$1")
    inside_hook "$b"
    jq --arg log "$log" --arg hook "$work/hook" "$each_kind | .process.args = [\"/bin/sh\", \"-c\", \"echo program >>/out/order\"]
        | .process.env += [\"OF_THE_PROCESS=1\"] | .annotations = {\"a/b\": \"c/\\\"d\"} | ${2:-.}" "$b/config.json" >"$b/config.new" &&
        mv "$b/config.new" "$b/config.json"
}

order() { cat "$log/order" 2>/dev/null | tr '\n' ' '; }
is_order() {
    [ "$(order)" = "$1" ] || { echo "    order: $(order)"; return 1; }
}
without_program() { grep -vx program "$log/order" | tr '\n' ' '; }

field() { jq -r "$2" "$log/$1.json"; }
no_process_of() { [ -z "$(pgrep -g "$1")" ]; }
eventually() { # COMMAND...: is true after a while; whoever was killed has to be reaped by somebody else
    for _ in $(seq 100); do
        "$@" && return
        sleep 0.05
    done
    return 1
}

is_field() { [ "$(field "$1" "$2")" = "$3" ] || { echo "    $1 $2: $(field "$1" "$2")"; return 1; }; }

test_every_kind_in_its_order_with_create_start_delete() {
    hooked stages '.process.args = ["/bin/sh", "-c", "echo program >>/out/order; exec sleep 100"]'
    call create --bundle "$b" "$id"
    check "is created" [ "$status" = 0 ]
    check "the first three have run" is_order 'prestart createRuntime createContainer '
    pid=$("$urc" --root "$root" state "$id" | jq .pid)
    for kind in prestart createRuntime; do
        check "$kind has the pid" is_field $kind .pid "$pid"
        check "$kind is outside" [ "$(sed -n 's/^mnt //p' "$log/$kind.ns")" = "$(readlink /proc/self/ns/mnt)" ]
    done
    check "createContainer is in the mount namespace" \
        [ "$(sed -n 's/^mnt //p' "$log/createContainer.ns")" = "$(readlink "/proc/$pid/ns/mnt")" ]
    check "createContainer is in the network namespace" \
        [ "$(sed -n 's/^net //p' "$log/createContainer.ns")" = "$(readlink "/proc/$pid/ns/net")" ]
    check "createContainer sees its own pid" is_field createContainer .pid 1
    call start "$id"
    check "starts" [ "$status" = 0 ]
    check "then inside, then outside" [ "$(without_program)" = 'prestart createRuntime createContainer startContainer poststart ' ]
    for kind in mnt net pid uts ipc; do
        check "startContainer is in the $kind namespace" \
            [ "$(sed -n "s/^$kind //p" "$log/startContainer.ns")" = "$(readlink "/proc/$pid/ns/$kind")" ]
    done
    check "poststart is outside" [ "$(sed -n 's/^pid //p' "$log/poststart.ns")" = "$(readlink /proc/self/ns/pid)" ]
    check "poststart has the pid" is_field poststart .pid "$pid"
    call kill "$id" KILL
    rm "$b/config.json"
    call delete --force "$id"
    check "is deleted without config.json" [ "$status" = 0 ]
    check "poststop comes last" [ "$(without_program)" = 'prestart createRuntime createContainer startContainer poststart poststop ' ]
    check "poststop has no pid" is_field poststop .pid null
    nothing_left
}

test_every_kind_with_run() {
    hooked run
    call run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "no hook writes to our streams" [ ! -s "$work/out" ] && check "nor to stderr" [ ! -s "$work/err" ]
    check "all have run" [ "$(without_program)" = 'prestart createRuntime createContainer startContainer poststart poststop ' ]
    nothing_left
    hooked detached '.process.args = ["/bin/sleep", "100"]'
    call run --detach --bundle "$b" "$id"
    check "runs detached" [ "$status" = 0 ]
    check "poststart before the return" is_order 'prestart createRuntime createContainer startContainer poststart '
    call delete --force "$id"
    check "poststop with delete --force" is_order 'prestart createRuntime createContainer startContainer poststart poststop '
    nothing_left
}

test_what_a_hook_is_given() {
    hooked given
    LEAKED=1 "$urc" --root "$root" run --bundle "$b" --preserve-fds 2 "$id" >"$work/out" 2>"$work/err" 3</ 4</
    for kind in prestart createRuntime createContainer poststart poststop; do
        check "$kind: only the given environment" [ "$(grep -v '^\(PWD\|_\|SHLVL\|OLDPWD\)=' "$log/$kind.env" | tr '\n' ' ')" = "GIVEN=$kind PATH=/usr/bin:/bin " ]
        check "$kind: in the bundle" [ "$(cat "$log/$kind.cwd")" = "$b" ]
        check "$kind: open: $(cat "$log/$kind.fds")" [ "$(cat "$log/$kind.fds")" = "0 1 2 " ]
        check "$kind: a session of its own" [ "$(cat "$log/$kind.sid")" = "$(cat "$log/$kind.pid")" ]
        check "$kind: no trouble" [ ! -s "$log/$kind.problems" ]
    done
    for kind in prestart createRuntime createContainer startContainer poststart poststop; do
        check "$kind: id" is_field $kind .id "$id"
        check "$kind: bundle" is_field $kind .bundle "$b"
        check "$kind: version" is_field $kind .ociVersion "$("$urc" --version | sed -n 's/^spec: //p')"
        check "$kind: annotations" is_field $kind '.annotations["a/b"]' 'c/"d'
        check "$kind: slashes are left alone" grep -q "\"bundle\":\"$b\"" "$log/$kind.json"
    done
    check "status of prestart" is_field prestart .status created
    check "status of createRuntime" is_field createRuntime .status creating
    check "status of createContainer" is_field createContainer .status creating
    check "status of startContainer" is_field startContainer .status created
    check "status of poststart" is_field poststart .status running
    check "status of poststop" is_field poststop .status stopped
    check "startContainer: its own environment, if it has one" grep -qx GIVEN=startContainer "$log/startContainer.env"
    check "startContainer: and then only that" [ -z "$(grep OF_THE_PROCESS "$log/startContainer.env")" ]
    nothing_left
}

test_arguments() {
    printf '#!/bin/sh\ntr "\\0" "\\n" </proc/$$/cmdline >%s/arguments\n' "$log" >"$work/show"
    chmod +x "$work/show"
    hooked arguments '.hooks = {createRuntime: [{path: "/bin/busybox", args: ["sh", "-c", "echo $0 >'"$log"'/argv0", "x y"]}]}'
    call run --bundle "$b" "$id"
    check "args[0] is the name it is called by" [ "$(cat "$log/argv0")" = "x y" ]
    hooked no-arguments '.hooks = {createRuntime: [{path: "'"$work"'/show"}]}'
    call run --bundle "$b" "$id"
    check "without args the path is" grep -qx "$work/show" "$log/arguments"
}

test_start_container_is_confined_as_the_program() {
    hooked confined '.process.user = {uid: 1000, gid: 1000} | .process.cwd = "/tmp" |
        .hooks.startContainer[0] |= del(.env) | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1}]} |
        .process.args = ["/bin/sh", "-c", "grep -E \"^(Cap|Seccomp:|NoNewPrivs|Uid)\" /proc/self/status; pwd; env | sort"]'
    chmod 777 "$log"; touch "$log/order"; chmod 666 "$log/order"
    call run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "the same user, capabilities, filter" [ "$(cat "$log/startContainer.status")" = "$(head -n 8 "$work/out")" ]
    check "there is a filter" grep -q '^Seccomp:.*2' "$log/startContainer.status"
    check "the same directory" [ "$(cat "$log/startContainer.cwd")" = "$(sed -n 9p "$work/out")" ]
    check "the program's environment" [ "$(cat "$log/startContainer.env")" = "$(sed -n '10,$p' "$work/out")" ]
    nothing_left
}

# The init beside it is still urc's own: not to be traced, not even with the capability for it.
test_start_container_cannot_reach_urc() {
    hooked reach '.hooks = {startContainer: [{path: "/bin/sh", args: ["sh", "-c", "grep Cap /proc/self/status >/out/caps; readlink /proc/1/exe >/out/exe; cat /proc/1/environ >/out/environ; readlink /proc/self/exe >/out/own; exit 0"]}]} |
        .process.capabilities = (["CAP_SYS_PTRACE", "CAP_KILL"] | {bounding: ., effective: ., permitted: .}) |
        .process.noNewPrivileges = false'
    call run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "no exe of the init" [ ! -s "$log/exe" ]
    check "no memory of the init" [ ! -s "$log/environ" ]
    check "without CAP_SYS_PTRACE, for good" [ "$(grep -c 0000000000000020 "$log/caps")" = 3 ]
    printf '#!/proc/self/exe\n' >"$b/rootfs/bin/escape"; chmod +x "$b/rootfs/bin/escape"
    jq '.hooks.startContainer = [{path: "/bin/escape", args: ["escape", "--version"]}]' "$b/config.json" >"$b/new"; mv "$b/new" "$b/config.json"
    call run --bundle "$b" "$id"
    refused 1 'error running startContainer hook #0: '
    check "urc was not what ran" [ -z "$(grep -i 'version\|usage' "$work/err")" ]
}

fails_at() { # KIND INDEX PATTERN VERB...: the hook with this index fails
    kind=$1 index=$2 pattern=$3
    shift 3
    call "$@"
    refused 1 "error running $kind hook #$index: $pattern"
}

test_a_failing_hook_undoes_the_create() {
    for kind in prestart createRuntime createContainer; do
        for index in 0 2; do
            for verb in create run 'run --detach'; do
                hooked fails ".hooks.$kind = [range(0; $index) as \$i | .hooks.$kind[0]] + [.hooks.$kind[0] | .args += [\"fail\"]] + [.hooks.$kind[0]]"
                # shellcheck disable=SC2086
                fails_at $kind $index 'exit status 3: cannot do it$' $verb --bundle "$b" "$id"
                check "$kind, $verb: none after it" [ "$(grep -cx $kind "$log/order")" = $((index + 1)) ]
                check "$kind, $verb: poststop has its turn" [ "$(tail -n 1 "$log/order")" = poststop ]
                check "$kind, $verb: it is told" is_field poststop .status stopped
                check "$kind, $verb: no program" [ -z "$(grep program "$log/order")" ]
            done
        done
    done
}

test_a_failing_hook_ends_the_start() {
    for index in 0 1; do
        hooked inside ".hooks.startContainer = [range(0; $index) as \$i | .hooks.startContainer[0]] + [.hooks.startContainer[0] | .args += [\"fail\"]]"
        fails_at startContainer $index 'exit status 4: not inside$' run --bundle "$b" "$id"
        check "startContainer, run: poststop, no program" is_order "prestart createRuntime createContainer $(printf 'startContainer %.0s' $(seq 0 $index))poststop "
        rm "$log/order"
        call create --bundle "$b" "$id"
        check "startContainer: is created" [ "$status" = 0 ]
        fails_at startContainer $index 'exit status 4: not inside$' start "$id"
        check "startContainer, start: poststop" [ "$(tail -n 1 "$log/order")" = poststop ]
    done
    hooked after '.process.args = ["/bin/sleep", "100"] | .hooks.poststart[0].args += ["fail"] | .hooks.poststart += [.hooks.poststart[0]]'
    fails_at poststart 0 'exit status 3: cannot do it$' run --bundle "$b" "$id"
    check "poststart, run: one, then poststop" is_order 'prestart createRuntime createContainer startContainer poststart poststop '
    fails_at poststart 0 'exit status 3' run --detach --bundle "$b" "$id"
    call create --bundle "$b" "$id"
    fails_at poststart 0 'exit status 3' start "$id"
    check "poststart, start: poststop" [ "$(tail -n 1 "$log/order")" = poststop ]
}

test_a_failing_poststop_is_a_warning() {
    hooked last '.hooks.poststop = [.hooks.poststop[0] | .args += ["fail"]] + .hooks.poststop'
    call run --bundle "$b" "$id"
    check "is no failure" [ "$status" = 0 ]
    check "the other one runs" [ "$(grep -cx poststop "$log/order")" = 2 ]
    check "one line on stderr" [ "$(grep -c '' "$work/err")" = 1 ]
    check "names the hook" grep -q 'level=warning msg="error running poststop hook #0: exit status 3' "$work/err"
    nothing_left
    "$urc" --root "$root" --log "$work/quiet.log" run --bundle "$b" "$id" >/dev/null 2>"$work/err"
    check "a log file keeps to errors" [ ! -s "$work/quiet.log" ]
    check "and stderr is the container's own" [ ! -s "$work/err" ]
    nothing_left
    "$urc" --root "$root" --debug --log "$work/debug.log" run --bundle "$b" "$id" >/dev/null 2>&1
    check "a line in the log" grep -q 'level=warning.*error running poststop hook #0: exit status 3' "$work/debug.log"
    nothing_left
}

# Each would go on for ever, with the container's lock held by whoever waits for it.
test_delete_force_ends_a_hook_that_hangs() {
    for kind in createRuntime createContainer; do
        hooked "hangs-$kind" ".hooks = {$kind: [.hooks.$kind[0] | .args += [\"hang\"]]}"
        "$urc" --root "$root" create --bundle "$b" "$id" </dev/null >/dev/null 2>"$work/create.err" &
        creator=$!
        check "$kind: hangs" eventually grep -qx "$kind" "$log/order"
        call delete --force "$id"
        check "$kind: delete --force goes through" [ "$status" = 0 ]
        check "$kind: it names who was waited for" grep -q 'holds its lock' "$work/err"
        wait "$creator"
        check "$kind: the create has failed" [ "$?" = 1 ]
        nothing_left
    done
}

# A hook may look at its container, and do something with it, and so may others while it is at work.
test_a_hook_may_use_its_container() {
    b=$(bundle uses '.process.args = ["sleep", "100"]')
    jq --arg command "$urc --root $root exec $id echo from-hook >$log/said && $urc --root $root update --pids-limit 50 $id" \
        '.hooks.poststart = [{"path": "/bin/sh", "args": ["sh", "-c", $command], "timeout": 30}]' \
        "$b/config.json" >"$b/new.json" && mv "$b/new.json" "$b/config.json"
    for verb in run start; do
        rm -f "$log/said"
        [ $verb = run ] || call create --bundle "$b" "$id"
        if [ $verb = run ]; then call run --detach --bundle "$b" "$id"; else call start "$id"; fi
        check "$verb: the hook succeeds" [ "$status" = 0 ]
        check "$verb: it has executed something" [ "$(cat "$log/said")" = from-hook ]
        call delete --force "$id"
        nothing_left
    done
}

status_is() { # WORD
    [ "$("$urc" --root "$root" state "$id" 2>/dev/null | jq -r .status)" = "$1" ]
}

test_what_others_see_while_a_hook_is_at_work() {
    hooked sees '.hooks = {createRuntime: [.hooks.createRuntime[0] | .args += ["hang"]]}'
    "$urc" --root "$root" create --bundle "$b" "$id" </dev/null >/dev/null 2>&1 &
    creator=$!
    check "createRuntime: hangs" eventually grep -qx createRuntime "$log/order"
    check "createRuntime: creating" status_is creating
    call delete --force "$id"
    wait "$creator"
    hooked sees2 '.process.args = ["sleep", "100"] | .hooks = {startContainer: [.hooks.startContainer[0] | .args += ["hang"]]}'
    call create --bundle "$b" "$id"
    check "created" status_is created
    "$urc" --root "$root" start "$id" </dev/null >/dev/null 2>&1 &
    starter=$!
    check "startContainer: hangs" eventually grep -qx startContainer "$log/order"
    check "startContainer: created" status_is created
    call pause "$id"
    check "startContainer: pause" [ "$status" = 0 ]
    check "startContainer: paused" status_is paused
    call resume "$id"
    check "startContainer: resume" [ "$status" = 0 ]
    call exec "$id" echo inside
    check "startContainer: exec" [ "$status" = 0 ]
    call start "$id"
    check "startContainer: one start is enough" grep -q 'already running' "$work/err"
    call delete --force "$id"
    check "startContainer: delete --force" [ "$status" = 0 ]
    wait "$starter"
    nothing_left
}

test_poststop_after_a_failure_that_is_no_hooks() {
    hooked broken '.process.args = ["/bin/not-there"]'
    call create --bundle "$b" "$id"
    refused 1 'executable file not found|no such file'
    check "poststop has its turn" is_order 'prestart createRuntime createContainer poststop '
    hooked before '.root.path = "not-there"'
    call create --bundle "$b" "$id"
    check "fails" [ "$status" = 1 ]
    check "nothing was begun: no poststop" is_order ''
    nothing_left
}

test_other_ends_of_a_hook() {
    hooked killed '.hooks.createRuntime[0].args += ["kill"]'
    fails_at createRuntime 0 'killed by signal 9$' create --bundle "$b" "$id"
    hooked missing '.hooks.createRuntime[0].path = "/not/there"'
    fails_at createRuntime 0 'exec /not/there: no such file or directory$' create --bundle "$b" "$id"
    hooked missing-inside '.hooks.startContainer[0].path = "/not/there"'
    fails_at startContainer 0 'exec /not/there: no such file or directory$' run --bundle "$b" "$id"
    hooked no-program ".hooks.createContainer[0].path = \"$work/no-program/config.json\""
    fails_at createContainer 0 "exec $b/config.json: permission denied\$" create --bundle "$b" "$id"
}

test_timeout() {
    for kind in prestart createRuntime createContainer; do
        hooked slow ".hooks.$kind[0] |= (.args += [\"hang\"] | .timeout = 1)"
        fails_at $kind 0 'timeout 1s exceeded$' create --bundle "$b" "$id"
        check "$kind: nothing of it is left, nor its children" eventually no_process_of "$(cat "$log/$kind.pid")"
    done
    hooked quick '.hooks.createRuntime[0].timeout = 100'
    call run --bundle "$b" "$id"
    check "a timeout that is not needed" [ "$status" = 0 ]
    hooked noisy '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "exec yes"], env: ["PATH=/bin:/usr/bin"], timeout: 1}]}'
    fails_at createRuntime 0 'timeout 1s exceeded$' create --bundle "$b" "$id"
    hooked late '.hooks.poststop = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}, .hooks.poststop[0]]'
    call run --bundle "$b" "$id"
    check "poststop: goes on after it" [ "$(tail -n 1 "$log/order")" = poststop ]
}

test_standard_input_and_output() {
    big=$(head -c 200000 /dev/zero | tr '\0' x)
    printf '{"big": "%s"}' "$big" >"$work/big.json"
    hooked big '.process.args = ["/bin/true"] | .hooks.startContainer = []'
    jq --slurpfile big "$work/big.json" '.annotations = $big[0]' "$b/config.json" >"$b/new"; mv "$b/new" "$b/config.json"
    call run --bundle "$b" "$id"
    check "200 KB of annotations" [ "$status" = 0 ]
    for kind in prestart createRuntime createContainer poststart poststop; do
        check "$kind got all of it" [ "$(field $kind '.annotations.big | length')" = 200000 ]
    done
    for unread in 'exec <&-; sleep 0.2' 'exit 0' 'read -r x; exit 0' 'head -c 1; exec 0</dev/null; sleep 0.2'; do
        jq --arg unread "$unread" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", $unread], env: ["PATH=/bin:/usr/bin"]}]}
            | .hooks.createContainer = .hooks.createRuntime | .hooks.poststop = .hooks.createRuntime' "$b/config.json" >"$b/new"; mv "$b/new" "$b/config.json"
        call run --bundle "$b" "$id"
        check "stdin left unread: $unread: $(head -c 300 "$work/err")" [ "$status" = 0 ]
        check "without a word" [ ! -s "$work/err" ]
    done
    hooked loud '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "yes | head -c 1000000; yes >&2 | head -c 1000000 >&2; printf \"one\\ntwo \\001 words\\n\\n\" >&2; exit 5"], env: ["PATH=/bin:/usr/bin"]}]}'
    sed -i 's/yes >&2 | head/yes | head/' "$b/config.json"
    fails_at createRuntime 0 'exit status 5: two   words$' create --bundle "$b" "$id"
    hooked daemon '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "sleep 30 & echo $! >'"$log"'/daemon"], env: ["PATH=/bin:/usr/bin"]}]}'
    call run --bundle "$b" "$id"
    check "what a hook leaves behind is not waited for" kill -0 "$(cat "$log/daemon")"
    kill "$(cat "$log/daemon")"
}

# The mounts of a hook on the path of the rootfs are in the container; from outside by nsenter, and from inside.
test_hooks_mount_into_the_rootfs() {
    hooked mounts '.process.args = ["/bin/cat", "/tmp/from-runtime/f", "/mnt2/f"] | .hooks = {
        createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "pid=$(jq .pid) && nsenter -t $pid -m mount --bind '"$work"'/given1 '"$work"'/mounts/rootfs/tmp/from-runtime"], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}],
        createContainer: [{path: "/bin/sh", args: ["sh", "-c", "ls rootfs/proc/self/status && mount --bind '"$work"'/given2 rootfs/mnt2"], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]}'
    mkdir -p "$work/given1" "$work/given2" "$b/rootfs/tmp/from-runtime" "$b/rootfs/mnt2"
    echo one >"$work/given1/f"; echo two >"$work/given2/f"
    # Not on the tmpfs that the example has nowhere near; readonly roots are made so at the end.
    call run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "both are there" [ "$(tr '\n' ' ' <"$work/out")" = 'one two ' ]
    nothing_left
}

test_a_user_namespace() {
    hooked userns '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        | .linux.gidMappings = .linux.uidMappings | .root.readonly = false
        | .mounts |= map(select(.type != "sysfs" and .type != "cgroup"))
        | .process.args = ["/bin/sh", "-c", "readlink /proc/self/ns/user"]'
    chown -R 100000:100000 "$b/rootfs"; chmod 777 "$log" "$work"; touch "$log/order"; chmod 666 "$log/order"
    call run --bundle "$b" "$id"
    check "runs" [ "$status" = 0 ]
    check "all have run" is_order 'prestart createRuntime createContainer startContainer poststart poststop '
    check "createContainer is in the user namespace" [ "$(sed -n 's/^user //p' "$log/createContainer.ns")" = "$(cat "$work/out")" ]
    check "createRuntime is not" [ "$(sed -n 's/^user //p' "$log/createRuntime.ns")" = "$(readlink /proc/self/ns/user)" ]
    nothing_left
    chmod 755 "$work"
}

test_without_roots_rights() {
    command -v setpriv >/dev/null || { echo "not run: setpriv is not installed"; return; }
    setpriv --reuid 1000 --regid 1000 --clear-groups unshare --user true 2>/dev/null || { echo "not run: no user namespaces for users"; return; }
    hooked rootless 'del(.linux.resources, .linux.cgroupsPath) | .linux.namespaces |= map(select(.type != "network")) + [{"type": "user"}] |
        .linux.uidMappings = [{"containerID": 0, "hostID": 1000, "size": 1}] | .linux.gidMappings = .linux.uidMappings |
        .mounts |= map(select(.type == "proc" or .type == "bind"))'
    mkdir "$work/users-root"; cp "$urc" "$work/urc"; chmod 755 "$work" "$work/urc"
    chown -R 1000:1000 "$b" "$log" "$work/users-root"
    status=0
    setpriv --reuid 1000 --regid 1000 --clear-groups "$work/urc" --root "$work/users-root" run --bundle "$b" "$id" >"$work/out" 2>"$work/err" </dev/null || status=$?
    check "runs" [ "$status" = 0 ]
    check "all have run" [ "$(without_program)" = 'prestart createRuntime createContainer startContainer poststart poststop ' ]
    check "createContainer is in the user namespace" \
        [ "$(sed -n 's/^user //p' "$log/createContainer.ns")" != "$(sed -n 's/^user //p' "$log/createRuntime.ns")" ]
    rm -r "$work/users-root"
    nothing_left
}

test_hooks_that_cannot_be() {
    for kind in prestart createRuntime createContainer startContainer poststart poststop; do
        hooked relative ".hooks.$kind[0].path = \"bin/true\""
        call create --bundle "$b" "$id"
        refused 1 "config.json: hooks.$kind\[0\].path: must be an absolute path"
        hooked timeless ".hooks.$kind[0].timeout = 0"
        call create --bundle "$b" "$id"
        refused 1 "config.json: hooks.$kind\[0\].timeout: must be more than 0"
    done
}

test_hooks_may_ask_about_the_container() {
    hooked asking '.process.args = ["/bin/sleep", "100"] | .hooks |= (del(.startContainer) | map_values([{path: "/bin/sh", args: ["sh", "-c", "'"$urc"' --root '"$root"' state '"$id"' | jq -r .status >>'"$log"'/said"], env: ["PATH=/usr/bin:/bin"]}]))'
    call create --bundle "$b" "$id"
    check "is created" [ "$status" = 0 ]
    call start "$id"
    check "starts" [ "$status" = 0 ]
    check "they are told" [ "$(tail -n 1 "$log/said")" = running ]
    call delete --force "$id"
    nothing_left
}

main
