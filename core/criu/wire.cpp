#include "core/criu/wire.h"

namespace urc::criu {

namespace {

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5 };

Error malformed() {
    return Error(EBADMSG, "read criu's message");
}

}  // namespace

void WireWriter::varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
}

void WireWriter::number(unsigned field, std::int64_t value) {
    varint(field << 3 | kVarint);
    varint(static_cast<std::uint64_t>(value));
}

void WireWriter::text(unsigned field, std::string_view value) {
    varint(field << 3 | kDelimited);
    varint(value.size());
    bytes_ += value;
}

Result<std::uint64_t> WireReader::varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
        const auto byte = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        if (shift == 63 && byte > 1) break;  // beyond 64 bits
        value |= std::uint64_t{byte & 0x7fU} << shift;
        if (byte < 0x80) return value;
    }
    return malformed();
}

Result<WireField> WireReader::next() {
    URC_TRY(const std::uint64_t key, varint());
    constexpr std::uint64_t kFieldMax = (1U << 29) - 1;
    if (key >> 3 == 0 || key >> 3 > kFieldMax) return malformed();
    WireField one{.field = static_cast<unsigned>(key >> 3)};
    std::uint64_t size = 0;
    switch (key & 7) {
        case kVarint: {
            URC_TRY(one.number, varint());
            return one;
        }
        case kDelimited: {
            URC_TRY(size, varint());
            one.is_text = true;
            break;
        }
        case kFixed64:
            size = 8;
            break;
        case kFixed32:
            size = 4;
            break;
        default:
            return malformed();
    }
    if (size > rest_.size()) return malformed();
    one.text = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(one.text.size());
    return one;
}

}  // namespace urc::criu
