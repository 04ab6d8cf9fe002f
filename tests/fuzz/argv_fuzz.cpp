// Fuzzes the command line: words are separated by NUL bytes. Every word must end up somewhere or be refused.
#include <cstddef>
#include <cstdint>

#include "cli/command.h"
#include "cli/create_options.h"
#include "uring/check.h"

namespace {

std::vector<std::string> split(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> words(1);
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == 0)
            words.emplace_back();
        else
            words.back() += static_cast<char>(data[i]);
    }
    return words;
}

void parse(const std::vector<std::string>& words, urc::cli::Placement placement) {
    urc::CreateOptions create;
    urc::cli::PassedOptions passed;
    urc::cli::AttendedOptions attended;
    std::vector<std::string> values;
    bool flag = false;
    urc::cli::OptionSet options;
    urc::cli::declare_create_options(options, create, passed, attended);
    options.texts("env", 'e', values, "");
    options.flag("detach", 'd', flag, "");
    auto parsed = options.parse(words, placement);
    if (!parsed) {
        URC_CHECK(!parsed.error().text().empty());
    } else {
        URC_CHECK(parsed->arguments.size() + values.size() <= words.size());
        // What the log drivers are given comes from the same words.
        auto taken = urc::cli::take_attended_options(passed, attended, create);
        URC_CHECK(taken.ok() || !taken.error().text().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<std::string> words = split(data, size);
    parse(words, urc::cli::Placement::anywhere);
    parse(words, urc::cli::Placement::before_arguments);
    urc::cli::GlobalOptions globals;
    urc::cli::OptionSet options;
    globals.declare(options);
    (void)options.parse(words, urc::cli::Placement::before_arguments);
    return 0;
}
