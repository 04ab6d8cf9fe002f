// READY=1 to the manager that started a foreground program of this room (sd_notify(3)).
#pragma once

#include <string>

#include "core/log.h"
#include "uring/loop.h"
#include "uring/task.h"

namespace urc::ports {

// `socket`: $NOTIFY_SOCKET. An Error when it is no address; a manager that does not take it is a warning.
Task<void> say_ready(Loop& loop, const Log& log, std::string socket);

}  // namespace urc::ports
