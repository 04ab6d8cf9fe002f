// Strange text as config.json: it is read, judged, and nothing else happens.
//
// Checked besides: what the fast reader accepts is JSON for the strict one too (but for the seccomp section,
// which stays unread here), and every complaint is one printable line of bounded length.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/spec/json_syntax.h"
#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "tests/fuzz/complaint.h"
#include "uring/check.h"

namespace urc {
namespace {

using fuzz::check_message;
using fuzz::check_verdict;

void read_config(std::string_view text) {
    auto spec = parse_spec(text);
    if (!spec.ok()) return check_message(spec.error().text());
    if (spec->linux.seccomp.empty()) {
        auto error = spec::find_syntax_error(text);
        // A seccomp section may have been there and replaced by a later `linux`.
        URC_CHECK(!error || text.find("seccomp") != std::string_view::npos ||
                  text.find('\\') != std::string_view::npos);
    }
    check_verdict(validate(*spec));
    check_verdict(validate(*spec, {.is_rootless = true}));
    for (const std::string& warning : warnings(*spec)) check_message(warning);
}

}  // namespace
}  // namespace urc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    urc::read_config(text);
    return 0;
}
