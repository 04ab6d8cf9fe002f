// Requests to rootlesskit's API as bytes, whole and in pieces: both ways are read the same.
//
// The first byte is the size of the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ports/rootlesskit/http.h"
#include "uring/check.h"

namespace urc::ports::rootlesskit {
namespace {

// What has been understood, until something is bad or there is no more.
std::vector<std::string> read_in_pieces(std::string_view text, std::size_t size) {
    std::vector<std::string> seen;
    HttpReader reader;
    while (!text.empty() && reader.state() != HttpReader::State::bad) {
        reader.feed(text.substr(0, size));
        text.remove_prefix(std::min(size, text.size()));
        for (; reader.state() == HttpReader::State::complete; reader.next()) {
            const HttpRequest& request = reader.request();
            URC_CHECK(!request.method.empty() && request.path.starts_with('/'));
            URC_CHECK(request.body.size() <= HttpReader::kBodyMax);
            URC_CHECK(response_text({}, request, 0).find("\r\n\r\n") != std::string::npos);
            seen.push_back(request.method + " " + request.path + " " + request.body);
        }
    }
    seen.emplace_back(reader.problem());
    return seen;
}

}  // namespace
}  // namespace urc::ports::rootlesskit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using urc::ports::rootlesskit::read_in_pieces;
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::size_t piece = data[0] == 0 ? 1 : data[0];
    URC_CHECK(read_in_pieces(text, piece) == read_in_pieces(text, text.size() + 1));
    return 0;
}
