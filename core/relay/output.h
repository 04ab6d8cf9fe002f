// Output: what a container writes, on its way to the sinks. The same code serves one container (foreground
// run, the monitor) and thousands (the supervisor): all of them share one Loop.
//
//   stdout pipe --relay()--> [64 KiB of the process's stack] ----+--> sink 1 --> file, by plain write(2)
//   stderr pipe --relay()-->                                    +--> sink 2 --> fifo, waits by poll
//                                                               +--> viewers (attach): never waited for
//
// What a stream says goes to every sink in its order, once. A sink that does not take it is dealt with by its
// policy (sink_options.h): only `block` holds up the stream, and so the container, and nobody else's.
//
//   relay(stdout): a reader ------take()-----> sink: takes it, or keeps it and is stalled
//                  a keeper: starts, for each stalled sink, a pump: waits until it is writable, retry()
//   finish():      the same pumps, for what is left when nobody reads any more
//
// A sink that cannot be written (a full disk, an I/O error) is tried again every second; that never ends the
// relay. One whose reader is gone for good (EPIPE of an `fd`) ends alone, with a warning. A resident process
// ignores SIGPIPE, and so must whoever calls this.
//
// Memory of one container with one log file, idle: about 5 KiB (the Output and its sink 1.5 KiB, three frames
// a stream), and the unfinished line, if there is one. A buffer is only held from a read to the end of the
// write.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/relay/sink_options.h"
#include "uring/loop.h"

namespace urc::relay {

class Files;

// Somebody who watches the output live. Must not block, and copies what it wants to keep.
class Viewer {
public:
    virtual void output(Stream stream, std::span<const std::byte> bytes) noexcept = 0;

protected:
    ~Viewer() = default;
};

struct OutputOptions {
    std::string id;                  // of the container
    std::vector<SinkOptions> sinks;  // none of driver `none`
    const Log* log = nullptr;        // warnings: a sink that fails, what was dropped. Outlives the Output
    Files* files = nullptr;          // for tests: other files than the kernel's. Outlives the Output
};

class Output {
public:
    // Opens every sink, before the container is started: a path that cannot be opened is an Error here.
    // `loop` must outlive the Output.
    static Result<std::unique_ptr<Output>> open(Loop& loop, const OutputOptions& options);
    virtual ~Output() = default;

    // Reads `fd` (a pipe, or the master of a terminal; borrowed) until its end and hands on what it says. One
    // task a stream. Cancelled, it leaves nothing behind that was read and not handed to the sinks' buffers.
    virtual Task<void> relay(int fd, Stream stream) = 0;

    // What `fd` has to say at this moment, without waiting for more: after relay() was cancelled because a
    // grandchild keeps the pipe open.
    virtual Task<void> drain(int fd, Stream stream) = 0;

    // After both: closes unfinished lines, writes notices of what was dropped, and waits until the sinks have
    // taken all of it, at most `bound`. What is then still kept is counted in a warning.
    virtual Task<void> finish(std::chrono::nanoseconds bound) = 0;

    // Whether a stream is not read at this moment because a sink does not take what it said.
    virtual bool is_held_up() const = 0;

    // Files are rotated (or opened anew, where they are not counted: logrotate) before the next record.
    virtual void rotate() = 0;

    virtual void add_viewer(Viewer& viewer) = 0;
    virtual void remove_viewer(Viewer& viewer) = 0;
};

}  // namespace urc::relay
