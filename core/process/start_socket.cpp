#include "core/process/start_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "uring/check.h"

namespace urc::process {

namespace {

Result<Fd> make_socket() {
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket) return Error::last("socket");
    return socket;
}

// unix(7) gives a path 108 bytes, and a state directory may lie deeper: by way of its descriptor it never
// does.
sockaddr_un address_at(int dir, const char* name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
    URC_CHECK(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

}  // namespace

Result<Fd> listen_at(int dir, const char* name) {
    URC_TRY(Fd socket, make_socket());
    // The mode of the file is that of the socket: set before bind, so that there is no moment in between.
    if (::fchmod(socket.get(), 0600) < 0) return Error::last("fchmod", name);
    sockaddr_un address = address_at(dir, name);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return Error::last("bind", name);
    if (::listen(socket.get(), 1) < 0) return Error::last("listen", name);
    return socket;
}

Result<Channel> connect_at(int dir, const char* name) {
    URC_TRY(Fd socket, make_socket());
    sockaddr_un address = address_at(dir, name);
    int done;
    do {
        done = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    } while (done < 0 && errno == EINTR);
    if (done < 0) return Error::last("connect", name);
    return Channel(std::move(socket));
}

}  // namespace urc::process
