#include "core/ports/rootlesskit/message.h"

#include <array>

#include "core/json_writer.h"
#include "core/ports/address.h"
#include "core/ports/rootlesskit/flat_json.h"

namespace urc::ports::rootlesskit {

namespace {

constexpr std::size_t kErrorTextMax = 256;

constexpr std::int64_t kPortMax = 65535;

Error bad_message(std::string_view text) {
    return Error::message(text, EBADMSG);
}

// Addresses go to the kernel and into messages, so nothing else may come in by these fields.
bool is_address_or_empty(const std::string& ip) {
    return ip.empty() || Address::of(ip, 0).ok();
}

}  // namespace

std::string framed(std::string_view body) {
    std::string frame;
    frame.reserve(kFrameHeadSize + body.size());
    for (std::size_t i = 0; i < kFrameHeadSize; ++i)
        frame += static_cast<char>(static_cast<unsigned char>(body.size() >> (8 * i)));
    frame += body;
    return frame;
}

Result<std::size_t> read_frame_head(std::span<const std::byte, kFrameHeadSize> head) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < kFrameHeadSize; ++i) size |= std::to_integer<std::size_t>(head[i]) << (8 * i);
    if (size == 0 || size > kFrameBodyMax)
        return bad_message("a message of " + std::to_string(size) + " bytes is none");
    return size;
}

// Fields and order are those of rootlesskit, which leaves out the source where there is none.
std::string request_body(const DialRequest& request) {
    std::string body;
    JsonWriter json(body);
    const bool is_init = request.type == DialRequest::Type::init;
    json.begin_object();
    json.key("Type").string(is_init ? "init" : "connect");
    json.key("Proto").string(is_init ? "" : protocol_name(request.protocol));
    json.key("IP").string(request.ip);
    json.key("Port").number(request.port);
    json.key("ParentIP").string(request.parent_ip);
    json.key("HostGatewayIP").string(request.host_gateway_ip);
    if (!request.source_ip.empty()) json.key("SourceIP").string(request.source_ip);
    if (request.source_port != 0) json.key("SourcePort").number(request.source_port);
    json.end_object();
    return body;
}

Result<DialRequest> read_request_body(std::string_view body) {
    DialRequest request;
    std::string type, proto;
    std::int64_t port = 0, source_port = 0;
    const std::array<FlatField, 8> fields{{{"Type", &type},
                                           {"Proto", &proto},
                                           {"IP", &request.ip},
                                           {"Port", &port},
                                           {"ParentIP", &request.parent_ip},
                                           {"HostGatewayIP", &request.host_gateway_ip},
                                           {"SourceIP", &request.source_ip},
                                           {"SourcePort", &source_port}}};
    URC_TRY_VOID(read_flat_object(body, fields));
    if (type == "init") {
        DialRequest init;
        init.type = DialRequest::Type::init;
        return init;
    }
    if (type != "connect") return bad_message("the request is neither init nor connect");
    const auto protocol = protocol_named(proto);
    if (!protocol) return bad_message("the protocol is none of tcp, tcp4, tcp6, udp, udp4, udp6");
    if (port < 1 || port > kPortMax) return bad_message("the port is not a number from 1 to 65535");
    if (source_port < 0 || source_port > kPortMax) return bad_message("the source's port is none");
    for (const std::string* ip :
         {&request.ip, &request.parent_ip, &request.host_gateway_ip, &request.source_ip})
        if (!is_address_or_empty(*ip)) return bad_message("an address is no IP address");
    request.protocol = *protocol;
    request.port = static_cast<std::uint16_t>(port);
    request.source_port = static_cast<std::uint16_t>(source_port);
    return request;
}

std::string error_body(std::string_view text) {
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    json.key("Error").string(text.substr(0, kErrorTextMax));
    json.end_object();
    return body;
}

Result<std::string> read_reply_body(std::string_view body) {
    std::string text;
    const std::array<FlatField, 1> fields{{{"Error", &text}}};
    URC_TRY_VOID(read_flat_object(body, fields));
    if (text.size() > kErrorTextMax) text.resize(kErrorTextMax);
    // It ends in a line of the log.
    for (char& c : text)
        if (c < ' ' || c == 0x7f) c = '?';
    return text;
}

}  // namespace urc::ports::rootlesskit
