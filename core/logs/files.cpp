#include "core/logs/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "uring/file.h"

namespace urc::logs {
namespace {

// A bound for what we open; sinks keep far fewer.
constexpr unsigned kRotatedMax = 1000;
constexpr int kAttemptsMax = 100;

Result<File> open_file(const std::string& path) {
    File file;
    // O_NONBLOCK: somebody may have put a fifo there, which nobody else opens.
    URC_TRY(file.fd, open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat info {};
    if (::fstat(file.fd.get(), &info) != 0) return Error::last("stat", path);
    if (!S_ISREG(info.st_mode)) return Error::message(path + " is no regular file");
    file.device = info.st_dev;
    file.inode = info.st_ino;
    file.size = static_cast<std::uint64_t>(info.st_size);
    return file;
}

// FILE, FILE.1 ... up to the first that is missing, the newest first.
Result<std::vector<File>> open_newest_first(const std::string& path) {
    std::vector<File> files;
    for (unsigned number = 0; number <= kRotatedMax; ++number) {
        auto file = open_file(number == 0 ? path : path + "." + std::to_string(number));
        if (!file && file.error().code() != ENOENT) return std::move(file).error();
        // Between the two renames of a rotation there is no FILE, but a FILE.1.
        if (!file && number > 0) break;
        if (file) files.push_back(std::move(*file));
    }
    return files;
}

// A rotation renames every file, so none has happened when the newest is where it was.
bool is_unchanged(const std::string& path, const std::vector<File>& files) {
    return !files.empty() && is_file_at(path, files.front()).value_or(false);
}

}  // namespace

std::optional<bool> is_file_at(const std::string& path, const File& file) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return info.st_dev == file.device && info.st_ino == file.inode;
}

Result<std::vector<File>> open_files(const std::string& path) {
    std::vector<File> files;
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        URC_TRY(files, open_newest_first(path));
        if (is_unchanged(path, files)) break;
    }
    if (files.empty()) return Error(ENOENT, "open", path);
    std::ranges::reverse(files);
    return files;
}

Result<std::vector<File>> open_files_after(const std::string& path, const File& file) {
    URC_TRY(std::vector<File> files, open_files(path));
    auto found = std::ranges::find_if(files, [&](const File& other) { return other.is_same(file); });
    if (found != files.end()) {
        files.erase(files.begin(), std::next(found));
        return files;
    }
    struct stat info {};
    const bool is_removed = ::fstat(file.fd.get(), &info) == 0 && info.st_nlink == 0;
    // It fell off the end: all that are left are newer. Otherwise it has got a name of another kind, and so
    // have those that came after it, but for the newest.
    if (!is_removed) files.erase(files.begin(), std::prev(files.end()));
    return files;
}

Result<std::size_t> read_at(const File& file, std::uint64_t offset, char* buffer, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got =
            ::pread(file.fd.get(), buffer + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::last("read", "the log");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

}  // namespace urc::logs
