// HTTP/1.1 as far as rootlesskit's API and its clients need it (RFC 9112): requests from bytes as they come,
// and answers as bytes. No sockets here.
//
//   feed() --> request line --> header lines --> body by Content-Length, or chunked --> complete
//                  `--------------- problem(): answered, and the connection is closed
//
// Everything is bounded. What can be read in two ways is refused, as a body with two lengths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace urc::ports::rootlesskit {

struct HttpRequest {
    std::string method;
    std::string path;  // without the query
    std::string body;
    bool is_old = false;  // HTTP/1.0
    bool keeps_alive = true;
};

class HttpReader {
public:
    // The request line and all header lines, or a chunk's line or all trailers.
    static constexpr std::size_t kHeadMax = 16 << 10;
    static constexpr std::size_t kBodyMax = 64 << 10;

    enum class State : std::uint8_t { reads, complete, bad };

    // Takes bytes as they come. What follows a complete request is kept for the next one.
    State feed(std::string_view bytes);
    State state() const noexcept { return state_; }

    // Of a complete request; then next() goes on with what is there already.
    const HttpRequest& request() const noexcept { return request_; }
    State next();

    // Of a bad one: a status line's number and words, such as "400 Bad Request".
    std::string_view problem() const noexcept { return problem_; }

    // Whether something of a request has come.
    bool has_begun() const noexcept { return part_ != Part::request_line || !held_.empty(); }
    // True once, when the client waits to be told that it may send the body (Expect: 100-continue).
    bool take_expectation() noexcept;

private:
    enum class Part : std::uint8_t { request_line, header, body, chunk_size, chunk, chunk_end, trailer };

    State advance();
    bool step();
    std::optional<std::string_view> take_line(std::size_t& at);
    bool fail(std::string_view problem);
    bool take_request_line(std::string_view line);
    bool take_header(std::string_view line);
    bool take_length(std::string_view value);
    bool take_chunk_size(std::string_view line);
    bool end_head();
    bool complete();

    HttpRequest request_;
    std::string held_;
    std::string problem_;
    std::size_t head_size_ = 0;
    std::size_t left_ = 0;  // of the body or the chunk
    std::optional<std::size_t> length_;
    State state_ = State::reads;
    Part part_ = Part::request_line;
    bool is_chunked_ = false;
    bool has_host_ = false;
    bool expects_ = false;
};

struct HttpResponse {
    int status = 200;
    std::string_view content_type;  // empty: none is said, and there is no body
    std::string body;
};

// The whole answer; without its body to a HEAD. `time` is for the Date.
std::string response_text(const HttpResponse& response, const HttpRequest& request, std::time_t time);
// To a bad request.
std::string problem_text(std::string_view problem);

// `Sat, 28 Nov 2026 02:27:41 GMT`
std::string http_date(std::time_t time);

}  // namespace urc::ports::rootlesskit
