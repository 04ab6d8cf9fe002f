// The foreground relay between the caller's terminal and the container's.
//
//   stdin ---[64 KiB]--> master        at the end of a pipe, file or socket the terminal is told: see
//   tell_end stdout <--[64 KiB]-- master        an unfinished write survives the cancelling: finish() goes on
//   with it
//
// Neither direction waits for the other, and nothing here waits outside of the loop.
//
// A stdout that takes nothing more (EPIPE: `urc run c1 | head -1`) is a terminal that has gone: the master is
// closed, the container's session gets SIGHUP and its writes EIO, as from runc. Discarding its output
// instead would let it work on for ever, for nobody.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "core/terminal/caller.h"
#include "core/terminal/caller_stream.h"
#include "uring/event.h"
#include "uring/fd.h"
#include "uring/loop.h"

namespace urc::terminal {

// Who shows what the container's terminal says: this relay on stdout, or who else reads the master.
enum class Shown : unsigned char { here, elsewhere };

class Relay {
public:
    // `master` is ours alone. It is made non-blocking, and gets the caller's size if that has one: otherwise
    // it keeps process.consoleSize.
    static Result<std::unique_ptr<Relay>> open(Loop& loop, Caller& caller, Fd master,
                                               Shown shown = Shown::here);

    // Both directions, until cancelled or until stdout has gone.
    Task<void> run();

    // After run(): what was read and not written, and what the terminal holds now. No more than that:
    // processes that the container leaves behind may go on writing for ever.
    Task<void> finish();

    // The caller's size has changed.
    void resize() noexcept;
    // stdin may be read (again): we have been continued.
    void wake_input() noexcept { woken_.set(); }

private:
    enum class Filled : unsigned char { some, nothing, nobody };
    using Buffer = std::array<std::byte, 64 << 10>;

    Relay(Loop& loop, Caller& caller, Fd master, Shown shown);
    Task<void> relay_both();
    Task<void> relay_input();
    Task<void> feed(std::size_t size);
    Task<void> tell_end();
    Task<void> relay_output();
    Filled fill() noexcept;

    Loop& loop_;
    Caller& caller_;
    CallerStream in_, out_;
    Fd master_;
    Shown shown_;
    Fd slave_;  // held open by us once all others have closed it
    Event woken_;
    std::span<const std::byte> rest_;  // in output_, to be written
    Buffer input_, output_;
};

}  // namespace urc::terminal
