// journalctl(1) as a child: the lines it prints, one after the other.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::logs {

class Journalctl {
public:
    // "no journalctl in $PATH" (ENOENT).
    static Result<Journalctl> start(const std::vector<std::string>& arguments);
    Journalctl(Journalctl&& other) noexcept;
    Journalctl& operator=(Journalctl&&) = delete;
    // Ends it, if it has not ended.
    ~Journalctl();

    // Becomes readable when there is more, or the end.
    int fd() const { return output_.get(); }
    // Bytes of its output, waiting for some; none at the end.
    Result<std::size_t> read(char* buffer, std::size_t size);
    // After the end: waits for it. An Error with the first line of its stderr when it has failed.
    Result<void> finish();

private:
    Journalctl(pid_t pid, Fd output, Fd complaints)
        : pid_(pid), output_(std::move(output)), complaints_(std::move(complaints)) {}
    int reap();

    pid_t pid_;  // 0: reaped
    Fd output_, complaints_;
};

}  // namespace urc::logs
