// Dialer: connections into a network namespace that somebody else makes for us, in place of a Helper's
// sockets that we connect ourselves.
#pragma once

#include "core/ports/address.h"
#include "core/ports/spec.h"
#include "uring/fd.h"
#include "uring/task.h"

namespace urc::ports {

class Dialer {
public:
    // A socket that is connected to the spec's address inside, which has been chosen, and does not block.
    // `client` is who it is for. The Error says why there is none, and comes after a while rather than never.
    virtual Task<Fd> dial(const Spec& spec, Address client) = 0;

protected:
    ~Dialer() = default;
};

}  // namespace urc::ports
