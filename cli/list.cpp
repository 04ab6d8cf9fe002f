// urc list: a table for people, JSON or bare ids for programs.
#include "cli/command.h"
#include "cli/print.h"

namespace urc::cli {

int list_command(Session& session) {
    std::string format = "table";
    bool is_quiet = false;
    OptionSet options;
    options.text("format", 'f', format, "\"table\" (default) or \"json\"");
    options.flag("quiet", 'q', is_quiet, "print the ids only");
    if (auto status = session.begin(options)) return *status;
    if (format != "table" && format != "json")
        return session.fail(Error::message("invalid format option: \"" + format + "\""));
    auto views = list(session.global());
    if (!views) return session.fail(views.error());
    if (!is_quiet) return session.answer(format == "json" ? list_json(*views) : list_table(*views));
    std::string ids;
    for (const StateView& view : *views) ids += view.id + "\n";
    return session.answer(ids);
}

}  // namespace urc::cli
