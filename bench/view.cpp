#include "bench/view.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "uring/file.h"

namespace urc::bench {

namespace {

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";
constexpr const char* kHybridRoot = "/sys/fs/cgroup/unified";

bool is_cgroup2(const char* path) {
    struct statfs filesystem {};
    return ::statfs(path, &filesystem) == 0 && filesystem.f_type == CGROUP2_SUPER_MAGIC;
}

Result<void> enter_private_mounts() {
    if (::unshare(CLONE_NEWNS) < 0) return Error::last("unshare", "mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Error::last("mount", "/");
    return {};
}

bool has_word(std::string_view text, std::string_view word) {
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find_first_of(" \n", start), text.size());
        if (text.substr(start, end - start) == word) return true;
        start = end + 1;
    }
    return false;
}

}  // namespace

std::optional<View> parse_view(std::string_view text) {
    if (text == "host") return View::host;
    if (text == "v1") return View::v1;
    if (text == "v2") return View::v2;
    return std::nullopt;
}

std::string_view view_name(View view) {
    switch (view) {
        case View::host:
            return "host";
        case View::v1:
            return "v1";
        case View::v2:
            return "v2";
    }
    return "?";
}

Result<void> enter_view(View view) {
    if (view == View::host) return {};
    if (view == View::v1 && is_cgroup2(kCgroupRoot))
        return Error::message("view v1: this machine has cgroup2 alone", ENOTSUP);
    URC_TRY_VOID(enter_private_mounts());
    if (view == View::v1) {
        if (is_cgroup2(kHybridRoot) && ::umount2(kHybridRoot, MNT_DETACH) < 0)
            return Error::last("umount", kHybridRoot);
        return {};
    }
    if (::umount2(kCgroupRoot, MNT_DETACH) < 0) return Error::last("umount", kCgroupRoot);
    if (::mount("cgroup2", kCgroupRoot, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0)
        return Error::last("mount cgroup2", kCgroupRoot);
    return {};
}

Result<std::vector<std::string>> resources_without_controller() {
    struct Need {
        const char* resource;
        const char* controller;
    };
    static constexpr Need kNeeds[] = {{"memory", "memory"}, {"cpu", "cpu"},   {"pids", "pids"},
                                      {"blockIO", "io"},    {"rdma", "rdma"}, {"hugepageLimits", "hugetlb"}};
    std::vector<std::string> missing;
    if (!is_cgroup2(kCgroupRoot)) return missing;
    URC_TRY(std::string controllers, read_file_at(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers"));
    for (const Need& need : kNeeds)
        if (!has_word(controllers, need.controller)) missing.emplace_back(need.resource);
    return missing;
}

}  // namespace urc::bench
