// Reading JSON values into structs: the machinery under parse.cpp and the field tables. Private to this
// folder; the only header that includes simdjson, since the tables need its value type and live in two files.
//
// A struct is read by a table with one line a field:
//
//   constexpr Field kUser[] = {field<&User::uid>("uid"), field<&User::gid>("gid")};
//   bool read(Reader& reader, Value& value, User& out) { return read_object(reader, value, out, kUser); }
//
// `read` exists for every type that a field has and returns false after it told the Reader why. On the way
// out each level puts its own name in front of the path, so a good document pays nothing for the messages.
#pragma once

#ifndef SIMDJSON_EXCEPTIONS
#define SIMDJSON_EXCEPTIONS 0
#endif
// tidy-ok heavy-header-in-a-header: private to this folder, the field tables need the value type
#include <simdjson.h>

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/spec/spec.h"
#include "core/spec/text.h"

namespace urc::spec {

using Value = simdjson::ondemand::value;

class Reader {
public:
    // The document is well formed JSON but not a configuration. Always false, to be returned.
    bool fail(std::string_view problem);

    // The document is not JSON, says simdjson; json_syntax.h will say where.
    bool broken();

    // `expected` reads "a string"; what came instead is seen in `value`.
    bool wrong_type(Value& value, std::string_view expected);

    bool failed_in(std::string_view key);
    bool failed_at(std::size_t index);

    const std::string& path() const { return path_; }        // "process.user.uid"; empty: the document
    const std::string& problem() const { return problem_; }  // empty: the text is not JSON

private:
    std::string path_;
    std::string problem_;
};

struct Field {
    std::string_view name;
    bool (*read)(Reader&, Value&, void* object);
    bool is_required;
};
inline constexpr std::size_t kFieldsMax = 32;  // of one table: a bit each in read_fields

// Reads the object `value` by a table; null and unknown keys are passed over.
bool read_fields(Reader& reader, Value& value, void* object, std::span<const Field> fields);

// A value that has to be a string, as a view that lives as long as the document.
bool read_text(Reader& reader, Value& value, std::string_view& out);

// The text of `value`, unread, without blanks around it. Brackets are counted, nothing else is checked.
bool read_raw(Reader& reader, Value& value, std::string_view& out);

bool read(Reader& reader, Value& value, bool& out);
bool read(Reader& reader, Value& value, std::string& out);
bool read(Reader& reader, Value& value, StringMap& out);
bool read_unsigned(Reader& reader, Value& value, std::uint64_t max, int bits, std::uint64_t& out);
bool read_signed(Reader& reader, Value& value, std::int64_t min, std::int64_t max, int bits,
                 std::int64_t& out);

template <typename T>
requires(std::integral<T> && !std::same_as<T, bool>) bool read(Reader& reader, Value& value, T& out) {
    constexpr int kBits = static_cast<int>(sizeof(T) * 8);
    if constexpr (std::is_unsigned_v<T>) {
        std::uint64_t wide = 0;
        if (!read_unsigned(reader, value, std::numeric_limits<T>::max(), kBits, wide)) return false;
        out = static_cast<T>(wide);
    } else {
        std::int64_t wide = 0;
        if (!read_signed(reader, value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), kBits,
                         wide))
            return false;
        out = static_cast<T>(wide);
    }
    return true;
}

template <typename T>
bool read(Reader& reader, Value& value, std::optional<T>& out) {
    return read(reader, value, out.emplace());
}

template <typename T>
bool read(Reader& reader, Value& value, std::vector<T>& out) {
    simdjson::ondemand::array array;
    if (value.get_array().get(array)) return reader.wrong_type(value, "an array");
    out.clear();
    for (auto item : array) {
        Value element;
        if (std::move(item).get(element)) return reader.broken();
        if (!read(reader, element, out.emplace_back())) return reader.failed_at(out.size() - 1);
    }
    return true;
}

// A key as it is compared: unescaped, valid as long as the document.
bool read_key(simdjson::ondemand::field& member, std::string_view& out);

// True and consumed when `value` is null; false with `is_broken` when it only starts like it.
bool read_null(Value& value, bool& is_broken);

// For objects with any keys: calls `each(key, value)`, which returns bool, for every member but null ones.
template <typename Each>
bool read_members(Reader& reader, Value& value, Each each) {
    simdjson::ondemand::object members;
    if (value.get_object().get(members)) return reader.wrong_type(value, "an object");
    for (auto item : members) {
        simdjson::ondemand::field member;
        std::string_view key;
        if (std::move(item).get(member) || !read_key(member, key)) return reader.broken();
        bool is_broken = false;
        if (read_null(member.value(), is_broken)) continue;
        if (is_broken) return reader.broken();
        if (!each(key, member.value())) return reader.failed_in(key);
    }
    return true;
}

template <typename T, std::size_t N>
bool read_object(Reader& reader, Value& value, T& out, const Field (&fields)[N]) {
    static_assert(N <= kFieldsMax);
    out = T{};  // of a key given twice the last one counts, whole
    return read_fields(reader, value, &out, fields);
}

template <typename T>
struct MemberOf;
template <typename Class, typename T>
struct MemberOf<T Class::*> {
    using type = Class;
};

enum class Need : std::uint8_t { optional, required };

template <auto Member>
constexpr Field field(std::string_view name, Need need = Need::optional) {
    using Class = typename MemberOf<decltype(Member)>::type;
    return {name,
            [](Reader& reader, Value& value, void* object) {
                return read(reader, value, static_cast<Class*>(object)->*Member);
            },
            need == Need::required};
}

// A field that needs more than its type: `Function` is bool(Reader&, Value&, Class&).
template <typename Class, bool (*Function)(Reader&, Value&, Class&)>
constexpr Field field_by(std::string_view name, Need need = Need::optional) {
    return {name,
            [](Reader& reader, Value& value, void* object) {
                return Function(reader, value, *static_cast<Class*>(object));
            },
            need == Need::required};
}

// A word of a fixed list: `Lookup` is std::optional<T>(std::string_view). `what` is "namespace".
template <typename T, typename Lookup>
bool read_word(Reader& reader, Value& value, Lookup lookup, std::string_view what, T& out) {
    std::string_view word;
    if (!read_text(reader, value, word)) return false;
    auto found = lookup(word);
    if (!found) return reader.fail(concat({"unknown ", what, " ", in_quotes(word)}));
    out = *found;
    return true;
}

bool read(Reader& reader, Value& value, Process& out);    // fields_process.cpp
bool read(Reader& reader, Value& value, Linux& out);      // fields_linux.cpp
bool read(Reader& reader, Value& value, IdMapping& out);  // fields_linux.cpp
bool read(Reader& reader, Value& value, Resources& out);  // fields_resources.cpp
bool read(Reader& reader, Value& value, Spec& out);       // parse.cpp

}  // namespace urc::spec
