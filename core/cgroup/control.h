// Control files of one cgroup directory: small reads and single writes, relative to its O_PATH descriptor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/cgroup/cgroup.h"
#include "uring/result.h"

namespace urc::cgroup {

// The decimal text of a number, without allocating.
class Number {
public:
    template <typename Integer>
    requires std::is_integral_v<Integer> Number(Integer value) {  // NOLINT(*-explicit-*)
        bool is_negative = value < 0;
        auto rest = static_cast<std::uint64_t>(value);
        if (is_negative) rest = 0 - rest;
        do {
            *--start_ = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (is_negative) *--start_ = '-';
    }
    Number(const Number&) = delete;
    Number& operator=(const Number&) = delete;
    operator std::string_view() const {
        return {start_, static_cast<std::size_t>(end() - start_)};
    }  // NOLINT

private:
    const char* end() const { return text_ + sizeof text_; }
    char text_[24];
    char* start_ = text_ + sizeof text_;
};

// Opens, writes with one write(2), closes; returns an errno, 0 for success. For callers that expect failures.
int try_write(int dir, const char* file, std::string_view value);

// The Error for it: `write: "VALUE" to PATH/FILE: errno text`.
Error write_error(int code, const Directory& directory, std::string_view file, std::string_view value);

// try_write with that Error.
Result<void> write_control(const Directory& directory, const char* file, std::string_view value);

// The whole file without its last newline.
Result<std::string> read_control(int dir, const char* file);

// A file of one short line, by one read(2): at most 4095 bytes are looked at.
Result<std::string> read_line(int dir, const char* file);

// The value of `key` in a file of lines "KEY VALUE"; empty when it is not there.
std::string_view keyed_value(std::string_view lines, std::string_view key);

// Appends the process numbers of cgroup.procs in `dir` and, with its sub-cgroups, below. A directory that
// goes away meanwhile is passed by, as its processes did.
void append_pids(int dir, std::vector<pid_t>& pids);

// The names of the sub-cgroups of `dir`.
std::vector<std::string> child_names(int dir);

}  // namespace urc::cgroup
