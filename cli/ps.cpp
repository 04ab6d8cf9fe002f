// urc ps ID [PS OPTIONS]: ps(1)'s table, or the bare numbers as JSON.
#include "cli/command.h"
#include "core/json_writer.h"

namespace urc::cli {
namespace {

std::string pids_json(const std::vector<pid_t>& pids) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (pid_t pid : pids) json.number(pid);
    json.end_array();
    out += '\n';
    return out;
}

}  // namespace

int ps_command(Session& session) {
    std::string format = "table";
    OptionSet options;
    options.text("format", 'f', format, "\"table\" (default) or \"json\"");
    if (auto status = session.begin(options)) return *status;
    if (format == "json") {
        auto numbers = pids(session.global(), session.argument(0));
        return numbers ? session.answer(pids_json(*numbers)) : session.fail(numbers.error());
    }
    if (format != "table") return session.fail(Error::message("invalid format option: \"" + format + "\""));
    std::vector<std::string> ps_options;
    for (std::size_t i = 1; i < session.arguments(); ++i) ps_options.push_back(session.argument(i));
    auto table = ps_table(session.global(), session.argument(0), ps_options);
    return table ? session.answer(*table) : session.fail(table.error());
}

}  // namespace urc::cli
