// JsonWriter: builds JSON text by hand, commas and escapes included. Reading is simdjson's business.
//
//   JsonWriter json(out);
//   json.begin_object();
//   json.key("id").string("c1");
//   json.key("pids").begin_array(); json.number(1); json.end_array();
//   json.end_object();
//
// Strings are paths, names and messages from anywhere: bytes that are no UTF-8 become U+FFFD, since one raw
// byte makes the whole document unreadable for the callers.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace urc {

// `text` in quotes, escaped.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
public:
    explicit JsonWriter(std::string& out) noexcept : out_(out) {}

    JsonWriter& key(std::string_view name) {
        separate();
        append_json_string(out_, name);
        out_ += ':';
        needs_comma_ = false;
        return *this;
    }
    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    void string(std::string_view text) {
        separate();
        append_json_string(out_, text);
    }
    void number(std::integral auto value) {
        separate();
        char digits[24];
        out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    }
    void boolean(bool value) {
        separate();
        out_ += value ? "true" : "false";
    }

private:
    void separate() {
        if (needs_comma_) out_ += ',';
        needs_comma_ = true;
    }
    void open(char bracket) {
        separate();
        out_ += bracket;
        needs_comma_ = false;
    }
    void close(char bracket) {
        out_ += bracket;
        needs_comma_ = true;
    }

    std::string& out_;
    bool needs_comma_ = false;
};

}  // namespace urc
