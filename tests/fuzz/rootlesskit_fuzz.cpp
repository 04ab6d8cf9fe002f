// What comes by .bp.sock, from either side. The first byte says from which; a frame follows.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/ports/address.h"
#include "core/ports/rootlesskit/message.h"
#include "uring/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace urc::ports;  // NOLINT(google-build-using-namespace)
    if (size < 1 + rootlesskit::kFrameHeadSize) return 0;
    const auto frame = std::as_bytes(std::span(data + 1, size - 1));
    const auto length = rootlesskit::read_frame_head(frame.first<rootlesskit::kFrameHeadSize>());
    if (!length.ok()) return 0;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1 + rootlesskit::kFrameHeadSize,
                                size - 1 - rootlesskit::kFrameHeadSize);
    if (data[0] % 2 == 0) {
        const auto request = rootlesskit::read_request_body(body);
        if (!request.ok()) return 0;
        const auto& read = request.value();
        URC_CHECK(read.ip.empty() || urc::ports::Address::of(read.ip, 0).ok());
        URC_CHECK((read.port == 0) == (read.type == rootlesskit::DialRequest::Type::init));
        const auto again = rootlesskit::read_request_body(rootlesskit::request_body(read));
        URC_CHECK(again.ok() && again.value() == read);
    } else {
        const auto reply = rootlesskit::read_reply_body(body);
        if (!reply.ok()) return 0;
        URC_CHECK(reply.value().size() <= 256 && reply.value().find('\n') == std::string::npos);
    }
    return 0;
}
