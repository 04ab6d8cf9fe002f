#include "core/ports/spec.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/number.h"

namespace urc::ports {

namespace {

constexpr std::array<std::string_view, 6> kNames = {"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"};

enum class Family : std::uint8_t { none, v4, v6 };

// Which family alone a protocol's name asks for.
Family asked_family(Protocol protocol) noexcept {
    switch (protocol) {
        case Protocol::tcp4:
        case Protocol::udp4:
            return Family::v4;
        case Protocol::tcp6:
        case Protocol::udp6:
            return Family::v6;
        default:
            return Family::none;
    }
}

Family family_of(std::string_view ip) noexcept {
    if (ip.empty()) return Family::none;
    return ip.find(':') == ip.npos ? Family::v4 : Family::v6;
}

// Control characters would tear the line apart in which the Error is shown.
std::string shown(std::string_view text) {
    std::string word;
    for (char c : text.substr(0, 128)) word += c >= ' ' && c != 0x7f ? c : '?';
    if (text.size() > 128) word += "...";
    return word;
}

Error refusal(std::string_view text, std::string_view reason) {
    return Error::message("publish: " + shown(text) + ": " + std::string(reason));
}

// Rewrites an address as inet_ntop does, so that equal ones are equal texts.
std::optional<std::string> canonical(const std::string& ip) {
    std::array<unsigned char, sizeof(in6_addr)> address;
    std::array<char, INET6_ADDRSTRLEN> text;
    const int family = family_of(ip) == Family::v6 ? AF_INET6 : AF_INET;
    // A NUL would hide what stands behind it.
    if (ip.find('\0') != ip.npos || ::inet_pton(family, ip.c_str(), address.data()) != 1) return {};
    return ::inet_ntop(family, address.data(), text.data(), text.size());
}

struct Range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    std::size_t size() const noexcept { return last - first + 1U; }
};

std::optional<Range> parse_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_number<std::uint16_t>(text.substr(0, dash));
    if (!first) return {};
    if (dash == text.npos) return Range{*first, *first};
    const auto last = parse_number<std::uint16_t>(text.substr(dash + 1));
    if (!last || *first == 0 || *last < *first) return {};
    return Range{*first, *last};
}

// The parts between the colons that stand outside of brackets; nullopt for a bracket without its partner, or
// in the middle of a part.
std::optional<std::vector<std::string_view>> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (;;) {
        std::size_t end = 0;
        if (text.starts_with('[')) {
            end = text.find(']');
            if (end == text.npos) return {};
            ++end;
            if (end < text.size() && text[end] != ':') return {};
        } else {
            end = std::min(text.find(':'), text.size());
            if (text.substr(0, end).find_first_of("[]") != text.npos) return {};
        }
        parts.push_back(text.substr(0, end));
        if (end == text.size()) return parts;
        text.remove_prefix(end + 1);
    }
}

bool looks_like_address(std::string_view part) noexcept {
    return part.starts_with('[') || part.find('.') != part.npos;
}

std::string without_brackets(std::string_view part) {
    if (part.starts_with('[')) part = part.substr(1, part.size() - 2);
    return std::string(part);
}

struct Parts {
    std::string_view host_ip;
    std::string_view host_port;
    std::string_view child_ip;
    std::string_view child_port;
};

// Three parts are read by what stands in the middle: an address is the child's.
Result<Parts> name_parts(std::string_view text, std::string_view address) {
    const auto parts = split(address);
    if (!parts) return refusal(text, "the brackets do not enclose an IPv6 address");
    const auto& p = *parts;
    switch (p.size()) {
        case 1:
            return refusal(text, "two ports are wanted, HOSTPORT:PORT; `:" + shown(p[0].substr(0, 16)) +
                                     "` has the host's picked");
        case 2:
            return Parts{{}, p[0], {}, p[1]};
        case 3:
            if (looks_like_address(p[1])) return Parts{{}, p[0], p[1], p[2]};
            return Parts{p[0], p[1], {}, p[2]};
        case 4:
            return Parts{p[0], p[1], p[2], p[3]};
        default:
            return refusal(text, "is not [HOSTIP:]HOSTPORT:[CHILDIP:]PORT; an IPv6 address needs brackets");
    }
}

std::optional<std::string_view> what_is_wrong(Spec& spec) {
    for (std::string* ip : {&spec.host_ip, &spec.child_ip}) {
        if (ip->empty()) continue;
        if (ip->find('%') != ip->npos) return "an address with a zone is not supported";
        auto text = canonical(*ip);
        if (!text)
            return ip == &spec.host_ip ? "the host's address is no IP address"
                                       : "the child's address is no IP address";
        *ip = std::move(*text);
    }
    const Family asked = asked_family(spec.protocol);
    if (asked != Family::none && !spec.host_ip.empty() && family_of(spec.host_ip) != asked)
        return "the host's address is not of the protocol's family";
    if (spec.child_ip == "0.0.0.0" || spec.child_ip == "::") return "nothing can be sent to this address";
    if (spec.child_port == 0) return "the child's port is 0";
    if (spec.handover && !is_tcp(spec.protocol)) return "only a TCP listener can be handed over";
    if (spec.handover && spec.max > 0)
        return "nobody counts the connections of a listener that is handed over";
    return {};
}

// One of `,handover` and `,max=N`, without its comma.
Result<void> take_option(std::string_view text, std::string_view option, Spec& spec) {
    constexpr std::string_view kMax = "max=";
    if (option == "handover") {
        if (std::exchange(spec.handover, true)) return refusal(text, "handover stands there twice");
        return {};
    }
    if (!option.starts_with(kMax)) return refusal(text, "an option is neither `handover` nor `max=N`");
    const auto max = parse_number<std::uint16_t>(option.substr(kMax.size()));
    if (!max || *max == 0) return refusal(text, "max is not a number from 1 to 65535");
    if (std::exchange(spec.max, *max) != 0) return refusal(text, "max stands there twice");
    return {};
}

// Reads the suffixes into `spec` and takes them off `address`.
Result<void> take_suffixes(std::string_view text, std::string_view& address, Spec& spec) {
    for (std::size_t comma; (comma = address.rfind(',')) != address.npos; address = address.substr(0, comma))
        URC_TRY_VOID(take_option(text, address.substr(comma + 1), spec));
    const std::size_t slash = address.find('/');
    if (slash == address.npos) return {};
    const std::string_view name = address.substr(slash + 1);
    address = address.substr(0, slash);
    const auto protocol = protocol_named(name);
    if (protocol) {
        spec.protocol = *protocol;
        return {};
    }
    return refusal(text, "the protocol is none of tcp, tcp4, tcp6, udp, udp4, udp6");
}

}  // namespace

std::string_view protocol_name(Protocol protocol) noexcept {
    return kNames[static_cast<std::size_t>(protocol)];
}

std::optional<Protocol> protocol_named(std::string_view name) noexcept {
    const auto* found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) return {};
    return static_cast<Protocol>(found - kNames.begin());
}

Result<std::vector<Spec>> parse_publish(std::string_view text) {
    Spec model;
    std::string_view address = text;
    URC_TRY_VOID(take_suffixes(text, address, model));
    URC_TRY(const Parts parts, name_parts(text, address));

    const bool is_picked = parts.host_port.empty() || parts.host_port == "0";
    const auto host = parse_range(is_picked ? "0" : parts.host_port);
    if (!host)
        return refusal(text,
                       "the host's port is not a number up to 65535, or a range of them from the lower one "
                       "to the higher");
    const auto child = parse_range(parts.child_port);
    if (!child)
        return refusal(text,
                       "the child's port is not a number up to 65535, or a range of them from the lower one "
                       "to the higher");
    if (!is_picked && host->size() != child->size())
        return refusal(text, "the two ranges are not of one length");
    model.host_ip = without_brackets(parts.host_ip);
    model.child_ip = without_brackets(parts.child_ip);
    model.child_port = child->first;
    const bool has_bad_brackets =
        (parts.host_ip.starts_with('[') && family_of(model.host_ip) != Family::v6) ||
        (parts.child_ip.starts_with('[') && family_of(model.child_ip) != Family::v6);
    if (has_bad_brackets) return refusal(text, "the brackets do not enclose an IPv6 address");
    if (const auto reason = what_is_wrong(model)) return refusal(text, *reason);

    std::vector<Spec> specs(child->size(), model);
    for (std::size_t i = 0; i < specs.size(); ++i) {
        specs[i].child_port = static_cast<std::uint16_t>(child->first + i);
        if (!is_picked) specs[i].host_port = static_cast<std::uint16_t>(host->first + i);
    }
    return specs;
}

Result<Spec> checked(Spec spec) {
    if (const auto reason = what_is_wrong(spec)) return refusal(spec_text(spec), *reason);
    return spec;
}

bool overlaps(const Spec& one, const Spec& other) noexcept {
    if (is_tcp(one.protocol) != is_tcp(other.protocol)) return false;
    if (one.host_port == 0 || one.host_port != other.host_port) return false;
    struct Where {
        bool is_every;
        Family family;  // none: both
    };
    const auto where = [](const Spec& spec) {
        const Family asked = asked_family(spec.protocol);
        // `::` without a family asked for also takes IPv4.
        if (spec.host_ip.empty() || spec.host_ip == "::") return Where{true, asked};
        return Where{spec.host_ip == "0.0.0.0", family_of(spec.host_ip)};
    };
    const Where a = where(one);
    const Where b = where(other);
    if (a.family != b.family && a.family != Family::none && b.family != Family::none) return false;
    return a.is_every || b.is_every || one.host_ip == other.host_ip;
}

Result<void> check_overlaps(std::span<const Spec> specs) {
    for (std::size_t i = 0; i < specs.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (overlaps(specs[i], specs[j]))
                return refusal(spec_text(specs[i]), "has a port in common with " + spec_text(specs[j]));
    return {};
}

std::string address_text(std::string_view ip, std::uint16_t port) {
    std::string text;
    if (ip.empty())
        text = "*";
    else if (family_of(ip) == Family::v6)
        text = "[" + std::string(ip) + "]";
    else
        text = ip;
    return text + ":" + std::to_string(port);
}

std::string spec_text(const Spec& spec) {
    return address_text(spec.host_ip, spec.host_port) + " -> " +
           address_text(spec.child_ip, spec.child_port) + "/" + std::string(protocol_name(spec.protocol));
}

}  // namespace urc::ports
