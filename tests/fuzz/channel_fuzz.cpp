// Strange messages on the channel between urc and the container's process, which may by then run under a
// hostile root file system. Two bytes in front of each message are its length; an odd length brings a
// descriptor along.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/process/channel.h"
#include "uring/check.h"

namespace urc::process {
namespace {

// False when the socket is full.
bool put(int socket, const std::uint8_t* bytes, std::size_t size, int fd) {
    iovec part{const_cast<std::uint8_t*>(bytes), size};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_len = CMSG_LEN(sizeof fd);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void check(Result<Received> received) {
    if (!received.ok()) {
        URC_CHECK(!received.error().text().empty());
        return;
    }
    URC_CHECK(received->type > Message::end_of_file && received->type <= Message::last);
    URC_CHECK(received->type != Message::failed);
    URC_CHECK(received->text.size() <= kMessageSizeMax - sizeof(MessageHeader));
}

void play(const std::uint8_t* data, std::size_t size) {
    auto pair = Channel::make();
    URC_CHECK(pair.ok());
    const int before = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    while (size >= 2) {
        std::size_t length = std::min<std::size_t>(data[0] + std::size_t{256} * data[1], size - 2);
        data += 2;
        size -= 2;
        // An empty message is what the end of the channel looks like.
        if (length == 0 || !put(pair->child.get(), data, length, length % 2 ? before : -1)) continue;
        check(pair->parent.receive());
        data += length;
        size -= length;
    }
    pair->child.close();
    auto end = pair->parent.receive();
    URC_CHECK(end.ok() && end->type == Message::end_of_file);
    // Descriptors that nobody asked for are closed as well: the next number is free.
    const int next = ::fcntl(0, F_DUPFD_CLOEXEC, before + 1);
    URC_CHECK(next == before + 1);
    ::close(next);
    ::close(before);
}

}  // namespace
}  // namespace urc::process

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    urc::process::play(data, size);
    return 0;
}
