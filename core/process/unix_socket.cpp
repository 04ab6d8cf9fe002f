#include "core/process/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <span>

#include "uring/message.h"

namespace urc::process {

Result<Fd> connect_socket(const std::string& path, std::string_view option) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, option, path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!connection) return Error::last("socket", option);
    int done;
    do {
        done = ::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    } while (done < 0 && errno == EINTR);
    if (done < 0) return Error::last("connect " + std::string(option), path);
    return connection;
}

Result<void> send_descriptor(int connection, std::string_view body, int fd, std::string_view option) {
    OutMessage message(std::as_bytes(std::span(body)));
    (void)message.add_fd(fd);
    return send_blocking(connection, message, "send to " + std::string(option));
}

}  // namespace urc::process
