// What the two halves of rootlesskit's builtin port driver say to each other by way of .bp.sock, as bytes.
//
//   parent, on the host                      child, in the network namespace
//     |-- frame {"Type":"init", ...} -------->|   once: whether it is there
//     |<------------------------ frame null --|
//     |-- frame {"Type":"connect", ...} ----->|   for each connection
//     |<--- "dummy" and one descriptor -------|   connected; this alone has no frame around it
//     |<--- frame {"Error": "..."} -----------|   or why it is not
//
// One request a connection; the parent ends its side behind it. A frame is four bytes, the length with its
// lowest byte first, and that many bytes of JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/ports/spec.h"
#include "uring/result.h"

namespace urc::ports::rootlesskit {

inline constexpr std::size_t kFrameHeadSize = 4;
inline constexpr std::size_t kFrameBodyMax = 65536;

// What comes along with the descriptor: a message with one has to have at least a byte.
inline constexpr std::string_view kDummy = "dummy";

struct DialRequest {
    enum class Type : std::uint8_t { init, connect };

    Type type = Type::connect;
    Protocol protocol = Protocol::tcp;
    // Where to, in the namespace. Empty: the rule of choose_child_address().
    std::string ip;
    std::uint16_t port = 0;
    // For the rule: where the port is published, and the host's first address.
    std::string parent_ip;
    std::string host_gateway_ip;
    // Who the connection is for; empty and 0: not said, as before version 3.
    std::string source_ip;
    std::uint16_t source_port = 0;

    bool operator==(const DialRequest&) const = default;
};

// `body` with its length in front.
std::string framed(std::string_view body);

// The length of the body that follows. EBADMSG when it is 0 or more than kFrameBodyMax.
Result<std::size_t> read_frame_head(std::span<const std::byte, kFrameHeadSize> head);

// The bodies. What is read comes from the other side's hands: EBADMSG and one sentence when it makes no
// sense. The addresses are addresses or empty afterwards, the child's port is one.
std::string request_body(const DialRequest& request);
Result<DialRequest> read_request_body(std::string_view body);

inline constexpr std::string_view kInitReplyBody = "null";
std::string error_body(std::string_view text);
// The error's text, made printable and of bounded length; empty: there is none.
Result<std::string> read_reply_body(std::string_view body);

}  // namespace urc::ports::rootlesskit
