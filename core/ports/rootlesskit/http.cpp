#include "core/ports/rootlesskit/http.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "core/number.h"

namespace urc::ports::rootlesskit {

namespace {

constexpr std::string_view kBadRequest = "400 Bad Request";
constexpr std::string_view kTooLarge = "413 Request Entity Too Large";
constexpr std::string_view kHeadTooLarge = "431 Request Header Fields Too Large";

bool is_token(std::string_view text) {
    static constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               kOther.find(c) != kOther.npos;
    });
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c == '\t' || (c != 0x7f && static_cast<unsigned char>(c) >= ' ');
    });
}

bool is_same_word(std::string_view one, std::string_view other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](char a, char b) {
        const auto lowered = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
        return lowered(a) == lowered(b);
    });
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Whether `word` is one of a list that commas separate.
bool has_word(std::string_view list, std::string_view word) {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (is_same_word(trimmed(list.substr(0, comma)), word)) return true;
        if (comma == list.npos) return false;
        list.remove_prefix(comma + 1);
    }
}

std::string_view reason_of(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 400:
            return "Bad Request";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        default:
            return "Internal Server Error";
    }
}

}  // namespace

HttpReader::State HttpReader::feed(std::string_view bytes) {
    held_ += bytes;
    return advance();
}

HttpReader::State HttpReader::next() {
    std::string rest = std::move(held_);
    *this = HttpReader();
    held_ = std::move(rest);
    return advance();
}

bool HttpReader::take_expectation() noexcept {
    const bool waits = part_ == Part::body || part_ == Part::chunk_size;
    if (state_ != State::reads || !waits || !held_.empty()) return false;
    return std::exchange(expects_, false);
}

HttpReader::State HttpReader::advance() {
    while (state_ == State::reads && step()) {
    }
    return state_;
}

// False when more bytes are needed, or it is over.
bool HttpReader::step() {
    if (part_ == Part::body || part_ == Part::chunk) {
        const std::size_t size = std::min(left_, held_.size());
        request_.body.append(held_, 0, size);
        held_.erase(0, size);
        left_ -= size;
        if (left_ > 0) return false;
        if (part_ == Part::body) return complete();
        part_ = Part::chunk_end;
        return true;
    }
    std::size_t at = 0;
    const auto line = take_line(at);
    if (!line) return false;
    bool goes_on = false;
    switch (part_) {
        case Part::request_line:
            // Some clients send an empty line too many behind a body.
            goes_on = line->empty() || take_request_line(*line);
            break;
        case Part::header:
            goes_on = line->empty() ? end_head() : take_header(*line);
            break;
        case Part::chunk_size:
            goes_on = take_chunk_size(*line);
            break;
        case Part::chunk_end:
            goes_on = line->empty() || fail(kBadRequest);
            part_ = Part::chunk_size;
            head_size_ = 0;
            break;
        default:
            // What trailers say is of no use here.
            goes_on = line->empty() ? complete() : true;
            break;
    }
    held_.erase(0, at);
    return goes_on;
}

// The next line without its end; `at` is where it is over. None: it is not complete, or too long.
std::optional<std::string_view> HttpReader::take_line(std::size_t& at) {
    const std::size_t end = held_.find('\n');
    const std::size_t size = end == held_.npos ? held_.size() : end + 1;
    if (head_size_ + size > kHeadMax) {
        fail(kHeadTooLarge);
        return {};
    }
    if (end == held_.npos) return {};
    head_size_ += size;
    at = size;
    std::string_view line(held_.data(), end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

bool HttpReader::fail(std::string_view problem) {
    problem_ = problem;
    state_ = State::bad;
    return false;
}

bool HttpReader::take_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || first == last) return fail(kBadRequest);
    const std::string_view method = line.substr(0, first);
    std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method) || !is_printable(target) || target.find(' ') != target.npos)
        return fail(kBadRequest);
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return fail(kBadRequest);
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return fail("505 HTTP Version Not Supported: unsupported protocol version");
    // To a proxy the target is said with the host in front.
    if (target.starts_with("http://")) {
        target.remove_prefix(std::min(target.find('/', 7), target.size()));
        if (target.empty()) target = "/";
    }
    if (!target.starts_with('/')) return fail(kBadRequest);
    request_.method = method;
    request_.path = target.substr(0, target.find_first_of("?#"));
    request_.is_old = version == "HTTP/1.0";
    request_.keeps_alive = !request_.is_old;
    part_ = Part::header;
    return true;
}

bool HttpReader::take_header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return fail(kBadRequest);
    // With a blank in it, it may be the rest of the line before.
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(name) || !is_printable(value)) return fail(kBadRequest);
    if (is_same_word(name, "Content-Length")) return take_length(value);
    if (is_same_word(name, "Transfer-Encoding")) {
        if (is_chunked_ || !is_same_word(value, "chunked"))
            return fail("501 Not Implemented: Unsupported transfer encoding");
        is_chunked_ = true;
    } else if (is_same_word(name, "Host")) {
        if (has_host_) return fail("400 Bad Request: too many Host headers");
        has_host_ = true;
    } else if (is_same_word(name, "Connection")) {
        if (has_word(value, "close"))
            request_.keeps_alive = false;
        else if (has_word(value, "keep-alive") && request_.is_old)
            request_.keeps_alive = true;
    } else if (is_same_word(name, "Expect")) {
        expects_ = is_same_word(value, "100-continue");
    }
    return true;
}

bool HttpReader::take_length(std::string_view value) {
    const auto length = parse_number<std::size_t>(value);
    if (!length || (length_ && *length_ != *length)) return fail(kBadRequest);
    length_ = length;
    return true;
}

bool HttpReader::end_head() {
    if (!has_host_ && !request_.is_old) return fail("400 Bad Request: missing required Host header");
    // Two lengths: somebody between us and the client may believe the other one.
    if (is_chunked_ && (length_ || request_.is_old)) return fail(kBadRequest);
    if (length_.value_or(0) > kBodyMax) return fail(kTooLarge);
    head_size_ = 0;
    left_ = length_.value_or(0);
    part_ = is_chunked_ ? Part::chunk_size : Part::body;
    return true;
}

bool HttpReader::take_chunk_size(std::string_view line) {
    const std::string_view digits = trimmed(line.substr(0, line.find(';')));
    const auto size = parse_number<std::size_t>(digits, SIZE_MAX, 16);
    if (!size) return fail(kBadRequest);
    if (*size > kBodyMax - request_.body.size()) return fail(kTooLarge);
    left_ = *size;
    part_ = *size == 0 ? Part::trailer : Part::chunk;
    if (*size == 0) head_size_ = 0;
    return true;
}

bool HttpReader::complete() {
    state_ = State::complete;
    return false;
}

std::string http_date(std::time_t time) {
    constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    ::gmtime_r(&time, &utc);
    const auto two = [](int number) {
        std::string digits = std::to_string(number);
        return digits.size() < 2 ? "0" + digits : digits;
    };
    std::string text;
    text += kDays[static_cast<std::size_t>(utc.tm_wday)];
    text += ", " + two(utc.tm_mday) + " ";
    text += kMonths[static_cast<std::size_t>(utc.tm_mon)];
    text += " " + std::to_string(utc.tm_year + 1900) + " " + two(utc.tm_hour) + ":" + two(utc.tm_min) + ":" +
            two(utc.tm_sec) + " GMT";
    return text;
}

std::string response_text(const HttpResponse& response, const HttpRequest& request, std::time_t time) {
    std::string text = request.is_old ? "HTTP/1.0 " : "HTTP/1.1 ";
    text += std::to_string(response.status) + " ";
    text += reason_of(response.status);
    text += "\r\n";
    if (!response.content_type.empty()) {
        text += "Content-Type: ";
        text += response.content_type;
        text += "\r\n";
    }
    text += "Date: " + http_date(time) + "\r\n";
    text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    if (!request.keeps_alive)
        text += "Connection: close\r\n";
    else if (request.is_old)
        text += "Connection: keep-alive\r\n";
    text += "\r\n";
    if (request.method != "HEAD") text += response.body;
    return text;
}

std::string problem_text(std::string_view problem) {
    std::string text = "HTTP/1.1 ";
    text += problem;
    text += "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";
    text += problem;
    return text;
}

}  // namespace urc::ports::rootlesskit
