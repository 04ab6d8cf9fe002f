#!/bin/sh
# AppArmor and SELinux labels, on whatever this host has.
. "$(dirname "$0")/lib.sh"

profile=$tag-profile
has_apparmor() { [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; }

test_an_apparmor_profile_confines_the_program() {
    dir=$(bundle aa ".process.apparmorProfile = \"$profile\" |
        .process.args = [\"sh\", \"-c\", \"cat /proc/self/attr/current; cat /etc/secret\"]")
    echo open >"$dir/rootfs/etc/secret"
    if ! has_apparmor; then
        call run --bundle "$dir" "$tag-aa"
        refused 1 "process: unable to apply apparmor profile $profile: apparmor is not enabled on this host"
        return
    fi
    call run --bundle "$dir" "$tag-aa"
    refused 1 "unable to apply apparmor profile $profile: write to .*/attr/apparmor/exec.: [Nn]o such file"
    printf 'profile %s flags=(attach_disconnected,mediate_deleted) { file, deny /etc/secret rw, }\n' "$profile" |
        apparmor_parser --replace --skip-cache || { fail "cannot load a profile"; return; }
    for no_new_privileges in true false; do
        jq ".process.noNewPrivileges = $no_new_privileges" "$dir/config.json" >"$dir/changed" && mv "$dir/changed" "$dir/config.json"
        call run --bundle "$dir" "$tag-aa"
        check "the program is confined, noNewPrivileges $no_new_privileges" grep -qx "$profile (enforce)" "$work/out"
        check "the profile denies, noNewPrivileges $no_new_privileges" grep -q "secret.*ermission denied" "$work/err"
    done
    printf 'profile %s {}\n' "$profile" | apparmor_parser --remove
    nothing_left
}

test_unconfined_is_always_granted() {
    dir=$(bundle free '.process.apparmorProfile = "unconfined"')
    call run --bundle "$dir" "$tag-free"
    check "runs" [ "$status" = 0 ]
    nothing_left
}

test_a_selinux_label_without_selinux_is_refused() {
    if [ -e /sys/fs/selinux/enforce ]; then
        echo "note: SELinux is on, its refusal cannot be seen here"
        return
    fi
    dir=$(bundle se '.process.selinuxLabel = "system_u:system_r:container_t:s0"')
    call run --bundle "$dir" "$tag-se"
    refused 1 "selinux label is specified in config, but selinux is disabled or not supported"
}

main
