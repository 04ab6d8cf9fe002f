// Gate: how the harness and the programs in the containers agree on moments, through four fifos in a
// directory that both see.
//
//   harness                                    every program
//      |  <--- `u` in `up` --------------------  |  it is there
//      |  ---- closes `go` ------------------->  |  read(2) returns 0 in all of them at once: they begin
//      |  <--- `d` in `up` --------------------  |  its last write(2) has returned
//      |  ---- closes `end` ------------------>  |  they go on, or end
//      |  <--- eight bytes each in `sent` -----  |  for those that tell times
//
// One gate serves one round; the next one makes the fifos anew, so a straggler of the last round cannot
// disturb it.
#pragma once

#include <string>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::bench {

class Gate {
public:
    static Result<Gate> create(const std::string& directory);

    // Until so many programs have said `word`. An Error when they have not in time, that says how many had.
    Result<void> await(char word, unsigned count, int timeout_ms);

    void go() { go_.reset(); }
    void end() { end_.reset(); }

    int up() const noexcept { return up_.get(); }      // readable when there is a word
    int sent() const noexcept { return sent_.get(); }  // not blocking

private:
    Gate() = default;

    Fd up_, go_, end_, sent_;
};

}  // namespace urc::bench
