#!/bin/bash
# AppArmor with the runtime alone: the profile of the container, of exec, and one that is not loaded; under another's
# profile and with no_new_privs, where only a change on exec to a stricter one is allowed.
. "$(dirname "$0")/machine/lib.sh"
[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ] || skip "AppArmor is not enabled"
bundle=/run/apparmor-bundle
id=urc-test-aa
mkdir -p $bundle/rootfs
tar -xOf /opt/busybox.tar layer.tar | tar -xC $bundle/rootfs
runc spec --bundle $bundle && mv $bundle/config.json $bundle/example.json
profiles=/run/apparmor.profiles
for name in urc-test urc-test-strict; do
    printf 'profile %s flags=(attach_disconnected,mediate_deleted) {\n  file,\n  capability,\n  signal,\n  mount,\n' $name
    [ $name = urc-test ] || printf '  deny /etc/group r,\n'
    printf '  deny /etc/passwd r,\n}\n'
done >$profiles
apparmor_parser --replace --skip-cache $profiles || fail "apparmor_parser"
cleanup() {
    "$URC" delete --force $id
    apparmor_parser --remove $profiles
    rm -rf $bundle $profiles
} >/dev/null 2>&1
trap cleanup EXIT
configure() { # JQ-FILTER
    jq '.process.terminal = false | .process.args = ["sh", "-c", "while :; do sleep 1000; done"] | .process.env = ["PATH=/bin"]
        | .process.apparmorProfile = "urc-test" | .linux.cgroupsPath = "/urc-test-aa" | '"${1:-.}" $bundle/example.json >$bundle/config.json
}
detached() { "$@" </dev/null >/dev/null; }
label='cat /proc/self/attr/current'
reads() { "$URC" exec "${@:2}" $id cat "$1" >/dev/null 2>&1; }

for nnp in true false; do
    checking "the container's profile, and exec's (no_new_privs: $nnp)"
    configure ".process.noNewPrivileges = $nnp"
    expect 0 detached "$URC" run --detach --bundle $bundle $id
    is "the init's label" "$(cat "/proc/$("$URC" state $id | jq .pid)/attr/current")" "urc-test (enforce)"
    is "exec's label" "$("$URC" exec $id $label)" "urc-test (enforce)"
    ! reads /etc/passwd || fail "the profile's rule does not hold"
    reads /etc/group || fail "more is denied than the profile says"
    is "exec's own" "$("$URC" exec --apparmor urc-test-strict $id $label)" "urc-test-strict (enforce)"
    ! reads /etc/group --apparmor urc-test-strict || fail "exec's own does not hold"
    jq -n --argjson nnp $nnp '{terminal: false, cwd: "/", user: {uid: 0, gid: 0}, env: ["PATH=/bin"], apparmorProfile: "urc-test-strict",
        noNewPrivileges: $nnp, args: ["cat", "/proc/self/attr/current"]}' >$bundle/process.json
    is "the one of exec --process" "$("$URC" exec --process $bundle/process.json $id)" "urc-test-strict (enforce)"
    expect 255 "$URC" exec --apparmor urc-test-missing $id true
    has error "$err" 'urc-test-missing'
    is "lines of it" "$(wc -l <<<"$err")" 1
    expect 0 "$URC" delete --force $id
done

checking "a profile that is not loaded, and unconfined"
for verb in run create; do
    configure '.process.apparmorProfile = "urc-test-missing"'
    expect 1 detached "$URC" $verb --bundle $bundle $id
    has error "$err" 'urc-test-missing'
    is "lines of it" "$(wc -l <<<"$err")" 1
    [ -z "$("$URC" list --quiet)" ] || fail "$verb left a container"
done
configure '.process.apparmorProfile = "unconfined" | .process.args = ["cat", "/proc/self/attr/current"]'
expect 0 "$URC" run --bundle $bundle $id
is label "$out" unconfined
configure '.process.apparmorProfile = "" | .process.args = ["cat", "/proc/self/attr/current"]'
expect 0 "$URC" run --bundle $bundle $id
is label "$out" unconfined
