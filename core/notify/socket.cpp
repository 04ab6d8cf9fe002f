// The socket that the container sends to.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "core/notify/proxy.h"

namespace urc::notify {

namespace {

// Newer than Debian 12's headers (Linux 6.5).
constexpr int kSoPassPidfd = 76;

// systemd's own.
constexpr int kReceiveBufferSize = 8 << 20;

}  // namespace

Result<Fd> bind_socket(int directory, const char* name) {
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return Error::last("socket", name);
    const int one = 1;
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &one, sizeof one) != 0)
        return Error::last("SO_PASSCRED", name);
    // Without it a sender is known by its number alone.
    (void)::setsockopt(socket.get(), SOL_SOCKET, kSoPassPidfd, &one, sizeof one);
    const int size = kReceiveBufferSize;
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (::unlinkat(directory, name, 0) != 0 && errno != ENOENT) return Error::last("unlink", name);

    // unix(7) gives a path 108 bytes, and a state directory may lie deeper: by way of its descriptor it never
    // does.
    const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, "bind", name);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return Error::last("bind", name);
    // Whoever the container's processes are, they may send. bind(2) has applied the umask.
    if (::fchmodat(directory, name, 0777, 0) != 0) return Error::last("chmod", name);
    return socket;
}

}  // namespace urc::notify
