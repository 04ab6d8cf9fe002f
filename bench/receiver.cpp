#include "bench/receiver.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "bench/runner.h"

namespace urc::bench {

Result<Receiver> Receiver::create(const std::string& path, bool is_ready) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, "bind", path);
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    Receiver receiver;
    receiver.is_ready_ = is_ready;
    receiver.socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!receiver.socket_) return Error::last("socket");
    if (::bind(receiver.socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return Error::last("bind", path);
    return receiver;
}

// No control buffer: the kernel closes the descriptor of a barrier, and that answers it.
void Receiver::take_all(std::vector<Received>& received) {
    char bytes[4096];
    for (;;) {
        const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, 0);
        if (size < 0) return;
        const std::uint64_t now_ns = monotonic_ns();
        const std::string_view text(bytes, static_cast<std::size_t>(size));
        const std::string_view key = is_ready_ ? "READY=1" : "STATUS=";
        if (!text.starts_with(key)) continue;
        std::uint64_t number = ready_count_++;
        if (!is_ready_) {
            const auto [stop, error] =
                std::from_chars(text.data() + key.size(), text.data() + text.size(), number);
            if (error != std::errc{} || stop == text.data() + key.size()) continue;
        }
        received.push_back({now_ns, number});
    }
}

Result<std::vector<Received>> Receiver::collect(std::size_t count, Gate& gate, char word, int timeout_ms) {
    std::vector<Received> received;
    received.reserve(count);
    const std::uint64_t limit_ns = monotonic_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000;
    bool has_word = false;
    while (received.size() < count || !has_word) {
        // Once the word was said its fifo is watched no more: a program that has ended keeps it readable.
        pollfd entries[] = {{socket_.get(), POLLIN, 0}, {has_word ? -1 : gate.up(), POLLIN, 0}};
        const int ready = ::poll(entries, 2, kQuietMs);
        if (ready < 0 && errno != EINTR) return Error::last("poll", "notify");
        take_all(received);
        if (ready == 0 && has_word) break;
        if (ready > 0 && entries[1].revents != 0) has_word = gate.await(word, 1, 0).ok();
        if (monotonic_ns() > limit_ns || was_interrupted())
            return Error(ETIME, "notify",
                         std::to_string(received.size()) + " datagrams, and the program goes on");
    }
    return received;
}

std::size_t out_of_order(const std::vector<Received>& received) {
    std::uint64_t greatest = 0;
    std::size_t count = 0;
    for (const Received& one : received) {
        if (one.number < greatest) ++count;
        greatest = std::max(greatest, one.number);
    }
    return count;
}

}  // namespace urc::bench
