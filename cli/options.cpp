#include "cli/options.h"

#include <algorithm>

// CLI11's parts only: its single header also brings the readers of configuration files.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "core/number.h"

namespace urc::cli {
namespace {

Error usage(std::string_view text) {
    return Error::message(text);
}

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::optional<bool> parse_bool(std::string_view text) {
    for (const char* word : {"true", "TRUE", "True", "t", "T", "1"})
        if (text == word) return true;
    for (const char* word : {"false", "FALSE", "False", "f", "F", "0"})
        if (text == word) return false;
    return std::nullopt;
}

std::string not_a_number(const char* name, std::string_view value) {
    return "invalid value " + in_quotes(value) + " for flag -" + name +
           ": expected a number from 0 to 4294967295";
}

bool is_help(std::string_view word) {
    return word == "--help" || word == "-help" || word == "-h";
}

}  // namespace

void OptionSet::flag(const char* name, char letter, bool& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}
void OptionSet::flag(const char* name, char letter, std::optional<bool>& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}
void OptionSet::text(const char* name, char letter, std::string& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}
void OptionSet::text(const char* name, char letter, std::optional<std::string>& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}
void OptionSet::number(const char* name, char letter, unsigned& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}
void OptionSet::numbers(const char* name, char letter, std::vector<unsigned>& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}
void OptionSet::texts(const char* name, char letter, std::vector<std::string>& target, const char* help) {
    options_.push_back({name, letter, help, &target});
}

const OptionSet::Option* OptionSet::find(std::string_view name) const {
    for (const Option& option : options_)
        if (option.name == name) return &option;
    return nullptr;
}

const OptionSet::Option* OptionSet::find(char letter) const {
    for (const Option& option : options_)
        if (option.letter == letter) return &option;
    return nullptr;
}

// A word such as "-qb": letters of flags, the last of which may want a value ("-bDIR", "-b DIR").
Result<void> OptionSet::read_letters(std::string_view letters, std::span<const std::string>& rest,
                                     std::vector<Given>& given) const {
    while (!letters.empty()) {
        const Option* option = find(letters[0]);
        if (!option) return usage("flag provided but not defined: -" + std::string(1, letters[0]));
        letters.remove_prefix(1);
        if (option->is_flag()) {
            given.push_back({option, "true"});
        } else if (!letters.empty()) {
            given.push_back({option, std::string(letters)});
            return {};
        } else {
            if (rest.empty()) return usage("flag needs an argument: -" + std::string(1, option->letter));
            given.push_back({option, rest[0]});
            rest = rest.subspan(1);
        }
    }
    return {};
}

// Takes the option at the start of `rest`, and its value.
Result<void> OptionSet::read_option(std::span<const std::string>& rest, std::vector<Given>& given) const {
    const std::string_view word = rest[0];
    rest = rest.subspan(1);
    const bool has_two_dashes = word.starts_with("--");
    const std::string_view body = word.substr(has_two_dashes ? 2 : 1);
    const std::size_t equals = body.find('=');
    const std::string_view name = body.substr(0, equals);
    const Option* option = name.size() == 1 && !has_two_dashes ? find(name[0]) : find(name);
    if (!option) {
        if (!has_two_dashes && find(body[0])) return read_letters(body, rest, given);
        return usage("flag provided but not defined: -" + std::string(name));
    }
    if (equals != body.npos) {
        given.push_back({option, std::string(body.substr(equals + 1))});
    } else if (option->is_flag()) {
        given.push_back({option, "true"});
    } else {
        if (rest.empty()) return usage("flag needs an argument: -" + std::string(name));
        given.push_back({option, rest[0]});
        rest = rest.subspan(1);
    }
    return {};
}

Result<Parsed> OptionSet::parse(std::span<const std::string> words, Placement placement) const {
    Parsed parsed;
    std::vector<Given> given;
    bool is_options_over = false;
    while (!words.empty()) {
        const std::string_view word = words[0];
        if (!is_options_over && word == "--") {
            is_options_over = true;
            words = words.subspan(1);
        } else if (is_options_over || word.size() < 2 || word[0] != '-') {
            parsed.arguments.emplace_back(word);
            is_options_over = is_options_over || placement == Placement::before_arguments;
            words = words.subspan(1);
        } else if (is_help(word)) {
            parsed.wants_help = true;
            return parsed;
        } else if (auto read = read_option(words, given); !read) {
            // --log in front of what is wrong says where the complaint goes.
            if (!given.empty()) (void)store(given);
            return std::move(read).error();
        }
    }
    if (!given.empty()) URC_TRY_VOID(store(given));
    return parsed;
}

std::string OptionSet::assign(const Option& option, const std::vector<std::string>& values) {
    const std::string& last = values.back();
    if (option.is_flag()) {
        auto value = parse_bool(last);
        if (!value) return "invalid boolean value " + in_quotes(last) + " for -" + option.name;
        if (auto* flag = std::get_if<bool*>(&option.target)) **flag = *value;
        if (auto* flag = std::get_if<std::optional<bool>*>(&option.target)) **flag = *value;
    } else if (auto* number = std::get_if<unsigned*>(&option.target)) {
        auto value = parse_number<unsigned>(last);
        if (!value) return not_a_number(option.name, last);
        **number = *value;
    } else if (auto* numbers = std::get_if<std::vector<unsigned>*>(&option.target)) {
        for (const std::string& text : values) {
            auto value = parse_number<unsigned>(text);
            if (!value) return not_a_number(option.name, text);
            (*numbers)->push_back(*value);
        }
    } else if (auto* text = std::get_if<std::string*>(&option.target)) {
        **text = last;
    } else if (auto* optional = std::get_if<std::optional<std::string>*>(&option.target)) {
        **optional = last;
    } else {
        *std::get<std::vector<std::string>*>(option.target) = values;
    }
    return {};
}

Result<void> OptionSet::store(const std::vector<Given>& given) {
    std::vector<std::string> words;
    std::vector<const Option*> declared;
    std::string wrong;
    try {
        CLI::App app;
        app.set_help_flag();
        for (const auto& [option, value] : given) {
            words.push_back("--" + std::string(option->name));
            words.push_back(value);
            if (std::find(declared.begin(), declared.end(), option) != declared.end()) continue;
            declared.push_back(option);
            const CLI::callback_t take = [option = option, &wrong](const CLI::results_t& values) {
                if (wrong.empty()) wrong = assign(*option, values);
                return true;
            };
            app.add_option(words[words.size() - 2], take)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                ->allow_extra_args(false);
        }
        std::reverse(words.begin(), words.end());  // CLI11 takes the words from the end of the vector
        app.parse(words);
    } catch (const CLI::Error& error) {
        return usage(error.what());
    }
    if (!wrong.empty()) return usage(wrong);
    return {};
}

std::string OptionSet::help() const {
    std::vector<std::pair<std::string, std::string_view>> rows;
    std::size_t width = 0;
    for (const Option& option : options_) {
        const char* value = option.is_flag() ? "" : " value";
        std::string names = "--" + std::string(option.name) + value;
        if (option.letter) names += std::string(", -") + option.letter + value;
        width = std::max(width, names.size());
        rows.emplace_back(std::move(names), option.help);
    }
    rows.emplace_back("--help, -h", "show help");
    width = std::max(width, rows.back().first.size());
    std::string text;
    for (const auto& [names, help] : rows) {
        text += "   " + names + std::string(width - names.size() + 2, ' ');
        text += help;
        text += '\n';
    }
    return text;
}

}  // namespace urc::cli
