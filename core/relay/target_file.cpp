// The file of raw-file, k8s-file and json-file: plain write(2), which for a file is faster than any ring, and
// rotation.
//
//   FILE is full:  FILE.2 -> FILE.3, FILE.1 -> FILE.2, FILE -> FILE.1, FILE is made anew    (max-files=4)
//   max-files=1:   there is no place for the old one: FILE is emptied, as docker does it
//
// A file that cannot be rotated is written on: too large a log is better than none. It is tried again when it
// has grown by as much again.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "core/relay/target.h"

namespace urc::relay {
namespace {

constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY;
constexpr mode_t kMode = 0640;

class FileTarget final : public Target {
public:
    FileTarget(Files& files, const SinkOptions& options) : files_(files), options_(options) {}

    Result<void> open() {
        URC_TRY(Fd fd, files_.open(options_.path, kFlags, kMode));
        struct stat status {};
        if (::fstat(fd.get(), &status) < 0) return Error::last("stat", options_.path);
        if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
            return Error::message(options_.path + ": not a regular file");
        fd_ = std::move(fd);
        size_ = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
        limit_ = options_.size_max ? options_.size_max : UINT64_MAX;
        return {};
    }

    Put put(std::string_view bytes) override {
        Put put;
        while (put.taken < bytes.size()) {
            ssize_t count = files_.write(fd_.get(), bytes.substr(put.taken));
            if (count == -EINTR) continue;
            if (count <= 0) {
                put.error = count < 0 ? static_cast<int>(-count) : EIO;
                break;
            }
            put.taken += static_cast<std::size_t>(count);
        }
        size_ += put.taken;
        return put;
    }

    std::size_t room() const override { return size_ < limit_ ? limit_ - size_ : 0; }
    bool is_new() const override { return size_ == 0; }
    void make_room() override { start_new_file(); }
    std::string take_complaint() override { return std::exchange(complaint_, {}); }

    void rotate() override {
        if (options_.files_max > 1) {
            if (size_ > 0) start_new_file();
            return;
        }
        // Somebody else, logrotate, has taken the file away, and makes us open the path again.
        auto before = std::move(fd_);
        if (auto opened = open(); !opened.ok()) {
            complaint_ = opened.error().text();
            fd_ = std::move(before);
        }
    }

private:
    std::string numbered(unsigned number) const {
        return number ? options_.path + '.' + std::to_string(number) : options_.path;
    }

    void start_new_file() {
        if (int error = options_.files_max > 1 ? shift() : files_.empty(fd_.get())) {
            if (!std::exchange(has_complained_, true)) complaint_ = Error(error, "rotate").text();
            limit_ = size_ + options_.size_max;
            return;
        }
        has_complained_ = false;
        size_ = 0;
        limit_ = options_.size_max ? options_.size_max : UINT64_MAX;
    }

    // The new file is there before the old one loses its name, so that nothing has happened if it cannot be
    // made. An errno, or 0.
    int shift() {
        const std::string fresh = options_.path + ".new";
        auto opened = files_.open(fresh, kFlags | O_TRUNC, kMode);
        if (!opened.ok()) return opened.error().code();
        // The first number that is free takes the one before it, and so on; the last one is written over.
        unsigned last = 1;
        while (last + 1 < options_.files_max && ::access(numbered(last).c_str(), F_OK) == 0) ++last;
        for (unsigned number = last; number > 0; --number) {
            int error = files_.rename(numbered(number - 1), numbered(number));
            // Somebody may have taken the log away.
            if (error && error != ENOENT) {
                ::unlink(fresh.c_str());
                return error;
            }
        }
        if (int error = files_.rename(fresh, options_.path)) return error;
        fd_ = std::move(*opened);
        return 0;
    }

    Files& files_;
    const SinkOptions& options_;
    Fd fd_;
    std::uint64_t size_ = 0;
    std::uint64_t limit_ = UINT64_MAX;
    std::string complaint_;
    bool has_complained_ = false;
};

}  // namespace

Result<std::unique_ptr<Target>> open_file(Files& files, const SinkOptions& options) {
    auto target = std::make_unique<FileTarget>(files, options);
    URC_TRY_VOID(target->open());
    return std::unique_ptr<Target>(std::move(target));
}

}  // namespace urc::relay
