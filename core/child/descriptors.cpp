// The numbers of the descriptors that the program gets beside stdio:
//
//   3 ...   LISTEN_FDS of the caller     the same numbers here
//   then    sockets handed over          anywhere, until they are placed
//   then    --preserve-fds               as many numbers lower
#include <fcntl.h>
#include <unistd.h>

#include "core/child/launch.h"

namespace urc::child {

namespace {

// Out of the way of those that are about to be placed below `first`.
Result<Fd> move_beyond(int fd, int first) {
    Fd moved(::fcntl(fd, F_DUPFD_CLOEXEC, first));
    if (!moved) return Error::last("fcntl", "descriptor " + std::to_string(fd));
    return moved;
}

Result<void> place(int from, int number) {
    if (::dup3(from, number, 0) < 0) return Error::last("dup3", "descriptor " + std::to_string(number));
    return {};
}

}  // namespace

// The last use of whatever else has one of the numbers was before this; it is replaced.
Result<void> place_handed_over(Launch& launch) {
    if (launch.handed_over.empty()) return {};
    const auto count = static_cast<unsigned>(launch.handed_over.size());
    const int first = static_cast<int>(3 + launch.listen_fds);
    const int preserved = static_cast<int>(launch.passed_fds - launch.listen_fds);
    const int end = first + preserved + static_cast<int>(count);
    std::vector<Fd> sockets;
    for (int fd : launch.handed_over) {
        URC_TRY(sockets.emplace_back(), move_beyond(fd, end));
    }
    URC_TRY(Fd channel, move_beyond(launch.channel.get(), end));
    launch.channel = process::Channel(std::move(channel));
    if (launch.start_listener) {
        URC_TRY(launch.start_listener, move_beyond(launch.start_listener.get(), end));
    }
    for (int i = preserved; i-- > 0;) URC_TRY_VOID(place(first + i, first + i + static_cast<int>(count)));
    for (unsigned i = 0; i < count; ++i) URC_TRY_VOID(place(sockets[i].get(), first + static_cast<int>(i)));
    launch.passed_fds += count;
    launch.listen_fds += count;
    return {};
}

}  // namespace urc::child
