// Namespaces that already exist, and the first moments in a new user namespace.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "core/child/launch.h"
#include "core/process/namespaces.h"
#include "core/process/spawn.h"
#include "uring/file.h"

namespace urc::child {

namespace {

Result<void> enter(Join& join) {
    if (::setns(join.fd.get(), static_cast<int>(process::clone_flag(join.type))) < 0)
        return Error::last("join namespace", join.path);
    join.fd.reset();
    return {};
}

}  // namespace

void give_up(const Launch& launch, const Error& error) {
    (void)launch.channel.send_error(error);
    ::_exit(1);
}

// The last act of a stage: clones the process that goes on in its place as the parent's own child, and tells
// its pid. Returns in that process only.
void clone_successor(Launch& launch, process::CloneOptions options) {
    options.is_sibling = true;
    auto cloned = process::clone_process(options);
    if (!cloned.ok()) give_up(launch, cloned.error());
    if (cloned->pid == 0) return;
    auto sent = launch.channel.send(process::Message::spawned, cloned->pid);
    ::_exit(sent.ok() ? 0 : 1);
}

Result<void> await_scope(Launch& launch) {
    if (!std::exchange(launch.awaits_scope, false)) return {};
    auto ready = launch.channel.expect(process::Message::cgroup_ready);
    return ready.ok() ? Result<void>{} : std::move(ready).error();
}

// Once, at the first call: waits for the directories, and moves in.
Result<void> attach_to_cgroup(Launch& launch) {
    if (!std::exchange(launch.attaches_to_cgroup, false)) return {};
    if (launch.awaits_cgroup) {
        auto ready = launch.channel.expect(process::Message::cgroup_ready);
        if (!ready.ok()) return std::move(ready).error();
    }
    return launch.cgroup->attach_self(launch.birth);
}

// Three passes. A namespace that the caller may enter (it owns it) is joined first: inside the user namespace
// that right may be lost. What answers EPERM waits until the user namespace has been joined, where the rights
// over the namespaces that belong to it come from. Every other error is final, and in the end all must have
// been joined. What is joined is closed and passed over from then on: the init comes by here again when a
// stage before it has already joined all (join_then_clone).
Result<void> join_namespaces(std::vector<Join>& joins) {
    for (Join& join : joins) {
        if (join.type == spec::NamespaceType::user || !join.fd.is_open()) continue;
        auto entered = enter(join);
        if (!entered.ok() && entered.error().code() != EPERM) return entered;
    }
    for (Join& join : joins) {
        if (join.type != spec::NamespaceType::user || !join.fd.is_open()) continue;
        // In there it may be forbidden, and then nobody could drop the host's groups any more. EPERM: the
        // caller is no root, and keeps its own, as with every user namespace that it makes.
        if (::setgroups(0, nullptr) < 0 && errno != EPERM) return Error::last("setgroups");
        URC_TRY_VOID(enter(join));
        if (::setresgid(0, 0, 0) < 0) return Error::last("setresgid: 0 in the user namespace", join.path);
        if (::setresuid(0, 0, 0) < 0) return Error::last("setresuid: 0 in the user namespace", join.path);
        // A change of user makes a process dumpable by the sysctl's rule, never by ours.
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    for (Join& join : joins)
        if (join.fd.is_open()) URC_TRY_VOID(enter(join));
    return {};
}

Result<void> become_namespace_root(const Launch& launch) {
    // In a user namespace with one mapped group the caller's groups cannot be dropped (user_namespaces(7)).
    if (!launch.is_setgroups_denied && ::setgroups(0, nullptr) < 0 && errno != EPERM)
        return Error::last("setgroups");
    if (::setresgid(0, 0, 0) < 0) return Error::last("setresgid", "0 in the new user namespace");
    if (::setresuid(0, 0, 0) < 0) return Error::last("setresuid", "0 in the new user namespace");
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return {};
}

constexpr char kTimeOffsets[] = "/proc/self/timens_offsets";

// time_namespaces(7): offsets are written while nobody is in the namespace yet, that is between unshare and
// fork.
Result<void> set_time_offsets(const spec::Linux& linux, int offsets_fd) {
    if (::unshare(0x80 /* CLONE_NEWTIME */) < 0) return Error::last("unshare", "time namespace");
    std::string lines;
    for (auto [name, offset] :
         {std::pair{"monotonic", &linux.monotonic_offset}, {"boottime", &linux.boottime_offset}})
        if (*offset)
            lines.append(name)
                .append(" ")
                .append(std::to_string((*offset)->secs))
                .append(" ")
                .append(std::to_string((*offset)->nanosecs))
                .append("\n");
    if (lines.empty()) return {};
    // tidy-ok paths-go-through-the-resolver: still in the caller's own mount namespace, with its /proc
    auto written = write_all(offsets_fd, lines, kTimeOffsets);
    if (!written.ok()) return std::move(written).error().context("time offsets");
    return {};
}

void join_then_clone(Launch& launch, int cgroup_fd) {
    // Not dumpable before anything is joined: a process in there could otherwise open our descriptors through
    // /proc (CVE-2016-9962).
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (launch.is_in_user)
        if (auto attached = attach_to_cgroup(launch); !attached.ok()) give_up(launch, attached.error());
    // Opened on the host's /proc: in a mount namespace that is joined, somebody else may have made that path.
    const bool is_new_time = launch.spec->linux.has_new(spec::NamespaceType::time);
    Fd offsets;
    if (is_new_time) {
        // tidy-ok paths-go-through-the-resolver: no namespace has been joined yet
        auto opened = open_at(AT_FDCWD, kTimeOffsets, O_WRONLY);
        if (!opened.ok()) give_up(launch, opened.error());
        offsets = std::move(*opened);
    }
    if (auto joined = join_namespaces(launch.joins); !joined.ok()) give_up(launch, joined.error());
    if (is_new_time)
        if (auto set = set_time_offsets(launch.spec->linux, offsets.get()); !set.ok())
            give_up(launch, set.error());

    clone_successor(launch, {.namespaces = launch.new_namespaces, .cgroup_fd = cgroup_fd});
}

}  // namespace urc::child
