// Strange text as resources.json, what `update --resources` reads.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "tests/fuzz/complaint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto resources = urc::parse_resources(std::string_view(reinterpret_cast<const char*>(data), size));
    if (resources.ok())
        urc::fuzz::check_verdict(urc::validate_resources(*resources));
    else
        urc::fuzz::check_message(resources.error().text());
    return 0;
}
