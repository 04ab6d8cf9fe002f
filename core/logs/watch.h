// Watch: what `logs --follow` waits for, in one poll(2): the log grows or is rotated (inotify(7) on the file
// and on its directory), the container's monitor ends (its pidfd), the container is deleted (inotify on its
// state directory), nobody reads our output any more.
#pragma once

#include <optional>
#include <string>

#include "core/logs/files.h"
#include "core/logs/instant.h"
#include "core/state/store.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::logs {

class Watch {
public:
    struct Options {
        std::optional<Instant> until;
        int output_fd = -1;  // looked at for its readers alone; -1: none
    };
    // `dir` must outlive it. A state without a monitor that lives is at its end from the beginning.
    static Result<Watch> open(const StateDir& dir, const State& state, const Options& options);

    // Before the first look at them, so that nothing happens unseen between the two.
    Result<void> watch_directory_of(const std::string& path);
    Result<void> watch_file(const File& file);

    // Waits until something has happened. `extra`: one more descriptor; true when that one is readable.
    // EPIPE: nobody reads our output.
    Result<bool> wait(int extra = -1);

    // No more will be written: the monitor is gone, the container deleted, or it is later than `until`. To be
    // asked before a last look at the log.
    bool is_over();

private:
    Watch(const StateDir& dir, Options options) : dir_(&dir), options_(options) {}
    Result<void> add(const std::string& path, unsigned events);
    int timeout_ms() const;

    const StateDir* dir_;
    Options options_;
    Fd inotify_;
    Pidfd monitor_;
    int file_watch_ = -1;
};

}  // namespace urc::logs
