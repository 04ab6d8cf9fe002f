// urc port list|add|remove ID: the published ports of a container that is there.
#include "cli/command.h"
#include "cli/print.h"
#include "cli/values.h"

namespace urc::cli {
namespace {

int list_command_of(Session& session, const std::string& format, bool has_stats) {
    if (format != "table" && format != "json")
        return session.fail(Error::message("invalid format option: \"" + format + "\""));
    auto listed = list_ports(session.global(), session.argument(1));
    if (!listed) return session.fail(std::move(listed).error().context(session.argument(1)));
    return session.answer(format == "json" ? ports_json(*listed, has_stats)
                                           : ports_table(*listed, has_stats));
}

Result<void> change(Session& session, bool is_added) {
    std::vector<ports::Spec> specs;
    for (std::size_t i = 2; i < session.arguments(); ++i) {
        URC_TRY(const auto more, ports::parse_publish(session.argument(i)));
        specs.insert(specs.end(), more.begin(), more.end());
    }
    if (!is_added) return remove_ports(session.global(), session.argument(1), specs);
    URC_TRY(const auto opened, add_ports(session.global(), session.argument(1), specs));
    for (std::size_t i = 0; i < specs.size(); ++i) URC_TRY_VOID(tell_published(specs[i], opened[i]));
    return {};
}

}  // namespace

int port_command(Session& session) {
    std::string format = "table";
    bool has_stats = false;
    OptionSet options;
    options.text("format", 'f', format, "list: \"table\" (default) or \"json\"");
    options.flag("stats", 0, has_stats, "list: with connections, bytes and errors");
    // A monitor that is started holds nothing of ours.
    PassedOptions passed;
    if (auto status = session.begin(options, passed)) return *status;
    const std::string& what = session.argument(0);
    const bool is_list = what == "list", is_added = what == "add";
    if (!is_list && !is_added && what != "remove")
        return session.fail(Error::message("is none of list, add and remove"));
    if (is_list != (session.arguments() == 2))
        return session.fail(
            Error::message(is_list ? "takes a container alone" : "give a container and a port"));
    if (is_list) return list_command_of(session, format, has_stats);
    auto changed = change(session, is_added);
    return changed ? 0 : session.fail(std::move(changed).error().context(session.argument(1)));
}

}  // namespace urc::cli
