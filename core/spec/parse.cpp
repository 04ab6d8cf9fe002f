#include "core/spec/parse.h"

#include "core/spec/json_syntax.h"
#include "core/spec/reader.h"

namespace urc {
namespace spec {

constexpr Field kRoot[] = {field<&Root::path>("path", Need::required), field<&Root::readonly>("readonly")};

static bool read(Reader& reader, Value& value, Root& out) {
    return read_object(reader, value, out, kRoot);
}

constexpr Field kMount[] = {
    field<&Mount::destination>("destination", Need::required),
    field<&Mount::type>("type"),
    field<&Mount::source>("source"),
    field<&Mount::options>("options"),
    field<&Mount::uid_mappings>("uidMappings"),
    field<&Mount::gid_mappings>("gidMappings"),
};

static bool read(Reader& reader, Value& value, Mount& out) {
    return read_object(reader, value, out, kMount);
}

constexpr Field kHook[] = {
    field<&Hook::path>("path", Need::required),
    field<&Hook::args>("args"),
    field<&Hook::env>("env"),
    field<&Hook::timeout_s>("timeout"),
};

static bool read(Reader& reader, Value& value, Hook& out) {
    return read_object(reader, value, out, kHook);
}

constexpr Field kHooks[] = {
    field<&Hooks::prestart>("prestart"),
    field<&Hooks::create_runtime>("createRuntime"),
    field<&Hooks::create_container>("createContainer"),
    field<&Hooks::start_container>("startContainer"),
    field<&Hooks::poststart>("poststart"),
    field<&Hooks::poststop>("poststop"),
};

static bool read(Reader& reader, Value& value, Hooks& out) {
    return read_object(reader, value, out, kHooks);
}

std::vector<std::string_view> hook_names() {
    std::vector<std::string_view> names;
    for (const Field& field : kHooks) names.push_back(field.name);
    return names;
}

bool read(Reader& reader, Value& value, Spec& out) {
    // The sections of other systems (windows, solaris, vm, zos, freebsd) are unknown keys here.
    static constexpr Field kSpec[] = {
        field<&Spec::oci_version>("ociVersion"),
        field<&Spec::process>("process"),
        field<&Spec::root>("root"),
        field<&Spec::hostname>("hostname"),
        field<&Spec::domainname>("domainname"),
        field<&Spec::mounts>("mounts"),
        field<&Spec::hooks>("hooks"),
        field<&Spec::annotations>("annotations"),
        field<&Spec::linux>("linux"),
    };
    return read_object(reader, value, out, kSpec);
}

namespace {

template <typename T>
bool read_document(Reader& reader, simdjson::padded_string_view text, T& out) {
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    Value value;
    if (parser.iterate(text).get(document)) return reader.broken();
    simdjson::error_code error = document.get_value().get(value);
    if (error == simdjson::SCALAR_DOCUMENT_AS_VALUE) return reader.fail("expected an object");
    if (error) return reader.broken();
    if (!read(reader, value, out)) return false;
    // "Out of bounds" is how this simdjson says that nothing follows.
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS || reader.broken();
}

// Broken JSON is told before anything else that may be wrong: its other troubles often follow from that.
Error explain(const Reader& reader, std::string_view text, std::string_view name) {
    if (auto syntax = find_syntax_error(text))
        return Error::message(
            concat({name, ": ", describe_position(text, syntax->offset), ": ", syntax->problem}));
    std::string_view problem = reader.problem();
    if (problem.empty()) problem = "cannot be parsed";
    if (reader.path().empty()) return Error::message(concat({name, ": ", problem}));
    return Error::message(concat({name, ": ", reader.path(), ": ", problem}));
}

template <typename T>
Result<T> parse(std::string json, std::string_view name) {
    if (json.size() > kDocumentSizeMax) return Error(EFBIG, name);
    json.reserve(json.size() + kParsePadding);
    Reader reader;
    Result<T> result{T{}};
    if (read_document(reader, simdjson::padded_string_view(json.data(), json.size(), json.capacity()),
                      *result))
        return result;
    return explain(reader, json, name);
}

template <typename T>
Result<T> parse_copy(std::string_view json, std::string_view name) {
    std::string copy;
    if (json.size() <= kDocumentSizeMax) copy.reserve(json.size() + kParsePadding);
    copy = json;
    return parse<T>(std::move(copy), name);
}

}  // namespace
}  // namespace spec

static_assert(kParsePadding >= simdjson::SIMDJSON_PADDING);

Result<spec::Spec> parse_spec(std::string_view json) {
    return spec::parse_copy<spec::Spec>(json, "config.json");
}

Result<spec::Spec> parse_spec(std::string json) {
    return spec::parse<spec::Spec>(std::move(json), "config.json");
}

Result<spec::Hooks> parse_hooks(std::string_view json) {
    return spec::parse_copy<spec::Hooks>(json, "hooks");
}

Result<spec::Process> parse_process(std::string_view json) {
    return spec::parse_copy<spec::Process>(json, "process.json");
}

Result<spec::Resources> parse_resources(std::string_view json) {
    return spec::parse_copy<spec::Resources>(json, "resources.json");
}

}  // namespace urc
