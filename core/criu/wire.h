// The wire format of protocol buffers, as far as criu's messages need it: varints and length-delimited fields
// (protobuf.dev, "Encoding"). A message is a row of fields; each begins with (number << 3 | type).
//
// Our own, because every start of every container would pay for a library: libprotobuf-lite, static, makes an
// executable 1.0 MB larger and each start of it 50 us slower (its initialisers run before main).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc::criu {

class WireWriter {
public:
    // A negative number is written as its 64-bit two's complement, as int32 and int64 fields want it.
    void number(unsigned field, std::int64_t value);
    void boolean(unsigned field, bool value) { number(field, value ? 1 : 0); }
    void text(unsigned field, std::string_view value);
    void message(unsigned field, const WireWriter& value) { text(field, value.bytes_); }

    const std::string& bytes() const& { return bytes_; }
    std::string&& bytes() && { return std::move(bytes_); }

private:
    void varint(std::uint64_t value);
    std::string bytes_;
};

// One field. `text` points into the message; of fields of a fixed width nothing but the number is told.
struct WireField {
    unsigned field = 0;
    bool is_text = false;
    std::uint64_t number = 0;
    std::string_view text = {};
};

// Reads what a stranger wrote: never beyond the end, each byte at most once.
class WireReader {
public:
    explicit WireReader(std::string_view message) : rest_(message) {}

    bool at_end() const { return rest_.empty(); }
    // EBADMSG when the rest is no field: cut short, a varint of more than 64 bits, a group, the number 0.
    Result<WireField> next();

private:
    Result<std::uint64_t> varint();
    std::string_view rest_;
};

}  // namespace urc::criu
