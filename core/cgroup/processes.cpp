// The processes of a cgroup, and signals to all of them.
//
// A number read from cgroup.procs may belong to another process by the time it is used. So each is opened as
// a pidfd first and the list is read once more: one that is still listed then, is the container's.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"

namespace urc::cgroup {

namespace {

// Processes forked while the signals are sent are met in another round. Frozen ones do not fork, so for
// SIGKILL the second round usually finds nothing new; for other signals this bound ends a fork bomb's lead.
constexpr int kRoundsMax = 64;
constexpr std::size_t kBatch = 256;  // descriptors open at a time

void sort_unique(std::vector<pid_t>& pids) {
    std::sort(pids.begin(), pids.end());
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
}

bool has(const std::vector<pid_t>& sorted, pid_t pid) {
    return std::binary_search(sorted.begin(), sorted.end(), pid);
}

// Signals pids[from, from + kBatch). Returns the errno of a refusal, 0 when all were reached or are gone.
int signal_batch(int dir, const std::vector<pid_t>& pids, std::size_t from, int signal) {
    std::size_t end = std::min(pids.size(), from + kBatch);
    std::vector<std::pair<pid_t, Pidfd>> open;
    int failure = 0;
    for (std::size_t i = from; i < end; ++i) {
        // ESRCH: gone; EINVAL or ENOENT: a thread that leads no group, its leader is listed as well.
        Pidfd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pids[i], 0)));
        if (pidfd) {
            open.emplace_back(pids[i], std::move(pidfd));
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOSYS) {
            failure = errno;
        }
    }
    std::vector<pid_t> now;
    append_pids(dir, now);
    sort_unique(now);
    for (auto& [pid, pidfd] : open) {
        if (!has(now, pid)) continue;
        if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0 && errno != ESRCH)
            failure = errno;
    }
    return failure;
}

int signal_all(int dir, int signal) {
    std::vector<pid_t> reached;
    int failure = 0;
    for (int round = 0; round < kRoundsMax; ++round) {
        std::vector<pid_t> all, fresh;
        append_pids(dir, all);
        sort_unique(all);
        std::set_difference(all.begin(), all.end(), reached.begin(), reached.end(),
                            std::back_inserter(fresh));
        if (fresh.empty()) break;
        for (std::size_t from = 0; from < fresh.size(); from += kBatch) {
            int code = signal_batch(dir, fresh, from, signal);
            if (code != 0) failure = code;
        }
        reached.insert(reached.end(), fresh.begin(), fresh.end());
        sort_unique(reached);
    }
    return failure;
}

// Also what the container froze below by itself: thawing the parent alone leaves that as it is.
void thaw_tree(int dir) {
    (void)try_write(dir, "freezer.state", "THAWED");
    for (const std::string& name : child_names(dir)) {
        Fd child(::openat(dir, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (child) thaw_tree(child.get());
    }
}

}  // namespace

Result<std::vector<pid_t>> Cgroup::pids() const {
    std::vector<pid_t> found;
    if (const Directory* directory = process_directory()) append_pids(directory->fd.get(), found);
    sort_unique(found);
    return found;
}

Result<void> Cgroup::kill(int signal) const {
    const Directory* directory = process_directory();
    if (!directory) return {};
    if (signal == SIGKILL && directory->is_v2()) {
        int code = try_write(directory->fd.get(), "cgroup.kill", "1");
        if (code == 0 || code == ENODEV) return {};
        // ENOENT: before Linux 5.14, or the cgroup is gone; EOPNOTSUPP: threaded. One by one then.
    }
    bool is_held =
        signal == SIGKILL && directory->controllers.has(Controller::freezer) && !directory->is_v2();
    // A frozen v1 process dies only once it is thawed; one that was running cannot fork while it is held.
    if (is_held) (void)try_write(directory->fd.get(), "freezer.state", "FROZEN");
    int failure = signal_all(directory->fd.get(), signal);
    if (is_held) thaw_tree(directory->fd.get());
    if (failure != 0) return Error(failure, "kill", directory->path);
    return {};
}

}  // namespace urc::cgroup
