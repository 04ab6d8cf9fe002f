#include "core/ports/rootlesskit/port_api.h"

#include <array>

#include "core/json_put.h"
#include "core/number.h"
#include "core/ports/rootlesskit/flat_json.h"
#include "core/version.h"

namespace urc::ports::rootlesskit {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kPorts = "/v1/ports";

HttpResponse json_response(int status, std::string body) {
    return {status, kJson, std::move(body)};
}

HttpResponse refusal_response(std::string_view message) {
    HttpResponse response{400, kText, {}};
    JsonWriter json(response.body);
    json.begin_object();
    json.key("message").string(message);
    json.end_object();
    response.body += '\n';
    return response;
}

Error wrong(std::string_view field, std::string_view value) {
    return Error::message("invalid " + std::string(field) + ": " + std::string(value));
}

std::string quoted(std::string_view text) {
    return '"' + std::string(text) + '"';
}

bool is_port(std::int64_t port) {
    return port >= 1 && port <= 65535;
}

}  // namespace

int PortApi::enter(const Spec& asked, const Spec& opened) {
    Words words;
    words.proto = protocol_name(asked.protocol);
    words.parent_ip = asked.host_ip;
    words.parent_port = opened.host_port;
    words.child_ip = asked.child_ip;
    words.child_port = asked.child_port;
    entries_.emplace(next_id_, Entry{std::move(words), opened});
    return next_id_++;
}

Task<HttpResponse> PortApi::handle(HttpRequest request) {
    constexpr std::string_view kNotFound = "404 page not found\n";
    const bool is_get = request.method == "GET";
    const bool is_one = request.path.starts_with("/v1/ports/") && request.path.size() > kPorts.size() + 1 &&
                        request.path.find('/', kPorts.size() + 1) == request.path.npos;
    const bool is_info = request.path == "/v1/info";
    if (is_info && is_get) co_return info();
    if (request.path == kPorts && is_get) co_return list();
    if (request.path == kPorts && request.method == "POST") co_return add(request.body);
    if (is_one && request.method == "DELETE")
        co_return co_await remove(request.path.substr(kPorts.size() + 1));
    HttpResponse response;
    response.status = 405;
    if (!is_info && !is_one && request.path != kPorts) {
        response.status = 404;
        response.content_type = kText;
        response.body = kNotFound;
    }
    co_return std::move(response);
}

HttpResponse PortApi::info() const {
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    json.key("apiVersion").string("1.1.1");
    json.key("version").string(kVersion);
    json.key("stateDir").string(options_.state_dir);
    json.key("childPID").number(options_.child_pid);
    // Clients look into both without asking whether they are there. The network is none of ours.
    json.key("networkDriver").begin_object();
    json.key("driver").string("none");
    json.end_object();
    // By this name they know what they can expect.
    json.key("portDriver").begin_object();
    json.key("driver").string("builtin");
    json.key("protos").begin_array();
    for (const Protocol protocol :
         {Protocol::tcp, Protocol::tcp4, Protocol::tcp6, Protocol::udp, Protocol::udp4, Protocol::udp6})
        json.string(protocol_name(protocol));
    json.end_array();
    json.end_object();
    json.end_object();
    return json_response(200, std::move(body));
}

std::string PortApi::status(int id, const Words& words) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.key("id").number(id);
    json.key("spec").begin_object();
    put_set(json, "proto", words.proto);
    put_set(json, "parentIP", words.parent_ip);
    put_set(json, "parentPort", static_cast<std::uint64_t>(words.parent_port));
    put_set(json, "childPort", static_cast<std::uint64_t>(words.child_port));
    put_set(json, "childIP", words.child_ip);
    json.end_object();
    json.end_object();
    return text;
}

HttpResponse PortApi::list() const {
    if (entries_.empty()) return json_response(200, "null");
    std::string body = "[";
    for (const auto& [id, entry] : entries_) {
        if (body.size() > 1) body += ',';
        body += status(id, entry.words);
    }
    return json_response(200, body + "]");
}

// What rootlesskit checks, in its order and words; the Publisher checks the rest.
Result<Spec> PortApi::check(const Words& words) const {
    Spec spec;
    const auto protocol = protocol_named(words.proto);
    if (!protocol) return Error::message("unknown proto: " + quoted(words.proto));
    if (!words.parent_ip.empty() && !Address::of(words.parent_ip, 0).ok())
        return wrong("ParentIP", quoted(words.parent_ip));
    if (!is_port(words.parent_port)) return wrong("ParentPort", std::to_string(words.parent_port));
    if (!is_port(words.child_port)) return wrong("ChildPort", std::to_string(words.child_port));
    if (!words.child_ip.empty() && !Address::of(words.child_ip, 0).ok())
        return wrong("ChildIP", quoted(words.child_ip));
    for (const auto& [id, entry] : entries_)
        if (entry.words.proto == words.proto && entry.words.parent_ip == words.parent_ip &&
            entry.words.parent_port == words.parent_port)
            return Error::message("conflict with ID " + std::to_string(id));
    spec.protocol = *protocol;
    spec.host_ip = words.parent_ip;
    spec.host_port = static_cast<std::uint16_t>(words.parent_port);
    spec.child_ip = words.child_ip;
    spec.child_port = static_cast<std::uint16_t>(words.child_port);
    spec.child_ip = choose_child_address(spec, find_host_gateway_ip());
    // Go, and so rootlesskit, listens on both families there, unless the protocol asks for one.
    const bool is_both = *protocol == Protocol::tcp || *protocol == Protocol::udp;
    if (is_both && spec.host_ip == "0.0.0.0") spec.host_ip.clear();
    return spec;
}

HttpResponse PortApi::add(const std::string& body) {
    if (body.empty()) return refusal_response("EOF");
    Words words;
    const std::array<FlatField, 5> fields{{{"proto", &words.proto},
                                           {"parentIP", &words.parent_ip},
                                           {"parentPort", &words.parent_port},
                                           {"childPort", &words.child_port},
                                           {"childIP", &words.child_ip}}};
    if (auto read = read_flat_object(body, fields); !read.ok()) return refusal_response(read.error().text());
    auto wanted = check(words);
    if (!wanted.ok()) return refusal_response(wanted.error().text());
    auto opened = publisher_.add(std::move(wanted).value());
    if (!opened.ok()) return refusal_response(opened.error().text());
    const int id = next_id_++;
    std::string answer = status(id, words);
    entries_.emplace(id, Entry{std::move(words), std::move(opened).value()});
    return json_response(201, std::move(answer));
}

Task<HttpResponse> PortApi::remove(std::string id) {
    const auto number = parse_number<int>(id.starts_with('+') ? std::string_view(id).substr(1) : id);
    if (!number) co_return refusal_response("bad id " + id + ": it is not a number");
    const auto found = entries_.find(*number);
    if (found == entries_.end()) co_return refusal_response("unknown id: " + std::to_string(*number));
    const Spec opened = std::move(found->second.opened);
    // At once: a second request must not find it while the first one waits.
    entries_.erase(found);
    auto removed = co_await settled(publisher_.remove(opened));
    // A port that has come to an end by itself is removed, too.
    if (!removed.ok() && removed.error().code() != ENOENT) co_return refusal_response(removed.error().text());
    HttpResponse response;
    co_return std::move(response);
}

}  // namespace urc::ports::rootlesskit
