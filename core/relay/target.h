// Target: where a sink's bytes end up, and what it says when it does not take them. Nothing here waits.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/relay/files.h"
#include "core/relay/sink_options.h"

namespace urc::relay {

// What became of bytes that were handed over. A regular end has neither error nor rest.
struct Put {
    std::size_t taken = 0;
    int error = 0;         // an errno; EAGAIN: worth another try when `wait_fd` is writable
    bool is_over = false;  // nobody will ever take anything again
};

class Target {
public:
    virtual ~Target() = default;

    // Takes as much as it can. For a target of packets, `bytes` are one, and taken as a whole.
    virtual Put put(std::string_view bytes) = 0;

    // Bytes that may be put before make_room(), which then gives some; a new file takes any one record.
    virtual std::size_t room() const { return static_cast<std::size_t>(-1); }
    virtual bool is_new() const { return false; }
    virtual void make_room() {}
    // What may go wrong in make_room() is no reason to stop. What did, once, for a warning.
    virtual std::string take_complaint() { return {}; }

    // Starts a new file, or opens the path anew, before the next byte.
    virtual void rotate() {}

    // To poll for POLLOUT after EAGAIN; -1: only time helps.
    virtual int wait_fd() const { return -1; }
    // A pipe that bytes may be spliced into; -1: none.
    virtual int splice_fd() const { return -1; }
    virtual bool takes_packets() const { return false; }
};

Result<std::unique_ptr<Target>> open_file(Files& files, const SinkOptions& options);
Result<std::unique_ptr<Target>> open_fifo(const SinkOptions& options);
Result<std::unique_ptr<Target>> open_inherited(const SinkOptions& options);
Result<std::unique_ptr<Target>> open_journal(Files& files, const SinkOptions& options);

Result<std::unique_ptr<Target>> open_target(Files& files, const SinkOptions& options);

}  // namespace urc::relay
