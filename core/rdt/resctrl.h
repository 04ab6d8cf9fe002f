// resctrl: the kernel's file system for shares of cache and memory bandwidth (Intel RDT, AMD QoS).
// https://docs.kernel.org/filesystems/resctrl.html
//
//   ROOT/                       the default group, of everybody
//     info/L3, info/MB          what can be shared out; info/L3_MON: what can be watched
//     info/last_cmd_status      why the kernel refused the last write
//     GROUP/schemata, tasks     a class of service (closID): its shares, its threads
//     GROUP/mon_data/           what its threads use
//     GROUP/mon_groups/ID/      some of its threads, watched by themselves: tasks, mon_data/
//
// A thread is in one group; what it clones is in the same.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::rdt {

// Where to look, and the calls behind which the kernel does more than with a plain directory: a new group is
// full of files, and one that is full of files can be removed. Tests bring their own.
struct Host {
    const char* mountinfo = "/proc/self/mountinfo";
    int (*mkdir)(const char* path, mode_t mode) = ::mkdir;
    int (*rmdir)(const char* path) = ::rmdir;
};

// The names in a directory, sorted, without those that begin with a dot; none when it cannot be read.
std::vector<std::string> names_in(const std::string& directory);

class Resctrl {
public:
    // ENOTSUP when it is not mounted; urc does not mount it.
    static Result<Resctrl> find(const Host& host);

    const std::string& root() const { return root_; }
    bool shares_cache() const;
    bool shares_bandwidth() const;
    // "llc_occupancy", "mbm_total_bytes", "mbm_local_bytes".
    bool watches(std::string_view feature) const;

    // The text of `file` below the root without the final newline; empty when it cannot be read.
    std::string info(std::string_view file) const;

    // `error` with the kernel's own words for it.
    Error explain(Error error) const;

private:
    explicit Resctrl(std::string root) : root_(std::move(root)) {}

    std::string root_;
};

}  // namespace urc::rdt
