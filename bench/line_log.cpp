#include "bench/line_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "uring/file.h"

namespace urc::bench {

namespace {

constexpr std::size_t kDigits = 10;
constexpr std::size_t kChunk = 1 << 20;

std::string_view without_return(std::string_view line, const Lines& lines) {
    if (lines.has_terminal && !line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

}  // namespace

bool has_last_line(int fd, const Lines& lines) {
    struct stat status {};
    char tail[kDigits + 2];
    if (::fstat(fd, &status) < 0 || status.st_size < static_cast<off_t>(sizeof tail)) return false;
    const ssize_t size = ::pread(fd, tail, sizeof tail, status.st_size - static_cast<off_t>(sizeof tail));
    if (size != static_cast<ssize_t>(sizeof tail)) return false;
    std::string_view text(tail, sizeof tail);
    if (text.back() != '\n') return false;
    text = without_return(text.substr(0, text.size() - 1), lines);
    return text.ends_with(fmt::format("{:010}", lines.count - 1));
}

LineChecker::LineChecker(LogFormat format, const Lines& lines) : format_(format), lines_(lines) {
    for (std::size_t i = 0; i + kDigits + 1 < lines.size; ++i) filler_ += static_cast<char>('a' + i % 26);
}

std::string LineChecker::record(std::string_view record) {
    if (format_ == LogFormat::raw) return line(record);
    constexpr std::string_view kOut = " stdout ";
    const std::size_t stream = record.find(' ');
    if (stream == std::string_view::npos || record.substr(stream, kOut.size()) != kOut ||
        record.size() < stream + kOut.size() + 2 || record[stream + kOut.size() + 1] != ' ')
        return fmt::format("after line {}: not a record of stdout: {}", next_, record.substr(0, 100));
    const char tag = record[stream + kOut.size()];
    const std::string_view text = record.substr(stream + kOut.size() + 2);
    if (tag == 'P') {
        partial_ += text;
        return {};
    }
    if (tag != 'F') return fmt::format("after line {}: a record with the tag {}", next_, tag);
    if (partial_.empty()) return line(text);
    partial_ += text;
    std::string whole;
    whole.swap(partial_);
    return line(whole);
}

std::string LineChecker::line(std::string_view text) {
    text = without_return(text, lines_);
    std::uint64_t number = 0;
    const bool has_shape = text.size() == lines_.size - 1 && text.starts_with(filler_);
    const char* digits = text.data() + filler_.size();
    if (!has_shape || std::from_chars(digits, text.data() + text.size(), number).ptr != digits + kDigits)
        return fmt::format("line {} is damaged ({} bytes): {}", next_, text.size(), text.substr(0, 200));
    if (number != next_) return fmt::format("line {} stands where line {} should be", number, next_);
    ++next_;
    return {};
}

std::string LineChecker::finish() const {
    if (!partial_.empty()) return fmt::format("line {} has no end", next_);
    if (next_ != lines_.count) return fmt::format("{} lines of {}", next_, lines_.count);
    return {};
}

Result<void> check_log(const std::string& path, LogFormat format, const Lines& lines) {
    URC_TRY(const Fd fd, open_at(AT_FDCWD, path.c_str(), O_RDONLY));
    LineChecker checker(format, lines);
    std::vector<char> buffer(kChunk);
    std::string kept;  // the beginning of a record whose end is not read yet
    for (;;) {
        const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
        if (size < 0) return Error::last("read", path);
        if (size == 0) break;
        std::string_view rest(buffer.data(), static_cast<std::size_t>(size));
        for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;) {
            kept += rest.substr(0, kept.empty() ? 0 : end);
            const std::string problem = checker.record(kept.empty() ? rest.substr(0, end) : kept);
            if (!problem.empty()) return Error::message("log: " + problem);
            kept.clear();
            rest.remove_prefix(end + 1);
        }
        kept += rest;
    }
    std::string problem = checker.finish();
    if (problem.empty() && !kept.empty()) problem = "something without a newline at the end";
    if (!problem.empty()) return Error::message("log: " + problem);
    return {};
}

}  // namespace urc::bench
