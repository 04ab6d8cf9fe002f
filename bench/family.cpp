#include "bench/family.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bench/watched.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

// proc_pid_stat(5)
struct Stat {
    std::string comm;
    pid_t parent = 0;
    std::uint64_t ticks = 0;  // utime, stime, cutime, cstime
};

std::optional<Stat> stat_of(pid_t pid) {
    auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/stat", pid).c_str());
    if (!text.ok()) return std::nullopt;
    const std::size_t open = text->find('('), close = text->rfind(')');
    if (open == text->npos || close == text->npos) return std::nullopt;
    Stat stat;
    stat.comm = text->substr(open + 1, close - open - 1);
    // The comm is the second field; the state, one letter, the third.
    const char* at = text->data() + close + 3;
    const char* const end = text->data() + text->size();
    for (int field = 4; field <= 17 && at < end; ++field) {
        std::int64_t value = 0;
        at = std::from_chars(at + 1, end, value).ptr;
        if (field == 4) stat.parent = static_cast<pid_t>(value);
        if (field >= 14) stat.ticks += static_cast<std::uint64_t>(value);
    }
    return stat;
}

std::multimap<pid_t, pid_t> children_by_parent(std::string_view stranger) {
    std::multimap<pid_t, pid_t> children;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
    while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
        const std::string_view name = entry->d_name;
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        const auto stat = pid > 0 ? stat_of(pid) : std::nullopt;
        if (stat && stat->comm != stranger) children.emplace(stat->parent, pid);
    }
    return children;
}

}  // namespace

std::vector<pid_t> family_of(pid_t root, std::string_view stranger) {
    const auto children = children_by_parent(stranger);
    std::vector<pid_t> family{root};
    for (std::size_t i = 0; i < family.size(); ++i) {
        const auto [begin, end] = children.equal_range(family[i]);
        for (auto child = begin; child != end; ++child) family.push_back(child->second);
    }
    return family;
}

double cpu_seconds_of(const std::vector<pid_t>& family) {
    std::uint64_t ticks = 0;
    for (const pid_t pid : family)
        if (const auto stat = stat_of(pid)) ticks += stat->ticks;
    return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t private_kib_of(const std::vector<pid_t>& family) {
    std::uint64_t kib = 0;
    for (const pid_t pid : family)
        if (auto watched = Watched::open(pid); watched.ok()) kib += watched->private_kib();
    return kib;
}

}  // namespace urc::bench
