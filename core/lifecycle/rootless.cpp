#include "core/lifecycle/rootless.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

namespace urc {

namespace {

// The first user namespace has a number of its own (PROC_USER_INIT_INO in the kernel).
bool is_in_first_user_namespace() {
    char link[64];
    ssize_t length = ::readlink("/proc/self/ns/user", link, sizeof link);
    return length > 0 && std::string_view(link, static_cast<std::size_t>(length)) == "user:[4026531837]";
}

// In a user namespace that only borrows the host's systemd, its files belong to nobody that is known there.
bool is_systemd_roots() {
    struct stat directory {};
    return ::stat("/run/systemd/system", &directory) == 0 && directory.st_uid == 0;
}

}  // namespace

bool is_rootless(const Global& global) {
    if (global.rootless != Rootless::automatic) return global.rootless == Rootless::yes;
    if (::geteuid() != 0) return true;
    if (global.cgroup_manager == CgroupManager::systemd) return !is_systemd_roots();
    return !is_in_first_user_namespace();
}

}  // namespace urc
