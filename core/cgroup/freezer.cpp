// Pausing. v2: cgroup.freeze, and cgroup.events says when all have stopped (a poll). v1: the freezer
// hierarchy, whose state goes THAWED -> FREEZING -> FROZEN and has to be asked again and again.
//
// A freeze that does not come about within the bound is taken back: half frozen, a container answers nobody.
#include <poll.h>

#include <ctime>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"
#include "uring/file.h"

namespace urc::cgroup {

namespace {

constexpr int kTimeoutMs = 10'000;
constexpr int kAskAgainMs = 1;

// Waits until cgroup.events has `frozen VALUE`.
Result<bool> wait_v2(const Directory& directory, std::string_view value) {
    URC_TRY(Fd events, open_at(directory.fd.get(), "cgroup.events", O_RDONLY));
    timespec start{};
    ::clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        if (::lseek(events.get(), 0, SEEK_SET) != 0) return Error::last("seek", "cgroup.events");
        URC_TRY(std::string text, read_all(events.get(), 4096, "cgroup.events"));
        if (keyed_value(text, "frozen") == value) return true;
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        auto past_ms =
            static_cast<int>((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000);
        if (past_ms >= kTimeoutMs) return false;
        pollfd wait{events.get(), POLLPRI, 0};
        if (::poll(&wait, 1, kTimeoutMs - past_ms) < 0 && errno != EINTR)
            return Error::last("poll", "cgroup.events");
    }
}

Result<bool> wait_v1(const Directory& directory, std::string_view state) {
    for (int tries = 0; tries < kTimeoutMs / kAskAgainMs; ++tries) {
        // Written each time: a task that was just being born is only caught by another write.
        URC_TRY_VOID(write_control(directory, "freezer.state", state));
        URC_TRY(std::string now, read_line(directory.fd.get(), "freezer.state"));
        if (now == state) return true;
        // v1 has nothing to poll: only the time passes.
        (void)::poll(nullptr, 0, kAskAgainMs);
    }
    return false;
}

// The v1 freezer, or else the cgroup2 directory, which can always freeze.
const Directory* freezer_of(const Cgroup& cgroup) {
    const Directory* v1 = cgroup.directory(Controller::freezer);
    return v1 ? v1 : cgroup.directory(Controller::unified);
}

Result<bool> change(const Directory& directory, bool is_freeze) {
    if (!directory.is_v2()) return wait_v1(directory, is_freeze ? "FROZEN" : "THAWED");
    URC_TRY_VOID(write_control(directory, "cgroup.freeze", is_freeze ? "1" : "0"));
    return wait_v2(directory, is_freeze ? "1" : "0");
}

}  // namespace

Result<void> Cgroup::freeze() const {
    const Directory* directory = freezer_of(*this);
    if (!directory) return Error(ENOENT, "freeze", "no freezer controller");
    Result<bool> done = change(*directory, true);
    if (done.ok() && *done) return {};
    // Without waiting: whoever could not be frozen will not say when it is thawed.
    (void)try_write(directory->fd.get(), directory->is_v2() ? "cgroup.freeze" : "freezer.state",
                    directory->is_v2() ? "0" : "THAWED");
    if (!done.ok()) return std::move(done).error();
    return Error(ETIMEDOUT, "freeze", directory->path);
}

Result<void> Cgroup::thaw() const {
    const Directory* directory = freezer_of(*this);
    if (!directory) return Error(ENOENT, "thaw", "no freezer controller");
    Result<bool> done = change(*directory, false);
    // Whoever has just been killed takes the cgroup along: systemd removes a scope's as soon as it is empty.
    if (!done.ok() && (done.error().code() == ENODEV || done.error().code() == ENOENT)) return {};
    URC_TRY(bool is_done, std::move(done));
    // The usual cause: a cgroup above this one is frozen.
    if (!is_done) return Error(ETIMEDOUT, "thaw", directory->path);
    return {};
}

Result<bool> Cgroup::is_frozen() const {
    const Directory* directory = freezer_of(*this);
    if (!directory) return false;
    Result<std::string> state =
        read_line(directory->fd.get(), directory->is_v2() ? "cgroup.freeze" : "freezer.state");
    if (state.ok()) return *state == "1" || *state == "FROZEN" || *state == "FREEZING";
    if (state.error().code() == ENOENT || state.error().code() == ENODEV) return false;
    return std::move(state).error();
}

}  // namespace urc::cgroup
