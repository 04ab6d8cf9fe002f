#include "bench/leftovers.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <vector>

#include "uring/file.h"

namespace urc::bench {

namespace {

namespace fs = std::filesystem;

constexpr int kDepthMax = 6;
constexpr int kTries = 100;

void kill_all_in(const fs::path& cgroup) {
    auto pids = read_file_at(AT_FDCWD, (cgroup / "cgroup.procs").c_str());
    if (!pids.ok()) return;
    std::string_view rest = *pids;
    while (!rest.empty()) {
        pid_t pid = 0;
        const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), pid);
        if (error != std::errc{} || pid <= 1) return;
        ::kill(pid, SIGKILL);
        rest.remove_prefix(std::min(static_cast<std::size_t>(stop - rest.data()) + 1, rest.size()));
    }
}

void remove_one(const fs::path& cgroup) {
    std::vector<fs::path> parts{cgroup};  // children come after their parents
    std::error_code error;
    for (fs::recursive_directory_iterator i(cgroup, error), end; !error && i != end; i.increment(error))
        if (i->is_directory(error)) parts.push_back(i->path());
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        kill_all_in(*part);
        // EBUSY until the last one killed is gone.
        for (int tries = 0; ::rmdir(part->c_str()) < 0 && errno == EBUSY && tries < kTries; ++tries)
            ::usleep(10'000);
    }
}

}  // namespace

void remove_cgroups(std::string_view name) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::recursive_directory_iterator i("/sys/fs/cgroup", error), end; !error && i != end;
         i.increment(error)) {
        if (!i->is_directory(error)) continue;
        if (i->path().filename() == name) found.push_back(i->path());
        if (i->path().filename() == name || i.depth() >= kDepthMax) i.disable_recursion_pending();
    }
    for (const fs::path& path : found) remove_one(path);
}

}  // namespace urc::bench
