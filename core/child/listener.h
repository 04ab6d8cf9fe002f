// SCMP_ACT_NOTIFY: how the descriptor of a filter's listener gets out of the process that the filter binds.
//
// seccomp(2) gives the listener to the very process whose notified calls wait from then on until somebody
// answers on it. So whatever it calls to pass the listener on may wait for ever: agents for networks have
// sendmsg notified, others close. Only write(2) is safe, as no profile may notify it (seccomp/profile.cpp).
// The rest is done by a helper: a fork from before the filter, which shares the table of descriptors.
//
//   last page                        helper                       parent (run, start, exec)           agent
//     |--- clone(CLONE_FILES) ------>|                              |                                   |
//     | seccomp(NEW_LISTENER) = N    |                              |                                   |
//     |--- write: N ---------------->|--- listener [N] ------------>|--- connect, the state, [N] ------>|
//     | wait4 (may be notified: ...  |                              |                 ... it can answer |
//     |                              |<-- listener_taken -----------|                                   |
//     |<-- one byte -----------------|  exits                       |
//     | read
//     | execve
//
// When the parent fails it closes the channel; the helper then closes the listener, so that nothing waits on
// it any more, and exits without the byte, which the last page misses (EAGAIN). A last page that fails takes
// the helper along (PR_SET_PDEATHSIG).
#pragma once

#include <memory>

#include "core/child/last_page.h"
#include "core/process/channel.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::child {

class ListenerHandover {
public:
    static Result<ListenerHandover> make();

    // The calls that hand the result of `load`, the call of seccomp(2) just added to `page`, over. They wait
    // for the helper, so start() comes before the page runs.
    void add_calls(LastPage& page, LastPage::Call& load);

    // Clones the helper, which talks on `channel`.
    Result<void> start(const process::Channel& channel);

private:
    struct Buffer {
        int listener = -1;
        char taken = 0;
    };

    Fd ours_, helpers_;
    std::unique_ptr<Buffer> buffer_ = std::make_unique<Buffer>();  // the last page writes here
};

}  // namespace urc::child
