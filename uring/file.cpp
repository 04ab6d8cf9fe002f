#include "uring/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace urc {

namespace {
template <typename Call>
auto retry_eintr(Call call) {
    decltype(call()) result;
    do {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result;
}
}  // namespace

Result<Fd> open_at(int dir, const char* path, int flags, mode_t mode) {
    int fd = retry_eintr([&] { return ::openat(dir, path, flags | O_CLOEXEC, mode); });
    if (fd < 0) return Error::last("open", path);
    return Fd(fd);
}

Result<std::string> read_all(int fd, std::size_t size_max, std::string_view name) {
    std::string bytes;
    std::size_t used = 0;
    for (std::size_t room = 16384;; room *= 2) {
        if (room > size_max + 1) room = size_max + 1;
        bytes.resize(room);
        while (used < room) {
            ssize_t got = retry_eintr([&] { return ::read(fd, bytes.data() + used, room - used); });
            if (got < 0) return Error::last("read", name);
            if (got == 0) {
                bytes.resize(used);
                return bytes;
            }
            used += static_cast<std::size_t>(got);
        }
        if (room > size_max) return Error(EFBIG, "read", name);
    }
}

Result<std::string> read_file_at(int dir, const char* path, std::size_t size_max) {
    URC_TRY(Fd fd, open_at(dir, path, O_RDONLY));
    return read_all(fd.get(), size_max, path);
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view name) {
    while (!bytes.empty()) {
        ssize_t put = retry_eintr([&] { return ::write(fd, bytes.data(), bytes.size()); });
        if (put < 0) return Error::last("write", name);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<void> write_control_at(int dir, const char* path, std::string_view bytes) {
    URC_TRY(Fd fd, open_at(dir, path, O_WRONLY));
    ssize_t put = retry_eintr([&] { return ::write(fd.get(), bytes.data(), bytes.size()); });
    if (put < 0) return Error::last("write", path);
    if (static_cast<std::size_t>(put) != bytes.size()) return Error(EIO, "write", path);
    return {};
}

Result<void> make_directories(const std::string& path, mode_t mode) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string prefix = path.substr(0, slash);
        if (::mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST) return Error::last("mkdir", prefix);
        if (slash == path.npos) return {};
    }
}

}  // namespace urc
