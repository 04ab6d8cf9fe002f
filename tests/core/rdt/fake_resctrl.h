// A directory that stands for resctrl: making a group fills it with the kernel's files, removing one takes
// them along. What is written to a file stays there to be looked at.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "core/rdt/group.h"
#include "tests/core/cgroup/fixture.h"

namespace urc::rdt {

class FakeResctrl {
public:
    FakeResctrl() : mountinfo_(temp_ / "mountinfo"), root_(temp_ / "res ctrl") {
        denied() = broken() = "";
        std::string escaped = root_;
        escaped.replace(escaped.find(' '), 1, "\\040");
        cgroup::spit(mountinfo_, "22 1 0:21 / /proc rw - proc proc rw\n30 1 0:29 / " + escaped +
                                     " rw,relatime shared:9 - resctrl resctrl rw\n");
        for (const char* directory : {"/info/L3", "/info/MB", "/info/L3_MON", "/mon_groups"})
            std::filesystem::create_directories(root_ + directory);
        cgroup::spit(root_ + "/info/last_cmd_status", "ok\n");
        cgroup::spit(root_ + "/info/L3/cbm_mask", "fffff\n");
        cgroup::spit(root_ + "/info/L3/min_cbm_bits", "1\n");
        cgroup::spit(root_ + "/info/L3/num_closids", "16\n");
        cgroup::spit(root_ + "/info/MB/bandwidth_gran", "10\n");
        cgroup::spit(root_ + "/info/MB/delay_linear", "1\n");
        cgroup::spit(root_ + "/info/MB/min_bandwidth", "10\n");
        cgroup::spit(root_ + "/info/MB/num_closids", "8\n");
        cgroup::spit(root_ + "/info/L3_MON/mon_features",
                     "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n");
        cgroup::spit(root_ + "/schemata", "    L3:0=fffff;1=fffff\n    MB:0=100;1=100\n");
        cgroup::spit(root_ + "/tasks", "1\n");
    }

    Host host() const { return {.mountinfo = mountinfo_.c_str(), .mkdir = &make, .rmdir = &remove}; }
    const std::string& root() const { return root_; }
    std::string operator/(const std::string& name) const { return root_ + "/" + name; }

    // Making a path that ends so fails, and so does writing schemata in a group that is named so.
    static std::string& denied() {
        static std::string name;
        return name;
    }
    static std::string& broken() {
        static std::string name;
        return name;
    }

private:
    static int make(const char* path, mode_t mode) {
        const std::string group = path;
        if (!denied().empty() && group.ends_with(denied())) {
            errno = ENOSPC;
            return -1;
        }
        if (::mkdir(path, mode) != 0) return -1;
        cgroup::spit(group + "/tasks");
        std::filesystem::create_directories(group + "/mon_data/mon_L3_00");
        if (group.find("/mon_groups/") != group.npos) return 0;
        ::mkdir((group + "/mon_groups").c_str(), 0755);
        if (!broken().empty() && group.ends_with(broken()))
            ::mkdir((group + "/schemata").c_str(), 0755);  // EISDIR
        else
            cgroup::spit(group + "/schemata");
        return 0;
    }
    static int remove(const char* path) {
        std::error_code code;
        if (std::filesystem::remove_all(path, code) > 0) return 0;
        errno = ENOENT;
        return -1;
    }

    cgroup::TempDir temp_;
    std::string mountinfo_, root_;
};

}  // namespace urc::rdt
