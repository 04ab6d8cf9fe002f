#include "core/relay/format.h"

#include <cstring>

#include "core/relay/line_format.h"

namespace urc::relay {
namespace {

char* append(char* to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

// `2006-01-02T15:04:05.000000000+00:00 stdout F text`. podman cuts at fixed places and wants nine digits and
// a numeric zone; kubelet takes that too.
class K8sEncoder {
public:
    void begin(Stream stream, WallTime time) {
        std::memcpy(prefix_, time_.at(time), TimeText::kSize);
        std::memcpy(prefix_ + TimeText::kSize,
                    stream == Stream::out ? "+00:00 stdout F " : "+00:00 stderr F ",
                    kPrefixSize - TimeText::kSize);
    }
    char* put(char* to, std::string_view head, std::string_view tail, Ending ending) const {
        std::memcpy(to, prefix_, kPrefixSize);
        if (ending == Ending::partial) to[kPrefixSize - 2] = 'P';
        to += kPrefixSize;
        if (!head.empty()) to = append(to, head);
        to = append(to, tail);
        *to = '\n';
        return to + 1;
    }
    std::size_t bound(std::size_t size) const { return kPrefixSize + size + 1; }
    static std::size_t cut(std::string_view text) { return text.size(); }

private:
    static constexpr std::size_t kPrefixSize = TimeText::kSize + 16;

    TimeText time_;
    char prefix_[kPrefixSize];
};

// Which bytes stand for themselves in docker's JSON. The others, and all that are not ASCII, are looked at.
constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (unsigned byte = 0x20; byte < 0x80; ++byte) plain[byte] = true;
    for (char escaped : {'"', '\\', '<', '>', '&'}) plain[static_cast<unsigned char>(escaped)] = false;
    return plain;
}();

// The length of the character of UTF-8 that `text` begins with; 0 when it is none (RFC 3629: no surrogates,
// no long forms).
std::size_t character_size(std::string_view text) {
    auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    auto goes_on = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80; };
    unsigned first = byte(0);
    if (first >= 0xc2 && first < 0xe0) return goes_on(1) ? 2 : 0;
    if (first >= 0xe0 && first < 0xf0) {
        bool is_long_form = first == 0xe0 && byte(1) < 0xa0;
        bool is_surrogate = first == 0xed && byte(1) >= 0xa0;
        return goes_on(1) && goes_on(2) && !is_long_form && !is_surrogate ? 3 : 0;
    }
    if (first >= 0xf0 && first < 0xf5) {
        bool is_long_form = first == 0xf0 && byte(1) < 0x90;
        bool is_too_large = first == 0xf4 && byte(1) >= 0x90;
        return goes_on(1) && goes_on(2) && goes_on(3) && !is_long_form && !is_too_large ? 4 : 0;
    }
    return 0;
}

// The character at the front of `text`, that does not stand for itself; takes it off.
char* append_special(char* to, std::string_view& text) {
    auto byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x80) {
        text.remove_prefix(1);
        if (byte == '"' || byte == '\\') return append(append(to, "\\"), {reinterpret_cast<char*>(&byte), 1});
        if (byte == '\r') return append(to, "\\r");
        if (byte == '\n') return append(to, "\\n");
        constexpr const char* kHex = "0123456789abcdef";
        const char escape[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
        return append(to, {escape, sizeof escape});
    }
    std::size_t size = character_size(text);
    std::string_view character = text.substr(0, size ? size : 1);
    text.remove_prefix(character.size());
    if (size == 0) return append(to, "\\ufffd");
    // Line ends for JavaScript.
    if (character == "\xe2\x80\xa8") return append(to, "\\u2028");
    if (character == "\xe2\x80\xa9") return append(to, "\\u2029");
    return append(to, character);
}

char* append_escaped(char* to, std::string_view text) {
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) ++plain;
        to = append(to, text.substr(0, plain));
        text.remove_prefix(plain);
        if (!text.empty()) to = append_special(to, text);
    }
    return to;
}

// Docker's: {"log":"text\n","stream":"stdout","time":"2006-01-02T15:04:05.12Z"}. A partial record has no \n.
class JsonEncoder {
public:
    void begin(Stream stream, WallTime time) {
        char* to = append(suffix_, "\",\"stream\":\"");
        to = append(append(to, stream_word(stream)), "\",\"time\":\"");
        std::string_view text(time_.at(time), TimeText::kSize);
        text = text.substr(0, text.find_last_not_of('0') + 1);
        if (text.back() == '.') text.remove_suffix(1);
        to = append(append(to, text), "Z\"}\n");
        suffix_size_ = static_cast<std::size_t>(to - suffix_);
    }
    char* put(char* to, std::string_view head, std::string_view tail, Ending ending) {
        to = append(to, "{\"log\":\"");
        if (head.empty() || tail.empty()) {
            to = append_escaped(to, head.empty() ? tail : head);
        } else {
            // A character may lie across the two.
            joined_.assign(head).append(tail);
            to = append_escaped(to, joined_);
            std::string().swap(joined_);
        }
        if (ending == Ending::full) to = append(to, "\\n");
        return append(to, {suffix_, suffix_size_});
    }
    std::size_t bound(std::size_t size) const { return 6 * size + 16 + sizeof suffix_; }
    static std::size_t cut(std::string_view text) { return whole_characters(text); }

private:
    TimeText time_;
    char suffix_[80];
    std::size_t suffix_size_ = 0;
    std::string joined_;
};

// One datagram a record: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. A line has no newline in it, so MESSAGE
// is always in the short form.
class JournalEncoder {
public:
    JournalEncoder(const SinkOptions& options, std::string_view id) {
        constexpr std::size_t kIdSize = 64, kShortIdSize = 12;
        // As docker's and podman's loggers have it, whose readers look for the one or the other.
        append_journal_field(fields_, "CONTAINER_ID", id.size() == kIdSize ? id.substr(0, kShortIdSize) : id);
        append_journal_field(fields_, "CONTAINER_ID_FULL", id);
        append_journal_field(fields_, "CONTAINER_NAME", id);
        append_journal_field(fields_, "SYSLOG_IDENTIFIER", options.tag.empty() ? id : options.tag);
    }

    void begin(Stream stream, WallTime) { stream_ = stream; }
    char* put(char* to, std::string_view head, std::string_view tail, Ending ending) const {
        to = append(to, stream_ == Stream::out ? "PRIORITY=6\n" : "PRIORITY=3\n");
        to = append(to, fields_);
        if (ending == Ending::partial) to = append(to, "CONTAINER_PARTIAL_MESSAGE=true\n");
        to = append(append(append(to, "MESSAGE="), head), tail);
        return append(to, "\n");
    }
    std::size_t bound(std::size_t size) const { return size + fields_.size() + 64; }
    static std::size_t cut(std::string_view text) { return whole_characters(text); }

private:
    std::string fields_;
    Stream stream_ = Stream::out;
};

}  // namespace

void append_journal_field(std::string& to, std::string_view name, std::string_view value) {
    to += name;
    if (value.find('\n') == value.npos) {
        to += '=';
    } else {
        to += '\n';
        // Little endian, whatever the machine.
        for (std::uint64_t size = value.size(), i = 0; i < 8; ++i, size >>= 8)
            to += static_cast<char>(size & 0xff);
    }
    to += value;
    to += '\n';
}

std::unique_ptr<Format> make_format(const SinkOptions& options, std::string_view id) {
    switch (options.driver) {
        case Driver::k8s_file:
            return std::make_unique<LineFormat<K8sEncoder>>();
        case Driver::json_file:
            return std::make_unique<LineFormat<JsonEncoder>>();
        case Driver::journald:
            return std::make_unique<LineFormat<JournalEncoder>>(options, id);
        default:
            return nullptr;
    }
}

}  // namespace urc::relay
