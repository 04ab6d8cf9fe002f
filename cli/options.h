// OptionSet: the options of one command (or the global ones): declared once, used for parsing and for help.
//
// The command line is runc's, which is Go's flag package plus habits of its callers:
//   -no-subreaper --no-subreaper      one dash or two for a long name (go-runc passes one)
//   --bundle=DIR  --bundle DIR  -b DIR  -b=DIR
//   --keep=false                      a flag may be switched off
//   run ID -d  =  run -d ID           options before and after the arguments, but a command that takes
//   another
//                                     command line (exec, ps, kill) reads them only up to its first argument
//   --env A=1,2                       one value: a comma separates nothing
//
// This file takes those spellings apart; CLI11 is then given only the options that are really there. In a
// cold process declaring the global options and those of `run` takes 33-55 us and parsing 9-19, declaring and
// parsing two of them 14-27 (2-core VM, Linux 6.18, static, -O2). Start to end CLI11 and the iostreams it
// brings are 14-20 us of 500.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "uring/result.h"

namespace urc::cli {

// Where options may stand.
enum class Placement : unsigned char { anywhere, before_arguments };

struct Parsed {
    std::vector<std::string> arguments;
    bool wants_help = false;
};

class OptionSet {
public:
    // `letter` 0: none. Names and texts must be literals. The targets keep their value when the option is
    // absent; given twice, the last one counts.
    void flag(const char* name, char letter, bool& target, const char* help);
    void flag(const char* name, char letter, std::optional<bool>& target, const char* help);
    void text(const char* name, char letter, std::string& target, const char* help);
    void text(const char* name, char letter, std::optional<std::string>& target, const char* help);
    void number(const char* name, char letter, unsigned& target, const char* help);
    void numbers(const char* name, char letter, std::vector<unsigned>& target, const char* help);
    void texts(const char* name, char letter, std::vector<std::string>& target, const char* help);

    // `words` are those after the program or command name. An Error is a usage error, worded as Go does it.
    // `--help` and `-h` always exist; what else is on the line then does not matter.
    Result<Parsed> parse(std::span<const std::string> words, Placement placement) const;

    // One line an option, indented and aligned, `--help` at the end.
    std::string help() const;

private:
    using Target = std::variant<bool*, std::optional<bool>*, std::string*, std::optional<std::string>*,
                                unsigned*, std::vector<unsigned>*, std::vector<std::string>*>;
    struct Option {
        const char* name;
        char letter;
        const char* help;
        Target target;
        bool is_flag() const {
            return std::holds_alternative<bool*>(target) ||
                   std::holds_alternative<std::optional<bool>*>(target);
        }
    };
    struct Given {
        const Option* option;
        std::string value;  // of a flag: "true" or "false"
    };
    const Option* find(std::string_view name) const;
    const Option* find(char letter) const;
    Result<void> read_option(std::span<const std::string>& rest, std::vector<Given>& given) const;
    Result<void> read_letters(std::string_view letters, std::span<const std::string>& rest,
                              std::vector<Given>& given) const;
    // Empty, or what is wrong with the value.
    static std::string assign(const Option& option, const std::vector<std::string>& values);
    static Result<void> store(const std::vector<Given>& given);

    std::vector<Option> options_;
};

}  // namespace urc::cli
