#include "core/relay/backlog.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "uring/check.h"

namespace urc::relay {
namespace {
constexpr std::size_t kLoadSize = 64 << 10;
}

Backlog::Backlog(Files& files, const SinkOptions& options) : files_(files), options_(options) {}

bool Backlog::is_full() const {
    if (options_.policy == Policy::spill) return !newest_.empty() || spill_end_ >= options_.spill_size;
    return memory_.size() - taken_ + newest_.size() >= options_.buffer_size;
}

void Backlog::push(const Chunk& chunk) {
    URC_CHECK(!chunk.bytes.empty());
    Header header;
    header.time = chunk.time.count();
    header.size = static_cast<std::uint32_t>(chunk.bytes.size());
    header.stream = chunk.stream;
    size_ += chunk.bytes.size();
    if (taken_ > memory_.size() / 2) memory_.erase(0, std::exchange(taken_, 0));
    std::size_t needed = sizeof header + chunk.bytes.size();
    bool is_memory_enough =
        options_.policy != Policy::spill || memory_.size() - taken_ + needed <= options_.buffer_size;
    bool has_spilled = spill_ || !newest_.empty();
    if (!has_spilled && !is_memory_enough) has_spilled = open_spill();
    if (has_spilled && newest_.empty() && spill(header, chunk.bytes)) return;
    std::string& to = has_spilled ? newest_ : memory_;
    to.append(reinterpret_cast<const char*>(&header), sizeof header);
    to.append(chunk.bytes);
    if (has_spilled) newest_size_ += chunk.bytes.size();
}

bool Backlog::open_spill() {
    std::string directory = options_.spill_directory;
    if (directory.empty()) {
        std::size_t slash = options_.path.rfind('/');
        directory = slash == std::string::npos ? "/var/tmp" : options_.path.substr(0, slash + 1);
    }
    auto file = files_.open(directory, O_TMPFILE | O_RDWR, 0600);
    if (!file.ok()) {
        // A file system without O_TMPFILE: a name that is gone at once.
        std::string path = directory + "/.urc-spill-" + std::to_string(::getpid()) + '-' +
                           std::to_string(reinterpret_cast<std::uintptr_t>(this));
        file = files_.open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (file.ok()) ::unlink(path.c_str());
    }
    if (!file.ok()) return false;
    spill_ = std::move(*file);
    return true;
}

bool Backlog::spill(const Header& header, std::string_view bytes) {
    // Measured by its end: what has been replayed takes room on the disk until the file is closed.
    if (!spill_ || spill_end_ + sizeof header + bytes.size() > options_.spill_size) return false;
    std::string_view parts[] = {{reinterpret_cast<const char*>(&header), sizeof header}, bytes};
    std::uint64_t end = spill_end_;
    for (std::string_view part : parts) {
        while (!part.empty()) {
            ssize_t count = files_.write_at(spill_.get(), part, static_cast<off_t>(end));
            if (count == -EINTR) continue;
            // What is there of this chunk is written over by the next one.
            if (count <= 0) return false;
            end += static_cast<std::uint64_t>(count);
            part.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    spill_end_ = end;
    return true;
}

// The next chunks of the file, as whole ones as fit, then those behind it.
void Backlog::load() {
    memory_.clear();
    taken_ = 0;
    if (!spill_) {
        memory_.swap(newest_);
        newest_size_ = 0;
        return;
    }
    std::size_t size = std::min<std::uint64_t>(kLoadSize, spill_end_ - spill_begin_);
    for (;;) {
        memory_.resize(size);
        ssize_t count;
        do {
            count = files_.read_at(spill_.get(), std::span(memory_), static_cast<off_t>(spill_begin_));
        } while (count == -EINTR);
        std::size_t whole = 0, needed = sizeof(Header);
        Header header;
        while (count > 0 && whole + sizeof header <= static_cast<std::size_t>(count)) {
            std::memcpy(&header, memory_.data() + whole, sizeof header);
            needed = sizeof header + header.size;
            if (whole + needed > static_cast<std::size_t>(count)) break;
            whole += needed;
        }
        memory_.resize(whole);
        if (whole > 0) break;
        // An error, or less than was written: there is no more to be had.
        if (count < static_cast<ssize_t>(size)) return lose_spilled();
        size = needed;
    }
    spill_begin_ += memory_.size();
    if (spill_begin_ == spill_end_) {
        spill_.reset();
        spill_begin_ = spill_end_ = 0;
    }
}

// What is behind the file is not lost with it.
void Backlog::lose_spilled() {
    lost_ += size_ - newest_size_;
    size_ = newest_size_;
    memory_.clear();
    spill_.reset();
    spill_begin_ = spill_end_ = 0;
}

Chunk Backlog::front() {
    URC_CHECK(!empty());
    if (taken_ == memory_.size()) load();
    if (memory_.empty()) load();
    if (memory_.empty()) {
        clear();
        return {};
    }
    Header header;
    std::memcpy(&header, memory_.data() + taken_, sizeof header);
    Chunk chunk;
    chunk.stream = header.stream;
    chunk.time = WallTime(header.time);
    chunk.bytes = std::string_view(memory_).substr(taken_ + sizeof header, header.size);
    chunk.bytes.remove_prefix(front_done_);
    return chunk;
}

void Backlog::pop(std::size_t size) {
    Header header;
    std::memcpy(&header, memory_.data() + taken_, sizeof header);
    front_done_ += size;
    size_ -= size;
    URC_CHECK(front_done_ <= header.size);
    if (front_done_ < header.size) return;
    taken_ += sizeof header + header.size;
    front_done_ = 0;
    if (size_ == 0) clear();
}

void Backlog::clear() {
    size_ = newest_size_ = 0;
    taken_ = front_done_ = 0;
    spill_begin_ = spill_end_ = 0;
    spill_.reset();
    std::string().swap(memory_);
    std::string().swap(newest_);
}

}  // namespace urc::relay
