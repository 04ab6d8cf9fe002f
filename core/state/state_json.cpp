// runc's field names where tools look (cAdvisor, inspektor-gadget, hooks): id, init_process_pid,
// init_process_start, created, rootless, config.rootfs, config.labels, config.namespaces, cgroup_paths,
// namespace_paths, external_descriptors, intel_rdt_path. What only urc needs is below "urc".
#include "core/state/state_json.h"

#include "core/json_writer.h"
#include "core/number.h"
#include "core/spec/parse.h"
#include "core/spec/write_resources.h"
#include "core/state/state_reader.h"
#include "core/timestamp.h"
#include "core/version.h"

namespace urc {

using namespace state_json;

namespace {

struct NamespaceWord {
    spec::NamespaceType type;
    const char* runc_word;
    const char* proc_file;
};
constexpr NamespaceWord kNamespaces[] = {
    {spec::NamespaceType::mount, "NEWNS", "mnt"},   {spec::NamespaceType::network, "NEWNET", "net"},
    {spec::NamespaceType::ipc, "NEWIPC", "ipc"},    {spec::NamespaceType::pid, "NEWPID", "pid"},
    {spec::NamespaceType::uts, "NEWUTS", "uts"},    {spec::NamespaceType::cgroup, "NEWCGROUP", "cgroup"},
    {spec::NamespaceType::time, "NEWTIME", "time"}, {spec::NamespaceType::user, "NEWUSER", "user"},
};

std::string_view runc_word(spec::NamespaceType type) {
    for (const NamespaceWord& word : kNamespaces)
        if (word.type == type) return word.runc_word;
    return {};
}

void write_config(JsonWriter& json, const State& state) {
    json.key("config").begin_object();
    json.key("rootfs").string(state.rootfs);
    json.key("version").string(kOciVersion);
    json.key("rootless_cgroups").boolean(state.rootless);
    json.key("labels").begin_array();
    json.string("bundle=" + state.bundle);
    for (const auto& [name, value] : state.annotations) json.string(name + "=" + value);
    json.end_array();
    json.key("namespaces").begin_array();
    for (const spec::Namespace& ns : state.namespaces) {
        json.begin_object();
        json.key("type").string(runc_word(ns.type));
        json.key("path").string(ns.path);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

// Where a tool finds the namespaces of the container, its own or those it shares.
void write_namespace_paths(JsonWriter& json, const State& state) {
    const std::string directory = "/proc/" + std::to_string(state.init.pid) + "/ns/";
    json.key("namespace_paths").begin_object();
    if (state.init.pid > 0)
        for (const NamespaceWord& word : kNamespaces)
            json.key(word.runc_word).string(directory + word.proc_file);
    json.end_object();
}

void write_strings(JsonWriter& json, const char* key, const std::vector<std::string>& strings) {
    json.key(key).begin_array();
    for (const std::string& string : strings) json.string(string);
    json.end_array();
}

// In the form of config.json.
void write_hooks(JsonWriter& json, const char* key, const std::vector<spec::Hook>& hooks) {
    if (hooks.empty()) return;
    json.key(key).begin_array();
    for (const spec::Hook& hook : hooks) {
        json.begin_object();
        json.key("path").string(hook.path);
        write_strings(json, "args", hook.args);
        write_strings(json, "env", hook.env);
        if (hook.timeout_s) json.key("timeout").number(*hook.timeout_s);
        json.end_object();
    }
    json.end_array();
}

void write_own(JsonWriter& json, const State& state) {
    json.key("urc").begin_object();
    json.key("format").number(1);
    json.key("bundle").string(state.bundle);
    if (!state.config_file.empty()) json.key("config").string(state.config_file);
    json.key("owner").number(state.owner);
    if (state.is_restored) json.key("restored").boolean(true);
    json.key("own_keyring").boolean(state.has_own_keyring);
    json.key("pidfd_inode").number(state.init.pidfd_inode);
    json.key("annotations").begin_object();
    for (const auto& [name, value] : state.annotations) json.key(name).string(value);
    json.end_object();
    json.key("systemd_unit").string(state.systemd_unit);
    write_strings(json, "cgroups_made", state.cgroups_made);
    json.key("resources");
    write_resources(json, state.resources);
    if (!state.seccomp_agent.path.empty()) {
        json.key("seccomp_agent").begin_object();
        json.key("path").string(state.seccomp_agent.path);
        json.key("metadata").string(state.seccomp_agent.metadata);
        json.end_object();
    }
    if (!state.rdt.path.empty()) {
        json.key("intel_rdt").begin_object();
        json.key("monitor").string(state.rdt.monitor);
        json.key("made").boolean(state.rdt.is_made);
        json.key("named").boolean(state.rdt.is_named);
        json.end_object();
    }
    write_monitor(json, state);
    if (!state.hooks.empty()) {
        json.key("hooks").begin_object();
        write_hooks(json, "poststart", state.hooks.poststart);
        write_hooks(json, "poststop", state.hooks.poststop);
        json.end_object();
    }
    json.end_object();
}

// ---- reading
// ----------------------------------------------------------------------------------------------------

Result<void> read_pairs(od::value value, std::string_view key,
                        std::vector<std::pair<std::string, std::string>>& into) {
    return each_member(value, key, [&](std::string_view name, od::value member) -> Result<void> {
        std::string own_name(name);  // before text_of(), which reuses the parser's string buffer
        URC_TRY(std::string text, text_of(member, key));
        into.emplace_back(std::move(own_name), std::move(text));
        return {};
    });
}

Result<void> read_namespace(od::value value, State& state) {
    std::string word;
    std::string path;
    URC_TRY_VOID(
        each_member(value, "namespaces", [&](std::string_view name, od::value member) -> Result<void> {
            if (name != "type" && name != "path") return {};
            std::string& target = name == "type" ? word : path;
            URC_TRY(target, text_of(member, "namespaces"));
            return {};
        }));
    for (const NamespaceWord& known : kNamespaces)
        if (word == known.runc_word) state.namespaces.push_back({known.type, path});
    return {};
}

Result<void> read_config(od::value value, State& state) {
    return each_member(value, "config", [&](std::string_view name, od::value member) -> Result<void> {
        if (name == "rootfs") {
            URC_TRY(state.rootfs, text_of(member, "rootfs"));
        } else if (name == "namespaces") {
            return each_element(member, "namespaces",
                                [&](od::value item) { return read_namespace(item, state); });
        }
        return {};
    });
}

Result<void> read_agent(od::value value, SeccompAgent& agent) {
    return each_member(value, "seccomp_agent", [&](std::string_view name, od::value member) -> Result<void> {
        if (name != "path" && name != "metadata") return {};
        std::string& target = name == "path" ? agent.path : agent.metadata;
        URC_TRY(target, text_of(member, "seccomp_agent"));
        return {};
    });
}

// The path of the group is where runc has it, at the top.
Result<void> read_rdt(od::value value, rdt::Group& group) {
    return each_member(value, "intel_rdt", [&](std::string_view name, od::value member) -> Result<void> {
        if (name == "monitor") {
            URC_TRY(group.monitor, text_of(member, "intel_rdt"));
        } else if (name == "made" || name == "named") {
            bool& target = name == "made" ? group.is_made : group.is_named;
            if (member.get_bool().get(target)) return bad("intel_rdt");
        }
        return {};
    });
}

Result<void> read_own(od::value value, State& state) {
    return each_member(value, "urc", [&](std::string_view name, od::value member) -> Result<void> {
        if (name == "bundle") {
            URC_TRY(state.bundle, text_of(member, "bundle"));
        } else if (name == "config") {
            URC_TRY(state.config_file, text_of(member, "config"));
        } else if (name == "restored") {
            if (member.get_bool().get(state.is_restored)) return bad("restored");
        } else if (name == "own_keyring") {
            if (member.get_bool().get(state.has_own_keyring)) return bad("own_keyring");
        } else if (name == "owner") {
            URC_TRY(state.owner, number_of<uid_t>(member, "owner"));
        } else if (name == "pidfd_inode") {
            URC_TRY(state.init.pidfd_inode, number_of<std::uint64_t>(member, "pidfd_inode"));
        } else if (name == "systemd_unit") {
            URC_TRY(state.systemd_unit, text_of(member, "systemd_unit"));
        } else if (name == "annotations") {
            return read_pairs(member, "annotations", state.annotations);
        } else if (name == "seccomp_agent") {
            return read_agent(member, state.seccomp_agent);
        } else if (name == "intel_rdt") {
            return read_rdt(member, state.rdt);
        } else if (name == "notify_socket") {
            URC_TRY(state.notify_socket, text_of(member, "notify_socket"));
        } else if (name == "log") {
            return read_log(member, state);
        } else if (name == "ports") {
            return read_ports(member, state);
        } else if (name == "monitor") {
            return read_monitor(member, state);
        } else if (name == "cgroups_made") {
            return each_element(member, "cgroups_made", [&](od::value item) -> Result<void> {
                URC_TRY(std::string path, text_of(item, "cgroups_made"));
                state.cgroups_made.push_back(std::move(path));
                return {};
            });
        } else if (name == "resources") {
            od::object object;
            std::string_view text;
            if (member.get_object().get(object) || object.raw_json().get(text)) return bad("resources");
            auto resources = parse_resources(text);
            if (!resources.ok()) return bad("resources");
            state.resources = std::move(*resources);
        } else if (name == "hooks") {
            od::object object;
            std::string_view text;
            if (member.get_object().get(object) || object.raw_json().get(text)) return bad("hooks");
            auto hooks = parse_hooks(text);
            if (!hooks.ok()) return bad("hooks");
            state.hooks = std::move(*hooks);
        }
        return {};
    });
}

Result<void> read_descriptors(od::value value, State& state) {
    std::size_t index = 0;
    return each_element(value, "external_descriptors", [&](od::value item) -> Result<void> {
        URC_TRY(std::string name, text_of(item, "external_descriptors"));
        if (index < state.external_descriptors.size()) state.external_descriptors[index++] = std::move(name);
        return {};
    });
}

Result<void> read_member(std::string_view name, od::value member, State& state) {
    if (name == "id") {
        URC_TRY(state.id, text_of(member, "id"));
    } else if (name == "init_process_pid") {
        URC_TRY(state.init.pid, number_of<pid_t>(member, "init_process_pid"));
    } else if (name == "init_process_start") {
        URC_TRY(state.init.start_time, number_of<std::uint64_t>(member, "init_process_start"));
    } else if (name == "created") {
        URC_TRY(std::string text, text_of(member, "created"));
        state.created = parse_rfc3339(text);
    } else if (name == "rootless") {
        if (member.get_bool().get(state.rootless)) return bad("rootless");
    } else if (name == "config") {
        return read_config(member, state);
    } else if (name == "cgroup_paths") {
        return read_pairs(member, "cgroup_paths", state.cgroup_paths);
    } else if (name == "external_descriptors") {
        return read_descriptors(member, state);
    } else if (name == "intel_rdt_path") {
        URC_TRY(state.rdt.path, text_of(member, "intel_rdt_path"));
    } else if (name == "urc") {
        return read_own(member, state);
    }
    return {};
}

}  // namespace

std::string write_state_json(const State& state) {
    std::string out;
    out.reserve(2048);
    JsonWriter json(out);
    json.begin_object();
    json.key("id").string(state.id);
    json.key("init_process_pid").number(state.init.pid);
    json.key("init_process_start").number(state.init.start_time);
    json.key("created").string(rfc3339(state.created, 9));
    write_config(json, state);
    json.key("rootless").boolean(state.rootless);
    json.key("cgroup_paths").begin_object();
    for (const auto& [controller, path] : state.cgroup_paths) json.key(controller).string(path);
    json.end_object();
    write_namespace_paths(json, state);
    json.key("external_descriptors").begin_array();
    for (const std::string& name : state.external_descriptors) json.string(name);
    json.end_array();
    json.key("intel_rdt_path").string(state.rdt.path);
    write_own(json, state);
    json.end_object();
    return out;
}

Result<State> parse_state_json(std::string text) {
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    od::parser parser;
    od::document document;
    od::object object;
    if (parser.iterate(text).get(document) || document.get_object().get(object)) return bad("no JSON object");
    State state;
    bool has_pid = false;
    URC_TRY_VOID(each_member(object, "no JSON object", [&](std::string_view name, od::value member) {
        has_pid = has_pid || name == "init_process_pid";
        return read_member(name, member, state);
    }));
    if (!has_pid || state.id.empty()) return bad("no id or no init_process_pid");
    return state;
}

}  // namespace urc
