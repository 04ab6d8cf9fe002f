#include "core/notify/address.h"

#include <linux/vm_sockets.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <optional>

#include "core/notify/proxy.h"
#include "core/number.h"

namespace urc::notify {

namespace {

// Control characters would tear the line apart in which the Error is shown.
std::string shown(std::string_view text) {
    std::string word;
    for (char c : text.substr(0, 128)) word += c >= ' ' && c != 0x7f ? c : '?';
    if (text.size() > 128) word += "...";
    return word;
}

Error refusal(std::string_view text, std::string_view reason) {
    return Error::message("NOTIFY_SOCKET: " + shown(text) + ": " + std::string(reason));
}

// The path's own NUL is part of sun_path, an abstract name's leading one too: both leave 107 bytes.
constexpr std::size_t kNameSizeMax = sizeof(sockaddr_un::sun_path) - 1;

Result<Address> parse_unix(std::string_view text) {
    const bool is_abstract = text.front() == '@';
    const std::size_t length = is_abstract ? text.size() - 1 : text.size();
    if (is_abstract && length == 0) return refusal(text, "the abstract name is empty");
    if (length > kNameSizeMax) return refusal(text, "longer than the 107 bytes of a socket's name");
    if (text.find('\0') != text.npos) return refusal(text, "has a NUL in it");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, text.data(), text.size());
    if (is_abstract) address.sun_path[0] = '\0';
    Address parsed;
    parsed.text = text;
    parsed.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + !is_abstract);
    std::memcpy(&parsed.socket_address, &address, sizeof address);
    return parsed;
}

struct Kind {
    std::string_view prefix;
    int type;
    int second_type;
};
constexpr Kind kVsockKinds[] = {{"vsock:", SOCK_DGRAM, SOCK_SEQPACKET},
                                {"vsock-dgram:", SOCK_DGRAM, 0},
                                {"vsock-seqpacket:", SOCK_SEQPACKET, 0},
                                {"vsock-stream:", SOCK_STREAM, 0}};

Result<Address> parse_vsock(std::string_view text, const Kind& kind) {
    const std::string_view rest = text.substr(kind.prefix.size());
    const std::size_t colon = rest.find(':');
    if (colon == rest.npos) return refusal(text, "is not CID:PORT behind " + std::string(kind.prefix));
    const auto cid = parse_number<std::uint32_t>(rest.substr(0, colon));
    const auto port = parse_number<std::uint32_t>(rest.substr(colon + 1));
    if (!cid || *cid == VMADDR_CID_ANY) return refusal(text, "the CID is not that of a machine");
    if (!port || *port == VMADDR_PORT_ANY) return refusal(text, "the port is not a number below 4294967295");
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = *cid;
    address.svm_port = *port;
    Address parsed;
    parsed.text = text;
    parsed.size = sizeof address;
    parsed.type = kind.type;
    parsed.second_type = kind.second_type;
    std::memcpy(&parsed.socket_address, &address, sizeof address);
    return parsed;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (text.empty()) return Error::message("NOTIFY_SOCKET: is empty");
    if (text.front() == '/' || text.front() == '@') return parse_unix(text);
    for (const Kind& kind : kVsockKinds)
        if (text.starts_with(kind.prefix)) return parse_vsock(text, kind);
    return refusal(text, "is none of /path, @name, vsock:CID:PORT");
}

Result<void> check_upstream(std::string_view text) {
    URC_TRY_VOID(parse_address(text));
    return {};
}

}  // namespace urc::notify
