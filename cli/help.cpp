// Help in the shape of runc's: NAME, USAGE, DESCRIPTION, COMMANDS, OPTIONS.
#include <algorithm>

#include "cli/command.h"
#include "core/version.h"

namespace urc::cli {
namespace {

void append_section(std::string& text, std::string_view title, std::string_view body) {
    text += title;
    text += ":\n";
    text += body;
    if (!body.ends_with('\n')) text += '\n';
    text += '\n';
}

std::string command_table() {
    std::size_t width = std::string_view("help, h").size();
    for (const Command& command : commands()) width = std::max(width, command.name.size());
    std::string table;
    auto add = [&](std::string_view name, std::string_view summary) {
        table += "   " + std::string(name) + std::string(width - name.size() + 2, ' ');
        table += summary;
        table += '\n';
    };
    for (const Command& command : commands()) add(command.name, command.summary);
    add("help, h", "show this list, or the help of one command");
    return table;
}

}  // namespace

std::string Session::program_help() const {
    const std::string name(program_);
    std::string text;
    append_section(text, "NAME",
                   "   " + name + " - run containers as the Open Container Initiative describes them");
    text +=
        "A container is made from a bundle: a directory with a configuration, config.json,\n"
        "and the root file system that it names. To make one and run it:\n\n"
        "    # " +
        name + " run -b BUNDLE ID\n\n";
    append_section(text, "USAGE",
                   "   " + name + " [global options] command [command options] [arguments...]");
    append_section(text, "VERSION", "   " + std::string(kVersion));
    append_section(text, "COMMANDS", command_table());
    GlobalOptions globals;
    OptionSet options;
    globals.declare(options);
    append_section(text, "GLOBAL OPTIONS", options.help());
    text.pop_back();
    return text;
}

std::string Session::command_help(const OptionSet& options) const {
    const std::string name = std::string(program_) + " " + std::string(command_->name);
    std::string text;
    append_section(text, "NAME", "   " + name + " - " + std::string(command_->summary));
    std::string usage = "   " + name + " [command options]";
    if (!command_->arguments.empty()) usage += " " + std::string(command_->arguments);
    append_section(text, "USAGE", usage);
    if (!command_->explanation.empty()) text += std::string(command_->explanation) + "\n\n";
    if (!command_->description.empty()) append_section(text, "DESCRIPTION", command_->description);
    append_section(text, "OPTIONS", options.help());
    text.pop_back();
    return text;
}

// `urc help COMMAND` is `urc COMMAND --help`.
int Session::help(std::span<const std::string> topic) {
    if (topic.empty()) return answer(program_help());
    command_ = find_command(topic[0]);
    if (!command_) {
        say("No help topic for '" + topic[0] + "'");
        return 3;
    }
    const std::string wanted = "--help";
    words_ = std::span(&wanted, 1);
    return command_->call(*this);
}

}  // namespace urc::cli
