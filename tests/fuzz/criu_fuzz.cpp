// Fuzzes what criu says: any bytes are a response or refused, and fields are read within the message only.
#include <cstddef>
#include <cstdint>

#include "core/criu/rpc.h"
#include "core/criu/service.h"
#include "core/criu/wire.h"
#include "uring/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    urc::criu::WireReader reader(bytes);
    urc::criu::WireWriter again;
    bool is_plain = true;
    while (!reader.at_end()) {
        auto field = reader.next();
        if (!field.ok()) {
            is_plain = false;
            break;
        }
        if (field->is_text)
            again.text(field->field, field->text);
        else if (field->text.empty())
            again.number(field->field, static_cast<std::int64_t>(field->number));
        else
            is_plain = false;  // of a fixed width: read, never written
    }
    // A varint may be padded with zero groups, so writing it again never makes it longer.
    if (is_plain) URC_CHECK(again.bytes().size() <= size);
    if (auto response = urc::criu::decode_response(bytes); response.ok()) {
        URC_CHECK(response->pid >= 0);
        URC_CHECK(response->message.size() + response->script.size() <= size);
    }
    URC_CHECK(urc::criu::first_error_line(bytes).size() <= size);
    return 0;
}
