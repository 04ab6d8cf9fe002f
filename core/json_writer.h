// JsonWriter: builds JSON text by hand, commas and escapes included. Reading is simdjson's business.
//
//   JsonWriter json(out);
//   json.begin_object();
//   json.key("id").string("c1");
//   json.key("pids").begin_array(); json.number(1); json.end_array();
//   json.end_object();
//
// Compact, or indented by two blanks for people. Strings are paths, names and messages from anywhere: bytes
// that are no UTF-8 become U+FFFD, since one raw byte makes the whole document unreadable for the callers.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace urc {

// `text` in quotes, escaped.
void append_json_string(std::string& out, std::string_view text);

enum class JsonLayout : unsigned char { compact, indented };

class JsonWriter {
public:
    explicit JsonWriter(std::string& out, JsonLayout layout = JsonLayout::compact) noexcept
        : out_(out), is_indented_(layout == JsonLayout::indented) {}

    JsonWriter& key(std::string_view name) {
        separate();
        append_json_string(out_, name);
        out_ += is_indented_ ? ": " : ":";
        needs_comma_ = false;
        is_after_key_ = true;
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
    // value / 100, as short as it can be: 12.5 for 1250.
    void hundredths(std::uint32_t value) {
        number(value / 100);
        if (value % 100 == 0) return;
        out_ += '.';
        out_ += static_cast<char>('0' + value / 10 % 10);
        if (value % 10 != 0) out_ += static_cast<char>('0' + value % 10);
    }
    void null() {
        separate();
        out_ += "null";
    }
    void boolean(bool value) {
        separate();
        out_ += value ? "true" : "false";
    }

private:
    void separate() {
        if (needs_comma_) out_ += ',';
        if (depth_ > 0 && !is_after_key_) break_line();
        needs_comma_ = true;
        is_after_key_ = false;
    }
    void open(char bracket) {
        separate();
        out_ += bracket;
        ++depth_;
        needs_comma_ = false;
    }
    void close(char bracket) {
        --depth_;
        if (needs_comma_) break_line();  // not in an empty one
        out_ += bracket;
        needs_comma_ = true;
    }
    void break_line() {
        if (!is_indented_) return;
        out_ += '\n';
        out_.append(depth_ * 2, ' ');
    }

    std::string& out_;
    std::size_t depth_ = 0;
    bool is_indented_;
    bool needs_comma_ = false;
    bool is_after_key_ = false;
};

}  // namespace urc
