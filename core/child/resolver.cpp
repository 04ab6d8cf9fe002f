#include "core/child/resolver.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string>
#include <vector>

namespace urc::child {

namespace {

constexpr int kRetriesMax = 128;
constexpr int kSymlinksMax = 40;  // as in the kernel
constexpr int kMakeTriesMax = 16;

// A component of a path after another, by hand: the kernel has no "mkdir -p in this root".
class Walk {
public:
    Walk(int root, Want want) : root_(root), want_(want) {}

    Result<Resolved> to(std::string_view path) {
        push(path);
        bool is_created = false;
        while (!pending_.empty()) {
            std::string name = std::move(pending_.back());
            pending_.pop_back();
            if (name == "..") {
                // We go back to the descriptor we came from: the kernel's ".." may lead elsewhere by now.
                if (!chain_.empty()) chain_.pop_back();
                continue;
            }
            URC_TRY(is_created, enter(name));
        }
        if (chain_.empty()) {
            URC_TRY(Fd root, open_resolved(root_, ".", O_PATH | O_DIRECTORY, 0));
            return Resolved{std::move(root), false};
        }
        return Resolved{std::move(chain_.back()), is_created};
    }

private:
    int current() const { return chain_.empty() ? root_ : chain_.back().get(); }

    void push(std::string_view path) {
        std::vector<std::string> names;
        for (std::size_t begin = 0; begin < path.size();) {
            std::size_t end = std::min(path.find('/', begin), path.size());
            std::string_view name = path.substr(begin, end - begin);
            if (!name.empty() && name != ".") names.emplace_back(name);
            begin = end + 1;
        }
        pending_.insert(pending_.end(), std::make_move_iterator(names.rbegin()),
                        std::make_move_iterator(names.rend()));
    }

    // True when the component was made here.
    Result<bool> enter(const std::string& name) {
        bool is_created = false;
        for (int tries = 0;; ++tries) {
            auto opened = open_resolved(current(), name.c_str(), O_PATH | O_NOFOLLOW,
                                        RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
            if (opened.ok()) {
                URC_TRY(bool is_link, follow(opened->get()));
                if (!is_link) chain_.push_back(std::move(*opened));
                return is_created && !is_link;
            }
            // Removed as soon as it was made, again and again: somebody plays with us.
            if (opened.error().code() != ENOENT || tries == kMakeTriesMax) return std::move(opened).error();
            URC_TRY(is_created, make(name));
        }
    }

    // False when it was there already.
    Result<bool> make(const std::string& name) {
        bool is_file = want_ == Want::file && pending_.empty();
        int made = is_file ? ::mknodat(current(), name.c_str(), S_IFREG | 0755, 0)
                           : ::mkdirat(current(), name.c_str(), 0755);
        if (made < 0 && errno != EEXIST) return Error::last(is_file ? "create" : "mkdir", name);
        return made == 0;
    }

    Result<bool> follow(int fd) {
        struct stat status;
        if (::fstat(fd, &status) < 0) return Error::last("fstat");
        if (!S_ISLNK(status.st_mode)) return false;
        if (want_ == Want::real_directory && pending_.empty()) return Error(ENOTDIR, "open");
        if (++symlinks_ > kSymlinksMax) return Error(ELOOP, "open");
        std::array<char, PATH_MAX> target;
        ssize_t length = ::readlinkat(fd, "", target.data(), target.size());
        if (length < 0) return Error::last("readlink");
        if (length == static_cast<ssize_t>(target.size())) return Error(ENAMETOOLONG, "readlink");
        if (length > 0 && target[0] == '/') chain_.clear();
        push({target.data(), static_cast<std::size_t>(length)});
        return true;
    }

    int root_;
    Want want_;
    int symlinks_ = 0;
    std::vector<Fd> chain_;             // from below the root to where we are
    std::vector<std::string> pending_;  // the next component is the last one
};

}  // namespace

Result<Fd> open_resolved(int dir, const char* path, std::uint64_t flags, std::uint64_t resolve) {
    struct ::open_how how = {};
    how.flags = flags | O_CLOEXEC;
    how.resolve = resolve;
    for (int tries = 0;; ++tries) {
        auto fd = static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how));
        if (fd >= 0) return Fd(fd);
        if ((errno != EAGAIN && errno != EINTR) || tries == kRetriesMax) return Error::last("open", path);
    }
}

Result<Fd> open_in_root(int root, const char* path, std::uint64_t flags) {
    return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<Resolved> make_in_root(int root, const char* path, Want want) {
    std::uint64_t flags = O_PATH;
    if (want == Want::real_directory) flags |= O_NOFOLLOW | O_DIRECTORY;
    auto found = open_in_root(root, path, flags);
    if (found.ok()) return Resolved{std::move(*found), false};
    if (found.error().code() != ENOENT) return std::move(found).error();
    return Walk(root, want).to(path);
}

}  // namespace urc::child
