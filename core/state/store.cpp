// flock(2), rename(2). See store.h for the rules.
#include "core/state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "core/json_writer.h"
#include "core/state/holder.h"
#include "core/state/state_json.h"
#include "core/timestamp.h"
#include "uring/file.h"

namespace urc {
namespace {

constexpr std::size_t kIdLengthMax = 255;  // NAME_MAX: it names directories
constexpr const char* kNewStateFile = "state.json.new";
constexpr std::size_t kStateSizeMax = 4 << 20;

Error already_exists() {
    return Error::message("container with given ID already exists", EEXIST);
}
Error does_not_exist() {
    return Error::message("container does not exist", ENOENT);
}

Error is_busy(int directory) {
    auto holder = find_holder(directory);
    if (!holder) return Error::message("the container is busy: another process holds its lock", ETIMEDOUT);
    return Error::message("the container is busy: process " + std::to_string(holder->pid) + " (" +
                              holder->command + ") holds its lock",
                          ETIMEDOUT);
}

bool has_file(int directory, const char* name) {
    return ::faccessat(directory, name, F_OK, 0) == 0;
}

// A directory that was removed while we held it open has no link left.
bool is_removed(int directory) {
    struct stat info {};
    return ::fstat(directory, &info) != 0 || info.st_nlink == 0;
}

struct CloseStream {
    void operator()(DIR* stream) const { ::closedir(stream); }
};
using Stream = std::unique_ptr<DIR, CloseStream>;

// The names in `directory`, without "." and "..". The stream gets a descriptor of its own: it closes what it
// is given.
Result<std::vector<std::string>> names_in(int directory, std::string_view name) {
    URC_TRY(Fd own, open_at(directory, ".", O_RDONLY | O_DIRECTORY));
    Stream stream(::fdopendir(own.get()));
    if (!stream) return Error::last("read directory", name);
    (void)own.release();
    std::vector<std::string> names;
    for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
        const std::string_view entry_name = entry->d_name;
        if (entry_name != "." && entry_name != "..") names.emplace_back(entry_name);
    }
    if (errno != 0) return Error::last("read directory", name);
    return names;
}

Result<void> remove_files(int directory, std::string_view name, bool is_inner = false) {
    URC_TRY(std::vector<std::string> files, names_in(directory, name));
    // state.json last: until it is gone, a killed `delete` can be repeated by another one.
    std::stable_partition(files.begin(), files.end(), [](const std::string& f) { return f != kStateFile; });
    for (const std::string& file : files) {
        if (::unlinkat(directory, file.c_str(), 0) == 0 || errno == ENOENT) continue;
        const std::string path = std::string(name) + "/" + file;
        if (errno != EISDIR) return Error::last("unlink", path);
        // notify/, or one that is not ours; with files in it, and no deeper.
        URC_TRY(Fd inner, open_at(directory, file.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        if (is_inner) return Error(EISDIR, "unlink", path);
        URC_TRY_VOID(remove_files(inner.get(), path, true));
        if (::unlinkat(directory, file.c_str(), AT_REMOVEDIR) != 0) return Error::last("rmdir", path);
    }
    return {};
}

}  // namespace

Result<void> check_id(std::string_view id) {
    auto is_good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '+' || c == '-' || c == '.';
    };
    if (id.empty()) return Error::message("container ID cannot be empty");
    if (id.size() > kIdLengthMax)
        return Error::message(
            "invalid container ID format: longer than " + std::to_string(kIdLengthMax) + " characters",
            ENAMETOOLONG);
    if (id[0] == '.' || !std::all_of(id.begin(), id.end(), is_good)) {
        std::string text = "invalid container ID format: ";
        append_json_string(text, id);
        return Error::message(text);
    }
    return {};
}

Result<void> StateDir::lock(int timeout_ms) {
    const std::int64_t end_us = monotonic_us() + std::int64_t{timeout_ms} * 1000;
    while (::flock(directory_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return Error::last("lock", id_);
        if (monotonic_us() >= end_us) return is_busy(directory_.get());
        // flock has no deadline of its own, and a creator holds its lock for about a millisecond.
        const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
        (void)::ppoll(nullptr, 0, &pause, nullptr);
    }
    return {};
}

void StateDir::unlock() {
    (void)::flock(directory_.get(), LOCK_UN);
}

bool StateDir::is_locked() const {
    // A descriptor of its own: flock on ours would give up a lock that we hold.
    auto probe = open_at(directory_.get(), ".", O_RDONLY | O_DIRECTORY);
    return probe && ::flock(probe->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<void> StateDir::save(const State& state) {
    {
        URC_TRY(Fd file,
                open_at(directory_.get(), kNewStateFile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
        URC_TRY_VOID(write_all(file.get(), write_state_json(state), kNewStateFile));
    }
    if (::renameat(directory_.get(), kNewStateFile, directory_.get(), kStateFile) != 0)
        return Error::last("rename", kStateFile);
    return {};
}

Result<State> StateDir::load() const {
    URC_TRY(std::string text, read_file_at(directory_.get(), kStateFile, kStateSizeMax));
    auto state = parse_state_json(std::move(text));
    if (state) return state;
    char path[PATH_MAX];
    const std::string link = "/proc/self/fd/" + std::to_string(directory_.get());
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
    std::string name = length > 0 ? std::string(path, static_cast<std::size_t>(length)) : id_;
    return Error::message(name + "/" + kStateFile + " " + state.error().text(), state.error().code());
}

bool StateDir::has_start_socket() const {
    return has_file(directory_.get(), kStartSocket);
}

Result<void> StateDir::remove() {
    // Somebody else was faster, and the name may belong to a new container by now.
    if (is_removed(directory_.get())) return {};
    URC_TRY_VOID(remove_files(directory_.get(), id_));
    if (::unlinkat(root_fd_, id_.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        return Error::last("rmdir", id_);
    return {};
}

Result<Store> Store::open(const std::string& root) {
    Fd directory(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory) return Store(std::move(directory));
    if (errno != ENOENT) return Error::last("open", root);
    URC_TRY_VOID(make_directories(root, 0700));
    return open_existing(root);
}

Result<Store> Store::open_existing(const std::string& root) {
    URC_TRY(Fd directory, open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY));
    return Store(std::move(directory));
}

Result<StateDir> Store::reserve(std::string_view id) {
    URC_TRY_VOID(check_id(id));
    const std::string name(id);
    for (int attempt = 0; attempt < 8; ++attempt) {
        const bool is_made = ::mkdirat(root_.get(), name.c_str(), 0711) == 0;
        if (!is_made && errno != EEXIST) return Error::last("mkdir in the state root", name);
        Fd directory(::openat(root_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!directory) {
            if (errno == ENOENT) continue;  // removed by somebody a moment ago
            return errno == ENOTDIR || errno == ELOOP ? already_exists() : Error::last("open", name);
        }
        StateDir dir(name, std::move(directory), root_.get());
        if (!is_made && has_file(dir.fd(), kStateFile)) return already_exists();
        // The short wait is for those who only look (is_locked). A creator at work keeps the lock longer.
        if (!dir.lock(10)) return already_exists();
        if (is_removed(dir.fd())) continue;
        if (has_file(dir.fd(), kStateFile)) return already_exists();  // another creator was faster
        if (!is_made) URC_TRY_VOID(remove_files(dir.fd(), name));
        return dir;
    }
    return Error(EAGAIN, "reserve", name);
}

Result<StateDir> Store::find(std::string_view id) const {
    URC_TRY_VOID(check_id(id));
    std::string name(id);
    Fd directory(::openat(root_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (directory) return StateDir(std::move(name), std::move(directory), root_.get());
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG)
        return does_not_exist();
    return Error::last("open", name);
}

Result<std::vector<std::string>> Store::ids() const {
    URC_TRY(std::vector<std::string> names, names_in(root_.get(), "state root"));
    std::erase_if(names, [](const std::string& name) { return !check_id(name); });
    std::sort(names.begin(), names.end());
    return names;
}

Status compute_status(const StateDir& dir, const State& state, bool (*is_frozen)(const State&)) {
    if (state.init.pid == 0) return dir.is_locked() ? Status::creating : Status::stopped;
    if (!is_alive(state.init)) return Status::stopped;
    if (is_frozen(state)) return Status::paused;
    return dir.has_start_socket() ? Status::created : Status::running;
}

}  // namespace urc
