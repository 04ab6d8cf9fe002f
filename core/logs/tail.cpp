#include "core/logs/tail.h"

#include <algorithm>

namespace urc::logs {
namespace {

constexpr std::size_t kBlockSize = 64 << 10;
// One line of stderr among many of stdout may have begun anywhere before. Lines that are longer than this,
// or were interrupted by more of the other stream, lose their beginning.
constexpr std::uint64_t kLookBackMax = 4 << 20;

}  // namespace

Result<Tail::Begin> Tail::find() {
    // A stream without a line begins there: what is written from now on is shown.
    const Position end{files_.size() - 1, files_.back().size};
    for (Side& side : sides_) side.begin = end;
    for (std::size_t index = files_.size(); index-- > 0;) {
        if (is_done()) break;
        URC_TRY_VOID(scan(index));
    }
    return Begin{sides_[0].begin, sides_[1].begin};
}

// The lines of one file, from its last one on.
Result<void> Tail::scan(std::size_t index) {
    file_ = &files_[index];
    block_.clear();
    block_begin_ = file_->size;
    if (file_->size == 0) return {};
    URC_TRY(std::string_view last, view(file_->size - 1, 1));
    bool is_ended = last == "\n";
    for (std::uint64_t end = file_->size - (is_ended ? 1 : 0);; is_ended = true) {
        URC_TRY(const std::uint64_t begin, line_begin(end));
        URC_TRY(Record record, read_record(begin, end, is_ended));
        record.begin = {index, begin};
        count(record);
        if (lines_ == options_.lines) looked_back_ += end - begin + 1;
        if (begin == 0 || is_done()) return {};
        end = begin - 1;
    }
}

// Of the line that ends before `end`.
Result<std::uint64_t> Tail::line_begin(std::uint64_t end) {
    while (end > 0) {
        if (end <= block_begin_) {
            block_begin_ = end - std::min<std::uint64_t>(end, kBlockSize);
            block_.resize(end - block_begin_);
            URC_TRY(const std::size_t got, read_at(*file_, block_begin_, block_.data(), block_.size()));
            std::fill(block_.begin() + static_cast<std::ptrdiff_t>(got), block_.end(), '\0');
        }
        const std::string_view before = std::string_view(block_).substr(0, end - block_begin_);
        const std::size_t newline = before.rfind('\n');
        if (newline != before.npos) return block_begin_ + newline + 1;
        end = block_begin_;
    }
    return std::uint64_t{0};
}

Result<Record> Tail::read_record(std::uint64_t begin, std::uint64_t end, bool is_ended) {
    if (options_.format == Format::raw) {
        Record record;
        record.stream = options_.raw_stream;
        // At the end of a file that was rotated: the next one goes on with it.
        record.is_partial = !is_ended;
        record.is_blank = begin == end && !is_ended;
        return record;
    }
    for (bool are_nuls = true; are_nuls && begin < end;) {
        URC_TRY(std::string_view some, view(begin, std::min<std::uint64_t>(end - begin, kHeadSizeMax)));
        const std::size_t nuls = some.find_first_not_of('\0');
        are_nuls = nuls == some.npos;
        begin += std::min(nuls, some.size());
    }
    const std::size_t front_max = options_.format == Format::k8s ? kHeadSizeMax : kJsonLineSizeMax;
    URC_TRY(std::string_view front, view(begin, std::min<std::uint64_t>(end - begin, front_max)));
    if (options_.format == Format::json) return json_.read(front, is_ended);
    return read_k8s_head(front, is_ended).record;
}

// The last line of a stream may still be unfinished: then its end is a partial record.
void Tail::count(const Record& record) {
    if (!options_.filter.takes(record)) return;
    Side& side = sides_[record.stream == Stream::out ? 0 : 1];
    const bool goes_on = record.is_partial && side.is_open;
    if (!goes_on && lines_ == options_.lines) {
        side.is_open = false;
        // From here on nothing of this stream is wanted.
        return;
    }
    if (!goes_on) ++lines_;
    side.is_open = true;
    side.begin = record.begin;
}

bool Tail::is_done() const {
    if (lines_ < options_.lines) return false;
    return looked_back_ > kLookBackMax || (!sides_[0].is_open && !sides_[1].is_open);
}

// Bytes of the file: of the block where they lie in it.
Result<std::string_view> Tail::view(std::uint64_t offset, std::size_t size) {
    if (offset >= block_begin_ && offset + size <= block_begin_ + block_.size())
        return std::string_view(block_).substr(offset - block_begin_, size);
    apart_.resize(size);
    URC_TRY(const std::size_t got, read_at(*file_, offset, apart_.data(), size));
    std::fill(apart_.begin() + static_cast<std::ptrdiff_t>(got), apart_.end(), '\0');
    return std::string_view(apart_);
}

}  // namespace urc::logs
