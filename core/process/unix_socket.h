// Sockets that the caller listens on and names by path (--console-socket, --pidfd-socket): connect, hand one
// descriptor over (unix(7), SCM_RIGHTS), done.
#pragma once

#include <string>
#include <string_view>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::process {

// A stream connection to the socket at `path`. `option` is what the user called it, for the Error.
Result<Fd> connect_socket(const std::string& path, std::string_view option);

// Sends `fd`, which stays the caller's, with `body` beside it: receivers want at least one byte.
Result<void> send_descriptor(int connection, std::string_view body, int fd, std::string_view option);

}  // namespace urc::process
