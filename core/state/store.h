// Store: the directory ROOT, one directory ROOT/ID a container.
//
//   ROOT/ID/            0711; its flock(2) is the container's lock
//           state.json  replaced as a whole: written as state.json.new, then renamed
//           monitor.sock, notify/   of whoever attends it (core/monitor)
//           start.sock  there from create to start: start.sock.new until all of create is done, removed by
//           start
//
// A directory is either whole (state.json is there) or being made by a live process that holds its lock. One
// without state.json whose lock is free is what a killed creator left: reserve() takes it over, `delete
// --force` removes it, `list` passes it by. Before a creator makes anything outside of the directory, it
// saves a state without an init (lifecycle/announce.h): should it be killed then, that is a stopped
// container, whose cgroups `delete` finds.
//
// The lock belongs to the open directory description: it is held until every copy of that descriptor is
// closed. A process that clones while holding it must close the copy in the child, or the lock outlives it.
// Readers never lock. No fsync: ROOT is on a tmpfs, and a reboot ends all containers anyway.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/state/state.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc {

inline constexpr const char* kStateFile = "state.json";
inline constexpr const char* kStartSocket = "start.sock";
inline constexpr const char* kNewStartSocket = "start.sock.new";

// Letters, digits, `_+-.`; not "." or ".."; a leading dot is refused as well. "invalid container ID format:
// ...".
Result<void> check_id(std::string_view id);

// How long a verb waits for another one that holds the container.
inline constexpr int kLockTimeoutMs = 10'000;

// One open directory ROOT/ID.
class StateDir {
public:
    StateDir(std::string id, Fd directory, int root_fd) noexcept
        : id_(std::move(id)), directory_(std::move(directory)), root_fd_(root_fd) {}

    const std::string& id() const noexcept { return id_; }
    int fd() const noexcept { return directory_.get(); }

    // Waits for the lock at most `timeout_ms`; ETIMEDOUT after that.
    Result<void> lock(int timeout_ms = kLockTimeoutMs);
    void unlock();
    // Whether somebody else holds the lock now. Never waits.
    bool is_locked() const;

    // Replaces state.json. The caller holds the lock.
    Result<void> save(const State& state);
    // ENOENT while there is no state.json.
    Result<State> load() const;
    bool has_start_socket() const;

    // Removes the directory with all that is in it: files, and directories of files. The caller holds the
    // lock.
    Result<void> remove();

private:
    std::string id_;
    Fd directory_;
    int root_fd_;  // of the Store, which outlives this
};

class Store {
public:
    // Opens ROOT, made with mode 0700 (and its parents) when missing.
    static Result<Store> open(const std::string& root);
    // ENOENT when it is missing.
    static Result<Store> open_existing(const std::string& root);

    // Makes ROOT/ID and locks it. EEXIST "container with given ID already exists". Until the first save(),
    // other calls see a container that is being created.
    Result<StateDir> reserve(std::string_view id);

    // ENOENT "container does not exist".
    Result<StateDir> find(std::string_view id) const;

    // Names of all directories that could be containers, sorted.
    Result<std::vector<std::string>> ids() const;

private:
    explicit Store(Fd root) noexcept : root_(std::move(root)) {}
    Fd root_;
};

// How the container is now. `is_frozen` is asked only for a live process (it costs reads in cgroupfs).
Status compute_status(const StateDir& dir, const State& state, bool (*is_frozen)(const State&));

}  // namespace urc
