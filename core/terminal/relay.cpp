#include "core/terminal/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "uring/deadline.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"

namespace urc::terminal {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadMax = 4096;  // a terminal hands over no more at a time
// What a terminal holds at most, generously: 16 KiB on their way and 4 KiB to be read (Linux 6.18: 19,600).
constexpr std::size_t kHeldMax = 64 << 10;
constexpr char kEndOfText = 4;  // ^D

// By the master, not by a path: /dev/pts belongs to the image (CVE-2025-52565).
Fd open_slave(int master) {
    return Fd(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

// What makes the terminal's reader see an end of file, once it has read all there is.
std::optional<char> end_of_input(int master) {
    Fd slave = open_slave(master);
    termios modes;
    if (!slave || ::tcgetattr(slave.get(), &modes) < 0) return std::nullopt;
    pollfd unread{slave.get(), POLLIN, 0};
    if (::poll(&unread, 1, 0) != 0) return std::nullopt;
    if (modes.c_lflag & ICANON) {
        const cc_t end = modes.c_cc[VEOF];
        return end == _POSIX_VDISABLE ? std::nullopt : std::optional(static_cast<char>(end));
    }
    // A shell that edits its line reads keys, and takes this one for the end. Where output is raw, too,
    // bytes are data.
    return modes.c_oflag & OPOST ? std::optional(kEndOfText) : std::nullopt;
}

}  // namespace

Relay::Relay(Loop& loop, Caller& caller, Fd master, Shown shown)
    : loop_(loop),
      caller_(caller),
      in_(caller.streams().in, Direction::input),
      out_(caller.streams().out, Direction::output),
      master_(std::move(master)),
      shown_(shown),
      woken_(loop) {}

Result<std::unique_ptr<Relay>> Relay::open(Loop& loop, Caller& caller, Fd master, Shown shown) {
    if (::fcntl(master.get(), F_SETFL, O_RDWR | O_NONBLOCK) < 0) return Error::last("fcntl", "terminal");
    std::unique_ptr<Relay> relay(new Relay(loop, caller, std::move(master), shown));
    relay->resize();
    return relay;
}

void Relay::resize() noexcept {
    auto size = caller_.size();
    if (size && master_) ::ioctl(master_.get(), TIOCSWINSZ, &*size);
}

Task<void> Relay::run() {
    return shown_ == Shown::elsewhere ? relay_input() : relay_both();
}

Task<void> Relay::relay_both() {
    Nursery nursery(loop_);
    nursery.spawn(relay_input());
    auto output = co_await settled(relay_output());
    nursery.cancel();
    co_await nursery.join();
    if (output.ok() || output.error().code() == ECANCELED) co_return;
    slave_.reset();
    master_.reset();
    rest_ = {};
}

Task<void> Relay::finish() {
    if (shown_ == Shown::elsewhere) co_return;
    co_await write_rest(loop_, out_, rest_);
    for (std::size_t size = 0; master_ && size < kHeldMax;) {
        const Filled filled = fill();
        if (filled != Filled::some) co_return;
        size += rest_.size();
        co_await write_rest(loop_, out_, rest_);
    }
}

Task<void> Relay::relay_input() {
    for (;;) {
        auto count = co_await settled(read_some(loop_, in_, input_));
        if (count.ok() && *count == 0) break;
        if (count.ok()) {
            co_await feed(*count);
        } else if (count.error().code() == EIO && caller_.is_in_background()) {
            co_await woken_.wait();
        } else {
            co_return;
        }
    }
    if (in_.is_finite()) co_await tell_end();
}

Task<void> Relay::feed(std::size_t size) {
    std::span<const std::byte> rest = std::span(input_).first(size);
    while (!rest.empty()) {
        ssize_t count = ::write(master_.get(), rest.data(), rest.size());
        if (count > 0) {
            rest = rest.subspan(static_cast<std::size_t>(count));
        } else if (count == 0 || errno == EAGAIN) {
            // A container that does not read must not hold up its output.
            co_await poll(loop_, master_.get(), POLLOUT);
        } else if (errno != EINTR) {
            // EIO: nobody has the terminal open at this moment. What is typed into the void is lost.
            co_return;
        }
    }
}

// A terminal cannot be closed in one direction, so its reader is told by the character for it: again
// whenever it has read the last one, since the end of a pipe is seen by everyone who reads it, the shell
// after its child. /dev/null and a terminal have no end: there nobody types, and the container waits, as with
// runc.
Task<void> Relay::tell_end() {
    // The kernel wakes nobody when input has been read.
    for (std::chrono::nanoseconds pause = 5ms;;
         pause = std::min<std::chrono::nanoseconds>(2 * pause, 500ms)) {
        const std::optional<char> end = end_of_input(master_.get());
        if (end && ::write(master_.get(), &*end, 1) < 0 && errno != EAGAIN) co_return;
        co_await sleep(loop_, pause);
    }
}

// Ends with an Error only: that stdout has gone, or ECANCELED.
Task<void> Relay::relay_output() {
    for (;;) {
        co_await write_rest(loop_, out_, rest_);
        co_await poll(loop_, master_.get(), POLLIN);
        const Filled filled = fill();
        if (filled != Filled::nobody) continue;
        // A console may be closed by all and opened again (systemd, getty). With the other side in our hand
        // it is quiet meanwhile, instead of broken.
        slave_ = open_slave(master_.get());
        if (!slave_) co_await fail(Error::last("TIOCGPTPEER"));
    }
}

// All that the master has, as far as there is room: one write for many reads.
Relay::Filled Relay::fill() noexcept {
    std::size_t size = 0;
    bool has_nobody = false;
    while (output_.size() - size >= kReadMax) {
        ssize_t count = ::read(master_.get(), output_.data() + size, output_.size() - size);
        if (count > 0) {
            size += static_cast<std::size_t>(count);
        } else if (count == 0 || errno != EINTR) {
            has_nobody = count < 0 && errno == EIO;
            break;
        }
    }
    rest_ = std::span(output_).first(size);
    if (size > 0) return Filled::some;
    return has_nobody ? Filled::nobody : Filled::nothing;
}

}  // namespace urc::terminal
