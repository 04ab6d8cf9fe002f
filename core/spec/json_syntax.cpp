#include "core/spec/json_syntax.h"

#include <algorithm>
#include <array>

namespace urc::spec {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Length of the UTF-8 sequence at the start of `text`; 0 when it is none (overlong, surrogate, cut off).
std::size_t utf8_length(std::string_view text) {
    auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
        return follows(1) && follows(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
        return follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

// One pass with an explicit stack of brackets: nesting costs a byte, not a stack frame.
class Checker {
public:
    explicit Checker(std::string_view text) : text_(text) {}

    std::optional<SyntaxError> run() {
        if (whole_document()) return std::nullopt;
        return SyntaxError{std::min(at_, text_.size()), std::string(problem_)};
    }

private:
    bool whole_document() {
        // One turn a value. Containers that open stay on the stack; `after_value` closes what ends.
        for (;;) {
            skip_blanks();
            bool opened = false;
            if (!value(opened)) return false;
            if (opened) continue;
            if (!after_value()) return false;
            if (depth_ == 0) return end();
        }
    }

    // Reads a scalar or the start of a container. `opened`: a first element or key's value must follow.
    bool value(bool& opened) {
        switch (peek()) {
            case '{':
                return open('{') && first_key(opened);
            case '[':
                if (!open('[')) return false;
                skip_blanks();
                opened = peek() != ']';
                return opened || close(']');
            case '"':
                return string();
            case 't':
                return word("true");
            case 'f':
                return word("false");
            case 'n':
                return word("null");
            default:
                return peek() == '-' || is_digit(peek()) ? number() : fail("expected a value");
        }
    }

    bool first_key(bool& opened) {
        skip_blanks();
        if (peek() == '}') return close('}');
        opened = true;
        return key();
    }

    bool key() {
        skip_blanks();
        if (peek() != '"') return fail("expected a key in quotes");
        if (!string()) return false;
        skip_blanks();
        if (peek() != ':') return fail("expected ':' after a key");
        ++at_;
        return true;
    }

    // After a complete value: a comma leads to the next one, brackets close as many containers as they may.
    bool after_value() {
        while (depth_ > 0) {
            skip_blanks();
            bool in_object = stack_[depth_ - 1] == '{';
            if (peek() == ',') {
                ++at_;
                return in_object ? key() : true;
            }
            if (peek() != (in_object ? '}' : ']'))
                return fail(in_object ? "expected ',' or '}'" : "expected ',' or ']'");
            close(peek());
        }
        return true;
    }

    bool end() {
        skip_blanks();
        return at_ == text_.size() || fail("more text after the end of the document");
    }

    bool open(char bracket) {
        if (depth_ == kNestingMax) return fail("nested too deeply");
        stack_[depth_++] = bracket;
        ++at_;
        return true;
    }

    bool close(char) {
        --depth_;
        ++at_;
        return true;
    }

    bool string() {
        std::size_t start = at_++;
        while (at_ < text_.size()) {
            char c = text_[at_];
            if (c == '"') {
                ++at_;
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string");
            if (c == '\\') {
                if (!escape()) return false;
                continue;
            }
            std::size_t length = utf8_length(text_.substr(at_));
            if (length == 0) return fail("not valid UTF-8");
            at_ += length;
        }
        at_ = start;
        return fail("string without an end");
    }

    bool escape() {
        ++at_;
        char c = peek();
        if (c != 'u') {
            if (c == '\0' || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos)
                return fail("unknown escape in a string");
            ++at_;
            return true;
        }
        unsigned first = 0;
        if (!hex4(first)) return false;
        if (first >= 0xDC00 && first <= 0xDFFF) return fail("half of a surrogate pair in a string");
        if (first < 0xD800 || first > 0xDBFF) return true;
        unsigned second = 0;
        if (peek() != '\\' || at_ + 1 >= text_.size() || text_[at_ + 1] != 'u')
            return fail("half of a surrogate pair in a string");
        ++at_;
        if (!hex4(second)) return false;
        return (second >= 0xDC00 && second <= 0xDFFF) || fail("half of a surrogate pair in a string");
    }

    // Stands on the 'u'.
    bool hex4(unsigned& value) {
        ++at_;
        for (int i = 0; i < 4; ++i, ++at_) {
            char c = peek();
            if (!is_hex(c)) return fail("expected four hexadecimal digits after \\u");
            value = value * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        return true;
    }

    bool number() {
        if (peek() == '-') ++at_;
        if (peek() == '0') {
            ++at_;
            if (is_digit(peek())) return fail("number with a leading zero");
        } else if (!digits()) {
            return false;
        }
        if (peek() == '.') {
            ++at_;
            if (!digits()) return false;
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            if (!digits()) return false;
        }
        return true;
    }

    bool digits() {
        if (!is_digit(peek())) return fail("expected a digit");
        while (is_digit(peek())) ++at_;
        return true;
    }

    bool word(std::string_view expected) {
        if (text_.substr(at_, expected.size()) != expected) return fail("expected a value");
        at_ += expected.size();
        return true;
    }

    void skip_blanks() {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
            ++at_;
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    bool fail(std::string_view problem) {
        problem_ = at_ >= text_.size() && problem.substr(0, 8) == "expected" ? "unexpected end of the text"
                                                                             : problem;
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    std::array<char, kNestingMax> stack_{};
    std::string_view problem_;
};

}  // namespace

std::optional<SyntaxError> find_syntax_error(std::string_view text) {
    return Checker(text).run();
}

std::string describe_position(std::string_view text, std::size_t offset) {
    std::string_view before = text.substr(0, std::min(offset, text.size()));
    auto line = std::count(before.begin(), before.end(), '\n') + 1;
    std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
    return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - line_start + 1);
}

}  // namespace urc::spec
