// Removal. A cgroup can be removed when no process is in it and no cgroup below it. The last process leaves
// only some moments after its parent has been told of its end (EBUSY), so that is waited for, within bounds.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"
#include "uring/file.h"

namespace urc::cgroup {

namespace {

// 50 us doubling up to 50 ms: 45 waits are about two seconds.
constexpr int kTriesMax = 45;
constexpr long kFirstWaitNs = 50'000;
constexpr long kLongestWaitNs = 50'000'000;

// cgroup2 says when the last process has left (cgroup.events); on v1 there is nothing to poll.
void wait_before_retry(const std::vector<const Directory*>& left, int tries) {
    long wait_ns = tries < 10 ? kFirstWaitNs << tries : kLongestWaitNs;
    timespec wait{0, std::min(wait_ns, kLongestWaitNs)};
    Fd events;
    for (const Directory* directory : left) {
        if (!directory->is_v2() || !directory->fd) continue;
        events = Fd(::openat(directory->fd.get(), "cgroup.events", O_RDONLY | O_CLOEXEC));
        // To be read first: a change counts from the last read.
        auto text = events ? read_all(events.get(), 4096, "cgroup.events") : Result<std::string>("");
        if (!text.ok() || keyed_value(*text, "populated") != "1") events.reset();
    }
    pollfd change{events.get(), POLLPRI, 0};
    (void)::ppoll(&change, events ? 1 : 0, &wait, nullptr);
}

bool is_gone(int code) {
    return code == ENOENT || code == ENODEV;
}

// What the container has made below `dir`, deepest first. Fails with EBUSY while a process is in there.
int remove_children(int dir) {
    int failure = 0;
    for (const std::string& name : child_names(dir)) {
        if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || is_gone(errno)) continue;
        Fd child(::openat(dir, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (child) (void)remove_children(child.get());
        if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) != 0 && !is_gone(errno)) failure = errno;
    }
    return failure;
}

// One try; 0 when it is gone with all that was below it.
int remove_tree(const std::string& path) {
    if (::rmdir(path.c_str()) == 0 || is_gone(errno)) return 0;
    if (errno != EBUSY && errno != ENOTEMPTY) return errno;
    Fd dir(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (dir) (void)remove_children(dir.get());
    return ::rmdir(path.c_str()) == 0 || is_gone(errno) ? 0 : errno;
}

bool is_transient(int code) {
    return code == EBUSY || code == ENOTEMPTY || code == EINTR;
}

}  // namespace

Result<void> Cgroup::remove() {
    std::optional<Error> first;
    auto note = [&](int code, const std::string& path) {
        if (code != 0 && !first) first = Error(code, "rmdir", path);
    };
    // One that was there before stays, without what the container made below it.
    auto attempt = [&](const Directory& directory) {
        bool is_ours = std::find(made_.begin(), made_.end(), directory.path) != made_.end();
        if (is_ours) return remove_tree(directory.path);
        return directory.fd ? remove_children(directory.fd.get()) : 0;
    };
    std::vector<const Directory*> left;
    for (const Directory& directory : directories_) left.push_back(&directory);
    // All hierarchies wait for the same processes, so they share the waiting.
    for (int tries = 0; !left.empty(); ++tries) {
        if (tries > 0) wait_before_retry(left, tries - 1);
        std::erase_if(left, [&](const Directory* directory) {
            int code = attempt(*directory);
            if (is_transient(code) && tries < kTriesMax) return false;
            note(code, directory->path);
            return true;
        });
    }
    // Parents, deepest first. Other containers may have moved in since: then they stay.
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
        if (::rmdir(path->c_str()) == 0 || is_gone(errno) || is_transient(errno)) continue;
        note(errno, *path);
    }
    if (first) return std::move(*first);
    for (Directory& directory : directories_) directory.fd.reset();
    made_.clear();
    return {};
}

}  // namespace urc::cgroup
