#include "core/relay/files.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/timestamp.h"
#include "uring/file.h"

namespace urc::relay {

Result<Fd> Files::open(const std::string& path, int flags, mode_t mode) {
    return open_at(AT_FDCWD, path.c_str(), flags, mode);
}

ssize_t Files::write(int fd, std::string_view bytes) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    return count < 0 ? -errno : count;
}

ssize_t Files::write_at(int fd, std::string_view bytes, off_t offset) {
    ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    return count < 0 ? -errno : count;
}

ssize_t Files::read_at(int fd, std::span<char> into, off_t offset) {
    ssize_t count = ::pread(fd, into.data(), into.size(), offset);
    return count < 0 ? -errno : count;
}

ssize_t Files::send(int socket, std::string_view packet) {
    ssize_t count = ::send(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? -errno : count;
}

int Files::rename(const std::string& from, const std::string& to) {
    return ::rename(from.c_str(), to.c_str()) < 0 ? errno : 0;
}

int Files::empty(int fd) {
    return ::ftruncate(fd, 0) < 0 ? errno : 0;
}

WallTime Files::now() {
    timespec time = urc::now();
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace urc::relay
