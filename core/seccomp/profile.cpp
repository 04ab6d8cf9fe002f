// linux.seccomp read with simdjson. The path of an error is put together while the readers return: each level
// adds its own name in front, so that a good profile pays nothing for the messages.
#include "core/seccomp/profile.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <optional>

#ifndef SIMDJSON_EXCEPTIONS
#define SIMDJSON_EXCEPTIONS 0
#endif
#include <simdjson.h>

#include "core/seccomp/words.h"

namespace urc::seccomp {
namespace {

namespace od = simdjson::ondemand;

constexpr std::uint64_t kErrnoMax = 4095;       // MAX_ERRNO: the kernel cuts larger ones to it
constexpr std::uint64_t kTraceDataMax = 65535;  // SECCOMP_RET_DATA: any 16 bits, for the tracer to read

// What is wrong and where: "syscalls[3].action", built from the inside out.
struct Problem {
    std::string path;
    std::string text;
};

bool fail(Problem& problem, std::string text) {
    problem.text = std::move(text);
    return false;
}

bool inside(Problem& problem, const std::string& name) {
    problem.path =
        problem.path.empty() || problem.path[0] == '[' ? name + problem.path : name + "." + problem.path;
    return false;
}

// For messages: printable, short, whatever the document says.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text.substr(0, 64)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
    return out + (text.size() > 64 ? "...\"" : "\"");
}

bool read(Problem& problem, od::value& value, std::string_view& out) {
    return !value.get_string().get(out) || fail(problem, "not a string");
}

bool read(Problem& problem, od::value& value, std::string& out) {
    std::string_view text;
    if (!read(problem, value, text)) return false;
    out = text;
    return true;
}

bool read(Problem& problem, od::value& value, std::uint64_t& out, std::uint64_t max = ~std::uint64_t{0}) {
    if (value.get_uint64().get(out)) return fail(problem, "not an unsigned number of 64 bits");
    return out <= max || fail(problem, std::to_string(out) + " is more than " + std::to_string(max));
}

template <typename Lookup, typename T>
bool read_word(Problem& problem, od::value& value, Lookup lookup, std::string_view what, T& out) {
    std::string_view word;
    if (!read(problem, value, word)) return false;
    auto found = lookup(word);
    if (!found) return fail(problem, "unknown " + std::string(what) + " " + quoted(word));
    out = *found;
    return true;
}

// each(value, index) for every element.
template <typename Each>
bool read_array(Problem& problem, od::value& value, Each each) {
    od::array array;
    if (value.get_array().get(array)) return fail(problem, "not an array");
    std::size_t index = 0;
    for (auto item : array) {
        od::value element;
        if (std::move(item).get(element)) return fail(problem, "broken JSON");
        if (!each(element, index)) return inside(problem, "[" + std::to_string(index) + "]");
        ++index;
    }
    return true;
}

// each(key, value) for every member that is not null: to Go, whose habits the documents follow, null is
// "not given".
template <typename Each>
bool read_members(Problem& problem, od::object object, Each each) {
    for (auto item : object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) || field.unescaped_key().get(key)) return fail(problem, "broken JSON");
        bool is_null = false;
        if (field.value().is_null().get(is_null)) return fail(problem, "broken JSON");
        if (!is_null && !each(key, field.value())) return inside(problem, std::string(key.substr(0, 64)));
    }
    return true;
}

struct Argument {
    std::uint64_t index = 0, value = 0, value_two = 0;
    std::optional<Op> op;
};

bool read_argument(Problem& problem, od::value& value, Argument& out) {
    od::object object;
    if (value.get_object().get(object)) return fail(problem, "not an object");
    if (!read_members(problem, object, [&](std::string_view key, od::value& member) {
            if (key == "index") return read(problem, member, out.index, kArgumentsMax - 1);
            if (key == "value") return read(problem, member, out.value);
            if (key == "valueTwo") return read(problem, member, out.value_two);
            if (key == "op") return read_word(problem, member, op_by_name, "operator", out.op);
            return true;
        }))
        return false;
    return out.op.has_value() || fail(problem, "op is missing");
}

Condition make_condition(const Argument& argument) {
    Condition condition{.argument = static_cast<unsigned>(argument.index), .op = *argument.op};
    if (condition.op == Op::masked_eq) {
        condition.mask = argument.value;
        condition.datum = argument.value_two & argument.value;
    } else {
        condition.datum = argument.value;
    }
    return condition;
}

std::vector<Conditions> make_alternatives(const std::vector<Argument>& arguments) {
    std::array<unsigned, kArgumentsMax> used{};
    for (const Argument& argument : arguments) ++used[argument.index];
    bool is_one_each = std::ranges::all_of(used, [](unsigned n) { return n <= 1; });

    std::vector<Conditions> alternatives;
    if (is_one_each) alternatives.emplace_back();
    for (const Argument& argument : arguments) {
        if (!is_one_each) alternatives.emplace_back();
        alternatives.back().push_back(make_condition(argument));
    }
    for (Conditions& all : alternatives) std::ranges::sort(all, {}, &Condition::argument);
    return alternatives;
}

// The action with its data: an errno, or a number for the tracer.
bool with_data(Problem& problem, std::uint32_t& action, std::optional<std::uint64_t> data, const char* key) {
    bool is_errno = action == SECCOMP_RET_ERRNO;
    std::uint64_t max = is_errno ? kErrnoMax : kTraceDataMax;
    if (data && *data > max && (is_errno || action == SECCOMP_RET_TRACE)) {
        fail(problem, std::to_string(*data) + " is more than " + std::to_string(max));
        return inside(problem, key);
    }
    if (is_errno || action == SECCOMP_RET_TRACE) action |= static_cast<std::uint32_t>(data.value_or(EPERM));
    return true;
}

bool read_rule(Problem& problem, od::value& value, Rule& rule) {
    od::object object;
    if (value.get_object().get(object)) return fail(problem, "not an object");
    std::optional<std::uint32_t> action;
    std::optional<std::uint64_t> data;
    std::vector<Argument> arguments;
    if (!read_members(problem, object, [&](std::string_view key, od::value& member) {
            if (key == "action") return read_word(problem, member, action_by_name, "action", action);
            if (key == "errnoRet") return read(problem, member, data.emplace(), UINT32_MAX);
            if (key == "names") {
                rule.names.clear();
                return read_array(problem, member, [&](od::value& name, std::size_t) {
                    if (!read(problem, name, rule.names.emplace_back())) return false;
                    return !rule.names.back().empty() || fail(problem, "the name of a syscall is empty");
                });
            }
            if (key == "args") {
                arguments.clear();
                return read_array(problem, member, [&](od::value& argument, std::size_t) {
                    return read_argument(problem, argument, arguments.emplace_back());
                });
            }
            return true;
        }))
        return false;
    if (!action) return fail(problem, "action is missing");
    rule.action = *action;
    rule.alternatives = make_alternatives(arguments);
    return with_data(problem, rule.action, data, "errnoRet");
}

bool add_architecture(Problem& problem, od::value& value, std::vector<std::uint32_t>& out) {
    std::uint32_t token = 0;
    if (!read_word(problem, value, architecture_by_name, "architecture", token)) return false;
    if (!has_our_byte_order(token))
        return fail(problem, "an architecture of the other byte order cannot be in this machine's filter");
    if (std::ranges::find(out, token) == out.end()) out.push_back(token);
    return true;
}

bool read_section(Problem& problem, od::object object, Profile& out, std::optional<unsigned>& flags) {
    std::optional<std::uint32_t> action;
    std::optional<std::uint64_t> data;
    if (!read_members(problem, object, [&](std::string_view key, od::value& value) {
            if (key == "defaultAction") return read_word(problem, value, action_by_name, "action", action);
            if (key == "defaultErrnoRet") return read(problem, value, data.emplace(), UINT32_MAX);
            if (key == "listenerPath") return read(problem, value, out.listener_path);
            if (key == "listenerMetadata") return read(problem, value, out.listener_metadata);
            if (key == "architectures")
                return read_array(problem, value, [&](od::value& name, std::size_t) {
                    return add_architecture(problem, name, out.architectures);
                });
            if (key == "flags") {
                flags = 0;
                return read_array(problem, value, [&](od::value& name, std::size_t) {
                    unsigned flag = 0;
                    if (!read_word(problem, name, flag_by_name, "flag", flag)) return false;
                    *flags |= flag;
                    return true;
                });
            }
            if (key == "syscalls") {
                out.rules.clear();
                return read_array(problem, value, [&](od::value& rule, std::size_t index) {
                    out.rules.emplace_back().index = index;
                    return read_rule(problem, rule, out.rules.back());
                });
            }
            return true;
        }))
        return false;
    out.is_empty = !action && out.rules.empty();
    if (!out.is_empty && !action) return fail(problem, "defaultAction is missing");
    out.default_action = action.value_or(SECCOMP_RET_ALLOW);
    return with_data(problem, out.default_action, data, "defaultErrnoRet");
}

// What cannot be seen from one value alone.
bool finish(Problem& problem, Profile& profile, std::optional<unsigned> flags) {
    if (profile.default_action == SECCOMP_RET_USER_NOTIF)
        return fail(problem, "SCMP_ACT_NOTIFY cannot be used as default action") ||
               inside(problem, "defaultAction");
    for (Rule& rule : profile.rules) {
        rule.says_nothing = rule.action == profile.default_action;
        if (rule.action != SECCOMP_RET_USER_NOTIF || rule.names.empty()) continue;
        profile.has_notify = true;
        // Whoever loads the filter still has to tell its parent about the descriptor, and does so by
        // write(2).
        if (std::ranges::find(rule.names, "write") == rule.names.end()) continue;
        fail(problem, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
        return inside(problem, "syscalls[" + std::to_string(rule.index) + "]");
    }
    constexpr unsigned kAlways = SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    constexpr unsigned kListening = kAlways | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    profile.flags =
        flags.value_or(SECCOMP_FILTER_FLAG_SPEC_ALLOW) & (profile.has_notify ? kListening : kAlways);
    if (profile.has_notify) profile.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return true;
}

}  // namespace

Result<Profile> parse_profile(std::string_view section) {
    Profile profile;
    profile.architectures.push_back(seccomp_arch_native());  // always there, as in every libseccomp filter
    Problem problem;
    od::parser parser;
    simdjson::padded_string text(section);
    od::document document;
    od::object object;
    std::optional<unsigned> flags;
    if (parser.iterate(text).get(document) || document.get_object().get(object))
        return Error::message("linux.seccomp: not a JSON object");
    if (!read_section(problem, object, profile, flags) || !finish(problem, profile, flags)) {
        inside(problem, "linux.seccomp");
        return Error::message(problem.path + ": " + problem.text);
    }
    const char* rest = nullptr;
    if (!document.current_location().get(rest))
        return Error::message("linux.seccomp: more than one JSON value");
    return profile;
}

}  // namespace urc::seccomp
