#include "core/child/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <memory>
#include <string>

#include "core/child/mount_calls.h"
#include "uring/file.h"

namespace urc::child {

namespace {

constexpr std::uint64_t kHarmless =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOSYMFOLLOW;
constexpr int kDepthMax = 128;  // each level holds three descriptors
constexpr int kReadOnly = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// Labels belong to the file system that a file is in, and trusted ones to overlayfs.
bool is_copied(std::string_view attribute) {
    if (attribute.starts_with("trusted.")) return false;
    return !attribute.starts_with("security.") || attribute == "security.capability";
}

class CopyUp {
public:
    explicit CopyUp(std::string_view step) : step_(step) {}

    Result<void> copy_directory(int from, int to, int depth) {
        if (depth == kDepthMax)
            return Error::message(step_ + ": copy up: more than 128 directories deep", ELOOP);
        URC_TRY(Fd reader, open_at(from, ".", kReadOnly | O_DIRECTORY));
        Directory entries(::fdopendir(reader.get()));
        if (!entries) return failed(errno);
        (void)reader.release();
        for (;;) {
            errno = 0;
            const dirent* entry = ::readdir(entries.get());
            if (!entry) return errno == 0 ? Result<void>{} : failed(errno);
            const char* name = entry->d_name;
            if (std::string_view(name) == "." || std::string_view(name) == "..") continue;
            std::size_t length = path_.size();
            path_.append(path_.empty() ? "" : "/").append(name);
            URC_TRY_VOID(copy_one(from, to, name, depth));
            path_.resize(length);
        }
    }

private:
    Error failed(int code) const { return {code, step_ + ": copy up", path_.empty() ? "." : path_}; }

    Result<void> copy_one(int from, int to, const char* name, int depth) {
        struct stat status;
        if (::fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return failed(errno);
        if (S_ISLNK(status.st_mode)) return copy_link(from, to, name, status);
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return copy_node(to, name, status);

        Fd source(::openat(from, name, kReadOnly | O_CLOEXEC));
        // What it was a moment ago says nothing: what is open counts.
        if (!source || ::fstat(source.get(), &status) < 0) return failed(errno);
        bool is_directory = S_ISDIR(status.st_mode);
        if (!is_directory && !S_ISREG(status.st_mode)) return failed(ESTALE);
        if (is_directory && ::mkdirat(to, name, 0700) < 0) return failed(errno);
        int flags = is_directory ? O_RDONLY | O_DIRECTORY : O_WRONLY | O_CREAT | O_EXCL;
        Fd target(::openat(to, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!target) return failed(errno);
        if (is_directory) URC_TRY_VOID(copy_directory(source.get(), target.get(), depth + 1));
        if (!is_directory) URC_TRY_VOID(copy_bytes(source.get(), target.get()));
        // The owner first: a change of owner takes set-user-id and file capabilities away.
        if (::fchown(target.get(), status.st_uid, status.st_gid) < 0) return failed(errno);
        if (::fchmod(target.get(), status.st_mode & 07777) < 0) return failed(errno);
        return copy_attributes(source.get(), target.get());
    }

    Result<void> copy_link(int from, int to, const char* name, const struct stat& status) {
        std::array<char, PATH_MAX> text;
        ssize_t length = ::readlinkat(from, name, text.data(), text.size() - 1);
        if (length < 0) return failed(errno);
        text[static_cast<std::size_t>(length)] = '\0';
        if (::symlinkat(text.data(), to, name) < 0) return failed(errno);
        if (::fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return failed(errno);
        return {};
    }

    Result<void> copy_node(int to, const char* name, const struct stat& status) {
        if (::mknodat(to, name, status.st_mode, status.st_rdev) < 0) return failed(errno);
        if (::fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return failed(errno);
        return {};
    }

    Result<void> copy_bytes(int source, int target) {
        constexpr std::size_t kAtOnce = 1U << 30;
        for (;;) {
            ssize_t sent = ::sendfile(target, source, nullptr, kAtOnce);
            if (sent == 0) return {};
            if (sent < 0 && errno != EINTR) return failed(errno);
        }
    }

    Result<void> copy_attributes(int source, int target) {
        ssize_t length = ::flistxattr(source, nullptr, 0);
        if (length <= 0) return {};
        std::string names(static_cast<std::size_t>(length), '\0'), value;
        length = ::flistxattr(source, names.data(), names.size());
        if (length < 0) return failed(errno);
        names.resize(static_cast<std::size_t>(length));
        for (std::size_t at = 0; at < names.size(); at += std::char_traits<char>::length(&names[at]) + 1) {
            const char* name = &names[at];
            if (!is_copied(name)) continue;
            value.resize(XATTR_SIZE_MAX);
            ssize_t size = ::fgetxattr(source, name, value.data(), value.size());
            if (size < 0) return failed(errno);
            // A kernel whose tmpfs knows no such attribute.
            if (::fsetxattr(target, name, value.data(), static_cast<std::size_t>(size), 0) < 0 &&
                errno != EOPNOTSUPP)
                return failed(errno);
        }
        return {};
    }

    std::string step_;
    std::string path_;  // below the hidden directory, for messages
};

}  // namespace

Result<void> copy_up(int hidden, int tmpfs, std::string_view step) {
    URC_TRY(Fd source, clone_tree(hidden, Tree::recursive, step));
    if (set_mount(source.get(), AT_RECURSIVE, {kHarmless, 0}) < 0) return Error::last(step);
    return CopyUp(step).copy_directory(source.get(), tmpfs, 0);
}

}  // namespace urc::child
