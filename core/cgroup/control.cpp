#include "core/cgroup/control.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "uring/file.h"

namespace urc::cgroup {

namespace {
// cgroup.procs of a large container: 7 digits and a newline for each of the kernel's 4 million possible pids.
constexpr std::size_t kFileSizeMax = std::size_t{32} << 20;

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};
}  // namespace

int try_write(int dir, const char* file, std::string_view value) {
    Fd fd(::openat(dir, file, O_WRONLY | O_CLOEXEC));
    if (!fd) return errno;
    ssize_t put;
    do {
        put = ::write(fd.get(), value.data(), value.size());
    } while (put < 0 && errno == EINTR);
    if (put < 0) return errno;
    return static_cast<std::size_t>(put) == value.size() ? 0 : EIO;
}

Error write_error(int code, const Directory& directory, std::string_view file, std::string_view value) {
    std::string object = "\"";
    object += value;
    object += "\" to ";
    object += directory.path;
    object += '/';
    object += file;
    return Error(code, "write", object);
}

Result<void> write_control(const Directory& directory, const char* file, std::string_view value) {
    int code = try_write(directory.fd.get(), file, value);
    if (code != 0) return write_error(code, directory, file, value);
    return {};
}

Result<std::string> read_control(int dir, const char* file) {
    URC_TRY(std::string text, read_file_at(dir, file, kFileSizeMax));
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

Result<std::string> read_line(int dir, const char* file) {
    URC_TRY(Fd fd, open_at(dir, file, O_RDONLY));
    char line[4096];
    ssize_t got;
    do {
        got = ::read(fd.get(), line, sizeof line - 1);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error::last("read", file);
    std::string_view text(line, static_cast<std::size_t>(got));
    return std::string(text.substr(0, text.find('\n')));
}

std::string_view keyed_value(std::string_view lines, std::string_view key) {
    while (!lines.empty()) {
        std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(line.size() == lines.size() ? line.size() : line.size() + 1);
        if (line.size() > key.size() && line.substr(0, key.size()) == key && line[key.size()] == ' ')
            return line.substr(key.size() + 1);
    }
    return {};
}

std::vector<std::string> child_names(int dir) {
    std::vector<std::string> names;
    int fd = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, CloseDir> stream(fd < 0 ? nullptr : ::fdopendir(fd));
    while (stream) {
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) break;
        std::string_view name = entry->d_name;
        if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    }
    return names;
}

void append_pids(int dir, std::vector<pid_t>& pids) {
    // A threaded cgroup does not show its processes (EOPNOTSUPP); the domain above it lists them.
    auto text = read_control(dir, "cgroup.procs");
    const char* at = text.ok() ? text->data() : nullptr;
    const char* end = text.ok() ? at + text->size() : nullptr;
    while (at != end) {
        pid_t pid = 0;
        auto [stop, error] = std::from_chars(at, end, pid);
        // 0: a process of a pid namespace that we do not see.
        if (error == std::errc{} && pid > 0) pids.push_back(pid);
        at = stop == end ? end : stop + 1;
    }
    for (const std::string& name : child_names(dir)) {
        Fd child(::openat(dir, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (child) append_pids(child.get(), pids);
    }
}

}  // namespace urc::cgroup
