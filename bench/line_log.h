// The lines that bench/lines.c writes, and whether a log has every one of them, once, in order.
//
//   a b c d ... 0 0 0 0 0 0 0 0 4 2 \n     SIZE bytes together: the alphabet again and again, ten digits
//
// A log is `raw` (the bytes) or `k8s` (records of the CRI: `TIME stdout F TEXT`; those with P are the
// beginning of a line that the next record goes on). From a terminal, every line ends in \r\n.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "uring/result.h"

namespace urc::bench {

enum class LogFormat : std::uint8_t { raw, k8s };

struct Lines {
    std::uint64_t count = 1;
    std::uint32_t size = 100;  // bytes, together with the newline
    bool has_terminal = false;

    std::uint64_t bytes() const { return count * size; }  // as the program wrote them
};

// Whether the last complete line of the log is the last of all. Reads only the end of the file, and can be
// asked while it grows.
bool has_last_line(int fd, const Lines& lines);

// Feeds the whole log through a checker. The Error says which line is wrong, and how.
Result<void> check_log(const std::string& path, LogFormat format, const Lines& lines);

// The checker behind it: records come in, lines are judged.
class LineChecker {
public:
    LineChecker(LogFormat format, const Lines& lines);

    // One record without its newline; empty: fine, otherwise what is wrong with it.
    std::string record(std::string_view record);

    // After the last record.
    std::string finish() const;

private:
    std::string line(std::string_view line);

    LogFormat format_;
    Lines lines_;
    std::string filler_;
    std::string partial_;
    std::uint64_t next_ = 0;
};

}  // namespace urc::bench
