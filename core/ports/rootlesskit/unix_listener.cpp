#include "core/ports/rootlesskit/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "uring/file.h"

namespace urc::ports::rootlesskit {

namespace {

constexpr int kBacklog = 128;

// unix(7) gives a path 108 bytes, and a state directory may lie deeper: by way of its descriptor it never
// does.
Result<sockaddr_un> address_below(int directory, const std::string& name) {
    const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, "socket", name);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

Result<Fd> make_socket() {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return Error::last("socket");
    return socket;
}

// What is left of a process that was killed.
Result<void> make_room(int directory, const std::string& name) {
    struct stat found;
    if (::fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) return {};
        return Error::last("stat", name);
    }
    if (!S_ISSOCK(found.st_mode)) return Error(EEXIST, "listen", name);
    const auto answered = connect_below(directory, name);
    if (answered.ok() || answered.error().code() != ECONNREFUSED) return Error(EADDRINUSE, "listen", name);
    if (::unlinkat(directory, name.c_str(), 0) < 0 && errno != ENOENT) return Error::last("unlink", name);
    return {};
}

}  // namespace

PathParts split_path(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == path.npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Result<Fd> connect_below(int directory, const std::string& name) {
    URC_TRY(const sockaddr_un address, address_below(directory, name));
    URC_TRY(Fd socket, make_socket());
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return Error::last("connect", name);
    return socket;
}

Result<UnixListener> UnixListener::open(const std::string& path) {
    PathParts parts = split_path(path);
    if (parts.name.empty()) return Error(EISDIR, "listen", path);
    URC_TRY(Fd directory, open_at(AT_FDCWD, parts.directory.c_str(), O_PATH | O_DIRECTORY));
    UnixListener listener(std::move(directory), std::move(parts.name));
    URC_TRY_VOID(listener.bind());
    return listener;
}

Result<void> UnixListener::bind() {
    URC_TRY_VOID(make_room(directory_.get(), name_));
    URC_TRY(const sockaddr_un address, address_below(directory_.get(), name_));
    URC_TRY(Fd socket, make_socket());
    // bind(2) gives the file the mode of the socket: there is no moment at which it is everybody's.
    if (::fchmod(socket.get(), 0600) < 0) return Error::last("chmod", name_);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return Error::last("bind", name_);
    struct stat bound;
    if (::fstatat(directory_.get(), name_.c_str(), &bound, AT_SYMLINK_NOFOLLOW) == 0) inode_ = bound.st_ino;
    if (::listen(socket.get(), kBacklog) < 0) return Error::last("listen", name_);
    socket_ = std::move(socket);
    return {};
}

UnixListener::~UnixListener() {
    struct stat found;
    if (!directory_ || inode_ == 0) return;
    if (::fstatat(directory_.get(), name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        found.st_ino == inode_)
        (void)::unlinkat(directory_.get(), name_.c_str(), 0);
}

}  // namespace urc::ports::rootlesskit
