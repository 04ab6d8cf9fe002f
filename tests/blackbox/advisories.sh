#!/bin/sh
# Holes of container runtimes that have nothing to do with file systems (those: isolation.sh, core/security), one test
# an advisory; tests/README.md has the whole table.
set -u
. "$(dirname "$0")/lib.sh"

id=$tag-advisory

# A length of 16 bits wrapped, and what was behind it in the configuration became the path of a namespace.
test_cve_2021_43784_long_lists_and_paths_do_not_wrap() {
    b=$(bundle maps '.linux.namespaces += [{"type": "user"}] |
        .linux.uidMappings = [range(70000) | {"containerID": ., "hostID": (100000 + .), "size": 1}] | .linux.gidMappings = .linux.uidMappings')
    call run --bundle "$b" "$id"
    refused 1 'uidMappings|uid_map'
    b=$(bundle path '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/net" + ([range(70000) | "/"] | join("")) + "x" else . end)')
    call run --bundle "$b" "$id"
    [ "$status" = 1 ] || fail "a path of 70000 letters: status $status"
    check "one line" [ "$(wc -l <"$work/err")" = 1 ]
    nothing_left
}

# "+" and "=" in a parameter set others behind the validation's back.
test_cve_2022_0811_sysctls_hide_no_others() {
    for setting in '{"kernel.shm_rmid_forced": "1+kernel.core_pattern=|/bin/x"}' '{"kernel.shm_rmid_forced=1+kernel.core_pattern": "x"}' \
        '{"kernel.shm_rmid_forced": "1\nkernel.core_pattern=x"}' '{"kernel.core_pattern": "|/bin/x"}'; do
        b=$(bundle sysctl ".linux.sysctl = $setting")
        call run --bundle "$b" "$id"
        refused 1 'linux.sysctl'
    done
}

# The example that bundles begin with, and the default of exec: what is inheritable came to files that have such bits.
test_cve_2022_24769_cve_2022_27650_nothing_is_inheritable_by_itself() {
    mkdir -p "$work/spec"
    "$urc" spec --bundle "$work/spec"
    check "the example has none" [ "$(jq '.process.capabilities.inheritable // [] | length' "$work/spec/config.json")" = 0 ]
    b=$(bundle inheritable '.process.args = ["/bin/sh", "-c", "cat /proc/self/status"]')
    call run --bundle "$b" "$id"
    check "the program has none" grep -Eqx 'CapInh:.0+' "$work/out"
}

# The state of containers could be read, and entered, by every user of the host.
test_cve_2024_25621_state_is_nobody_elses() {
    b=$(bundle state '.process.args = ["/bin/sleep", "1000"]')
    call create --bundle "$b" "$id"
    check "created" [ "$status" = 0 ]
    check "the root is closed: $(stat -c %a "$root")" [ "$(stat -c %a "$root")" = 700 ]
    open=$(find "$root/$id" -perm /022 ! -type l)
    check "nobody else may write: $open" [ -z "$open" ]
    check "no abstract socket that others could reach (CVE-2020-15257)" [ "$(grep -c "@.*$id" /proc/net/unix)" = 0 ]
    call delete --force "$id"
    nothing_left
}

# Numbers beyond what fits came out as root.
test_cve_2024_40635_cve_2026_30892_no_number_ends_up_as_root() {
    for uid in 4294967295 4294967296 18446744073709551616 -1 '"1000"' 1.5; do
        b=$(bundle uid ".process.user.uid = $uid")
        # jq writes what is too long for it as another number; the text is what counts.
        sed -i "s/\"uid\": [^,]*/\"uid\": $uid/" "$b/config.json"
        call run --bundle "$b" "$id"
        refused 1 'process.user.uid'
    done
    b=$(bundle uid '.process.user.uid = 2147483648 | .process.args = ["/bin/id", "-u"]')
    call run --bundle "$b" "$id"
    check "the largest half is as good as the other: $(cat "$work/out")" [ "$(cat "$work/out")" = 2147483648 ]
    b=$(bundle uid '.process.args = ["/bin/sleep", "1000"]')
    call run --detach --bundle "$b" "$id"
    for user in "" : 1000: :5 abc 1000abc -1 4294967296 4294967295 " 5" 0x10; do
        call exec --user "$user" "$id" id -u
        [ "$status" = 255 ] && [ ! -s "$work/out" ] || fail "--user '$user': status $status, $(cat "$work/out")"
    done
    call delete --force "$id"
    nothing_left
}

main
