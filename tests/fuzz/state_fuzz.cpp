// Fuzzes state.json: whatever is read is written and read again without change.
#include <cstddef>
#include <cstdint>

#include "core/state/state_json.h"
#include "uring/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto state = urc::parse_state_json(std::string(reinterpret_cast<const char*>(data), size));
    if (!state) return 0;
    const std::string text = urc::write_state_json(*state);
    auto again = urc::parse_state_json(text);
    URC_CHECK(again.ok());
    URC_CHECK(urc::write_state_json(*again) == text);
    return 0;
}
