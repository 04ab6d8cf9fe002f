#!/bin/sh
# urc proxy --source-ip transparent. The "container" is a network namespace, the "host" another one, and the client a
# third one, to which the container has no route; each lives as long as the process that holds it.
set -u
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v ip >/dev/null || skip "ip is not installed"
command -v setpriv >/dev/null || skip "setpriv is not installed"
unshare --net ip link add v0 type veth peer name v1 2>/dev/null || skip "this kernel or user cannot make veth pairs"

# A new namespace with lo. Its holder in $holder.
new_namespace() {
    mkfifo "$work/held" 2>/dev/null
    unshare --net sh -c 'ip link set lo up && echo ready >"$0"; exec sleep 1000' "$work/held" &
    holder=$!
    read -r _ <"$work/held"
}
at() { # at HOLDER COMMAND...
    holder_of=$1
    shift
    nsenter --net="/proc/$holder_of/ns/net" "$@"
}
# What the container's namespace says of rules, routes and the setting.
routing() {
    at "$container" sh -c 'ip rule; ip -6 rule; ip route show table all; ip -6 route show table all;
        cat /proc/sys/net/ipv4/tcp_fwmark_accept'
}
begin() {
    new_namespace
    host=$holder
    new_namespace
    client=$holder
    new_namespace
    container=$holder
    at "$host" ip link add v0 type veth peer name v1 netns "$client"
    at "$host" ip address add 192.0.2.1/24 dev v0
    at "$host" ip address add 2001:db8::1/64 nodad dev v0
    at "$host" ip link set v0 up
    at "$client" ip address add 192.0.2.9/24 dev v1
    at "$client" ip address add 2001:db8::9/64 nodad dev v1
    at "$client" ip link set v1 up
    # The other way into the container.
    at "$host" ip link add w0 type veth peer name w1 netns "$container"
    at "$host" ip address add 198.51.100.1/24 dev w0
    at "$host" ip link set w0 up
    at "$container" ip link set w1 addrgenmode none
    at "$container" ip address add 198.51.100.2/24 dev w1
    at "$container" ip link set w1 up
    mkfifo "$work/ready" 2>/dev/null
    nsenter --net="/proc/$container/ns/net" python3 "$here/ports_transparent.py" serve 1000 >"$work/ready" &
    server=$!
    read -r _ <"$work/ready"
    routing >"$work/before"
}
end() {
    routing >"$work/after"
    check "rules, routes and setting are as before" cmp -s "$work/before" "$work/after"
    kill -KILL "$host" "$client" "$container" "$server"
    wait "$host" "$client" "$container" "$server" 2>/dev/null
}
publish() {
    mkfifo "$work/opened" 2>/dev/null
    nsenter --net="/proc/$host/ns/net" "$urc" --root "$root" proxy --pid "$container" "$@" >"$work/opened" \
        2>"$work/err" &
    proxy=$!
    exec 8<"$work/opened"
    read -r line <&8
    port=${line%% ->*}
    port=${port##*:}
    exec 8<&-
}
# Who the application says that a client of HOST is.
seen_by() { at "$client" python3 "$here/ports_transparent.py" ask "$1" "$port"; }

test_the_application_sees_who_the_client_is() {
    begin
    publish -p 192.0.2.1:0:1000 --source-ip transparent
    seen=$(seen_by 192.0.2.1)
    check "its own address: $seen" [ "$seen" = 192.0.2.9 ]
    seen=$(at "$host" python3 "$here/ports_transparent.py" ask 198.51.100.2 1000)
    check "who comes on another way is answered there: $seen" [ "$seen" = 198.51.100.1 ]
    routing >"$work/during"
    check "there is a rule" grep -q "fwmark 0x757263 lookup 7500" "$work/during"
    kill -TERM "$proxy"
    status=0
    wait "$proxy" || status=$?
    check "status 0" [ "$status" = 0 ]
    check "without a word" [ ! -s "$work/err" ]
    publish -p '[2001:db8::1]:0:1000/tcp6' --source-ip transparent
    seen=$(seen_by 2001:db8::1)
    check "and of IPv6: $seen" [ "$seen" = 2001:db8::9 ]
    # It is the proxy's child that puts all back, so that is what there is to wait for.
    routes=$(pgrep -P "$proxy" -x urc:routes)
    at "$host" python3 "$here/ports_transparent.py" kill "$proxy" "$routes"
    wait "$proxy" 2>/dev/null
    end
}

test_otherwise_it_does_not() {
    begin
    publish -p 192.0.2.1:0:1000
    seen=$(seen_by 192.0.2.1)
    check "an address of the container: $seen" [ "$seen" = 198.51.100.2 ]
    kill -TERM "$proxy"
    wait "$proxy"
    : >"$work/err"
    end
}

test_it_is_refused() {
    begin
    call proxy --pid "$container" -p 127.0.0.1:0:1000 --source-ip opaque
    refused 1 'invalid value for source-ip: "opaque"'
    status=0
    setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$urc" --root "$root" proxy --pid "$container" \
        -p 127.0.0.1:0:1000 --source-ip transparent >"$work/out" 2>"$work/err" || status=$?
    refused 1 "source-ip transparent: it takes CAP_NET_ADMIN in the network namespace"
    publish -p 192.0.2.1:0:1000 --source-ip transparent
    call proxy --pid "$container" -p 127.0.0.1:0:1000 --source-ip transparent
    checks=$((checks + 1))
    [ "$status" = 1 ] && grep -q "somebody does it in this network namespace already" "$work/err" || fail "a second one"
    seen=$(seen_by 192.0.2.1)
    check "the first one goes on: $seen" [ "$seen" = 192.0.2.9 ]
    kill -TERM "$proxy"
    wait "$proxy"
    : >"$work/err"
    end
}

main
