#!/bin/sh
# linux.memoryPolicy, as /proc/self/numa_maps tells it inside.
. "$(dirname "$0")/lib.sh"

[ -r /proc/self/numa_maps ] || skip "this kernel has no NUMA, so no memory policies"

# policy JSON-OBJECT: the container's policy, one word.
policy() {
    dir=$(bundle numa ".linux.memoryPolicy = $1 | .process.args = [\"cat\", \"/proc/self/numa_maps\"]")
    call run --bundle "$dir" "$tag-numa"
    sed -n '1s/^[^ ]* \([^ ]*\) .*/\1/p' "$work/out"
}

test_the_policy_is_the_programs() {
    for row in 'bind:0 {"mode":"MPOL_BIND","nodes":"0"}' \
        'bind=static:0 {"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]}' \
        'interleave:0 {"mode":"MPOL_INTERLEAVE","nodes":"0"}' \
        'prefer:0 {"mode":"MPOL_PREFERRED","nodes":"0"}' \
        'local {"mode":"MPOL_LOCAL"}' \
        'default {"mode":"MPOL_DEFAULT"}'; do
        expected=${row%% *}
        seen=$(policy "${row#* }")
        check "policy is $expected, not $seen" [ "$seen" = "$expected" ]
    done
    nothing_left
}

test_what_the_kernel_refuses_is_told() {
    policy '{"mode":"MPOL_BIND","nodes":"1000"}' >/dev/null
    refused 1 "set_mempolicy: linux.memoryPolicy: Invalid argument"
    policy '{"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES","MPOL_F_RELATIVE_NODES"]}' >/dev/null
    refused 1 "set_mempolicy: linux.memoryPolicy: Invalid argument"
}

test_a_wrong_policy_is_refused() {
    policy '{"mode":"MPOL_BIND"}' >/dev/null
    refused 1 "config.json: linux.memoryPolicy.nodes: MPOL_BIND needs at least one node"
}

main
