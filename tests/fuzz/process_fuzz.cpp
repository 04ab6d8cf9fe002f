// Strange text as process.json, what `exec --process` reads.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "tests/fuzz/complaint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto process = urc::parse_process(std::string_view(reinterpret_cast<const char*>(data), size));
    if (process.ok())
        urc::fuzz::check_verdict(urc::validate_process(*process));
    else
        urc::fuzz::check_message(process.error().text());
    return 0;
}
