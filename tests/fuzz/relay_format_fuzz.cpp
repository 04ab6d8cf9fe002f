// Whatever a container says, in whatever reads: its records are well-formed, and joined again they say the
// same.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/relay/format.h"
#include "uring/check.h"

namespace urc::relay {
namespace {

constexpr std::size_t kK8sTextAt = 45;

// The text of both streams as the records have it. A full record ends a line.
struct Said {
    std::array<std::string, 2> text;
    std::string& of(bool is_err) { return text[is_err ? 1 : 0]; }
};

std::string_view take_line(std::string_view& records) {
    std::size_t end = records.find('\n');
    URC_CHECK(end != records.npos);
    std::string_view line = records.substr(0, end);
    records.remove_prefix(end + 1);
    return line;
}

Said read_k8s(std::string_view records) {
    Said said;
    while (!records.empty()) {
        std::string_view line = take_line(records);
        URC_CHECK(line.size() >= kK8sTextAt && line.size() <= kK8sTextAt + kRecordSizeMax);
        URC_CHECK(line.substr(0, 36) == "2026-01-02T03:04:05.000000006+00:00 ");
        std::string_view stream = line.substr(36, 6);
        URC_CHECK(stream == "stdout" || stream == "stderr");
        URC_CHECK(line[42] == ' ' && line[44] == ' ' && (line[43] == 'P' || line[43] == 'F'));
        std::string& text = said.of(stream == "stderr");
        text += line.substr(kK8sTextAt);
        if (line[43] == 'F') text += '\n';
    }
    return said;
}

unsigned hex(char digit) {
    URC_CHECK((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'));
    return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void append_utf8(std::string& to, unsigned point) {
    if (point < 0x80) {
        to += static_cast<char>(point);
        return;
    }
    URC_CHECK(point >= 0x800 && point < 0x10000);
    to += static_cast<char>(0xe0 | point >> 12);
    to += static_cast<char>(0x80 | (point >> 6 & 63));
    to += static_cast<char>(0x80 | (point & 63));
}

// A JSON string up to its closing quote.
std::string take_string(std::string_view& rest) {
    std::string text;
    for (;;) {
        URC_CHECK(!rest.empty());
        char c = rest[0];
        rest.remove_prefix(1);
        if (c == '"') return text;
        URC_CHECK(static_cast<unsigned char>(c) >= 0x20);
        if (c != '\\') {
            text += c;
            continue;
        }
        URC_CHECK(!rest.empty());
        char escaped = rest[0];
        rest.remove_prefix(1);
        if (escaped == 'u') {
            URC_CHECK(rest.size() >= 4);
            append_utf8(text, hex(rest[0]) << 12 | hex(rest[1]) << 8 | hex(rest[2]) << 4 | hex(rest[3]));
            rest.remove_prefix(4);
        } else {
            URC_CHECK(escaped == '"' || escaped == '\\' || escaped == 'n' || escaped == 'r');
            text += escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped;
        }
    }
}

Said read_json(std::string_view records) {
    constexpr std::string_view kBegin = "{\"log\":\"";
    Said said;
    while (!records.empty()) {
        std::string_view line = take_line(records);
        URC_CHECK(line.starts_with(kBegin));
        line.remove_prefix(kBegin.size());
        std::string text = take_string(line);
        bool is_err = line.starts_with(",\"stream\":\"stderr\"");
        URC_CHECK(is_err || line.starts_with(",\"stream\":\"stdout\""));
        URC_CHECK(line.substr(18) == ",\"time\":\"2026-01-02T03:04:05.000000006Z\"}");
        said.of(is_err) += text;
    }
    return said;
}

// The plain rule: a byte that does not begin a character of UTF-8 is U+FFFD.
std::string repaired(std::string_view text) {
    std::string good;
    while (!text.empty()) {
        auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
        std::size_t size = byte(0) < 0x80 ? 1 : byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
        unsigned point = size == 1 ? byte(0) : byte(0) & (0xffU >> (size + 1));
        bool is_good = size == 1 || byte(0) >= 0xc0;
        for (std::size_t i = 1; i < size; ++i) {
            is_good = is_good && (byte(i) & 0xc0) == 0x80;
            point = point << 6 | (byte(i) & 63);
        }
        constexpr unsigned kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
        is_good = is_good && byte(0) < 0xf8 && point >= kLeast[size] && point < 0x110000 &&
                  (point < 0xd800 || point > 0xdfff);
        if (!is_good) size = 1;
        good += is_good ? text.substr(0, size) : "\xef\xbf\xbd";
        text.remove_prefix(size);
    }
    return good;
}

// Each piece is a control byte and what is said: its stream, its length, whether the line is shown after it.
struct Spoken {
    std::string records;
    Said said;
};

Spoken speak(Driver driver, std::string_view input) {
    SinkOptions options;
    options.driver = driver;
    auto format = make_format(options, "c1");
    const WallTime time = std::chrono::seconds(1767323045) + std::chrono::nanoseconds(6);
    std::vector<char> memory(format->record_bound());
    Spoken spoken;
    std::array<bool, 2> is_open{};
    while (!input.empty()) {
        auto control = static_cast<unsigned char>(input[0]);
        std::string text(input.substr(1, control & 31));
        input.remove_prefix(1 + text.size());
        // Longer than a record, now and then.
        if ((control & 0x60) == 0x60 && !text.empty()) text.append(kRecordSizeMax - 20, text.back());
        Chunk chunk;
        chunk.stream = control & 0x80 ? Stream::err : Stream::out;
        chunk.time = time;
        for (chunk.bytes = text; !chunk.bytes.empty();) {
            Room room;
            room.memory = memory;
            room.size_max = control & 0x40 ? 200 : memory.size();
            Formatted done = format->format(chunk, room);
            URC_CHECK(done.consumed + done.size > 0 && done.size <= memory.size());
            spoken.records.append(memory.data(), done.size);
            chunk.bytes.remove_prefix(done.consumed);
        }
        bool is_err = chunk.stream == Stream::err;
        spoken.said.of(is_err) += text;
        if (!text.empty()) is_open[is_err] = text.back() != '\n';
        if ((control & 0x60) == 0x20) {
            std::size_t size = format->end_line(chunk.stream, time, Ending::partial, memory);
            spoken.records.append(memory.data(), size);
            URC_CHECK(!format->has_unfinished(chunk.stream));
        }
    }
    for (Stream stream : {Stream::out, Stream::err}) {
        std::size_t size = format->end_line(stream, time, Ending::full, memory);
        URC_CHECK((size > 0) == is_open[stream == Stream::err]);
        spoken.records.append(memory.data(), size);
        if (size > 0) spoken.said.of(stream == Stream::err) += '\n';
    }
    return spoken;
}

void check(std::string_view input) {
    Spoken k8s = speak(Driver::k8s_file, input);
    URC_CHECK(read_k8s(k8s.records).text == k8s.said.text);
    Spoken json = speak(Driver::json_file, input);
    Said said = read_json(json.records);
    for (std::size_t i = 0; i < 2; ++i) URC_CHECK(said.text[i] == repaired(json.said.text[i]));
}

}  // namespace
}  // namespace urc::relay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    urc::relay::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
