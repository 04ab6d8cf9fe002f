#include "core/terminal/relay.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "uring/file.h"
#include "uring/ops_file.h"

namespace urc::terminal {

namespace {

using Buffer = std::array<std::byte, 4096>;  // a pty hands over no more at a time

std::string_view text(const Buffer& buffer, std::size_t size) {
    return {reinterpret_cast<const char*>(buffer.data()), size};
}

// A terminal knows no asynchronous write. One that the user has stopped (^S) holds up this container's relay,
// and nothing else: the foreground has only one container.
bool write_out(int out, std::string_view bytes) {
    return write_all(out, bytes, "terminal").ok();
}

}  // namespace

Task<void> relay_input(Loop& loop, int in, int master) {
    Buffer buffer;
    for (;;) {
        auto count = co_await settled(read_polled(loop, in, buffer));
        if (!count.ok() && count.error().code() == EAGAIN) continue;
        if (!count.ok() || *count == 0) co_return;
        // A container that does not read must not hold up its output: the master does not block.
        auto written = co_await settled(write(loop, master, text(buffer, *count)));
        if (!written.ok()) co_return;
    }
}

Task<void> relay_output(Loop& loop, int master, int out) {
    Buffer buffer;
    for (;;) {
        // EIO: nobody holds the other side any more (pty(7)).
        auto count = co_await settled(read_polled(loop, master, buffer));
        if (!count.ok() || *count == 0) co_return;
        if (!write_out(out, text(buffer, *count))) co_return;
    }
}

void drain_output(int master, int out) {
    Buffer buffer;
    for (;;) {
        pollfd wait{master, POLLIN, 0};
        if (::poll(&wait, 1, 0) <= 0 || !(wait.revents & POLLIN)) return;
        ssize_t count = ::read(master, buffer.data(), buffer.size());
        if (count <= 0 || !write_out(out, text(buffer, static_cast<std::size_t>(count)))) return;
    }
}

}  // namespace urc::terminal
