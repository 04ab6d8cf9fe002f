#include "core/logs/printer.h"

namespace urc::logs {

namespace {
constexpr std::size_t kKeptMax = 64 << 10;
}

Result<void> Printer::piece(const Record& record, std::string_view bytes) {
    if (bytes.empty() || !filter_.takes(record) || record.begin < start_[index(record.stream)]) return {};
    bool& is_within_line = is_within_line_[index(record.stream)];
    if (has_timestamps_ && !is_within_line && record.time) {
        URC_TRY_VOID(put(record.stream, instant_text(*record.time) + ' '));
    }
    is_within_line = !bytes.ends_with('\n');
    return put(record.stream, bytes);
}

// What the two streams say stays in its order: on a terminal it comes out at one place.
Result<void> Printer::put(Stream stream, std::string_view bytes) {
    if (stream != stream_ || kept_.size() + bytes.size() > kKeptMax) URC_TRY_VOID(flush());
    stream_ = stream;
    if (bytes.size() > kKeptMax) return sink_(stream, bytes);
    kept_ += bytes;
    return {};
}

Result<void> Printer::flush() {
    if (kept_.empty()) return {};
    auto done = sink_(stream_, kept_);
    kept_.clear();
    return done;
}

}  // namespace urc::logs
