// "log", "ports" and "monitor" in state.json. Of a sink only what differs from SinkOptions' defaults is
// written, so that most are a driver and a path; the keys and words are the ones of --log-opt, with numbers
// as numbers.
#include "core/json_writer.h"
#include "core/state/state_reader.h"

namespace urc::state_json {
namespace {

using relay::Driver;
using relay::Policy;
using relay::SinkOptions;

template <typename T>
struct Word {
    T value;
    std::string_view text;
};
constexpr Word<Driver> kDrivers[] = {
    {Driver::none, "none"},
    {Driver::null, "null"},
    {Driver::raw_file, "raw-file"},
    {Driver::k8s_file, "k8s-file"},
    {Driver::json_file, "json-file"},
    {Driver::journald, "journald"},
    {Driver::fd, "fd"},
    {Driver::fifo, "fifo"},
};
constexpr Word<Policy> kPolicies[] = {
    {Policy::block, "block"}, {Policy::drop, "drop"}, {Policy::spill, "spill"}};

template <typename T, std::size_t kCount>
std::string_view word_of(const Word<T> (&words)[kCount], T value) {
    for (const Word<T>& word : words)
        if (word.value == value) return word.text;
    return {};
}

template <typename T, std::size_t kCount>
Result<T> value_of(const Word<T> (&words)[kCount], std::string_view text) {
    for (const Word<T>& word : words)
        if (word.text == text) return word.value;
    return bad("log");
}

void write_sink(JsonWriter& json, const SinkOptions& sink) {
    const SinkOptions other;
    auto text = [&json](const char* key, const std::string& value) {
        if (!value.empty()) json.key(key).string(value);
    };
    auto number = [&json](const char* key, auto value, auto usual) {
        if (value != usual) json.key(key).number(value);
    };
    json.begin_object();
    json.key("driver").string(word_of(kDrivers, sink.driver));
    text("path", sink.path);
    number("max-size", sink.size_max, other.size_max);
    number("max-files", sink.files_max, other.files_max);
    if (!sink.takes_err) json.key("stream").string("stdout");
    if (!sink.takes_out) json.key("stream").string("stderr");
    if (sink.policy != other.policy) json.key("policy").string(word_of(kPolicies, sink.policy));
    number("spill-size", sink.spill_size, other.spill_size);
    text("spill-directory", sink.spill_directory);
    number("buffer", sink.buffer_size, other.buffer_size);
    number("fd", sink.fd, other.fd);
    text("tag", sink.tag);
    text("socket", sink.socket);
    json.end_object();
}

Result<void> read_sink_text(std::string_view name, od::value member, SinkOptions& sink) {
    if (name == "driver") {
        URC_TRY(const std::string word, text_of(member, "log"));
        URC_TRY(sink.driver, value_of(kDrivers, word));
    } else if (name == "path") {
        URC_TRY(sink.path, text_of(member, "log"));
        if (!sink.path.starts_with('/')) return bad("log");
    } else if (name == "stream") {
        URC_TRY(const std::string word, text_of(member, "log"));
        sink.takes_out = word == "stdout";
        sink.takes_err = word == "stderr";
        if (!sink.takes_out && !sink.takes_err) return bad("log");
    } else if (name == "policy") {
        URC_TRY(const std::string word, text_of(member, "log"));
        URC_TRY(sink.policy, value_of(kPolicies, word));
    } else if (name == "spill-directory") {
        URC_TRY(sink.spill_directory, text_of(member, "log"));
    } else if (name == "tag") {
        URC_TRY(sink.tag, text_of(member, "log"));
    } else if (name == "socket") {
        URC_TRY(sink.socket, text_of(member, "log"));
    }
    return {};
}

Result<void> read_sink_member(std::string_view name, od::value member, SinkOptions& sink) {
    if (name == "max-size") {
        URC_TRY(sink.size_max, number_of<std::uint64_t>(member, "log"));
    } else if (name == "max-files") {
        URC_TRY(sink.files_max, number_of<unsigned>(member, "log"));
    } else if (name == "spill-size") {
        URC_TRY(sink.spill_size, number_of<std::uint64_t>(member, "log"));
    } else if (name == "buffer") {
        URC_TRY(sink.buffer_size, number_of<std::uint32_t>(member, "log"));
    } else if (name == "fd") {
        URC_TRY(sink.fd, number_of<int>(member, "log"));
    } else {
        return read_sink_text(name, member, sink);
    }
    return {};
}

void write_port(JsonWriter& json, const ports::Spec& spec) {
    json.begin_object();
    json.key("protocol").string(ports::protocol_name(spec.protocol));
    if (!spec.host_ip.empty()) json.key("host_ip").string(spec.host_ip);
    json.key("host_port").number(spec.host_port);
    json.key("child_ip").string(spec.child_ip);
    json.key("child_port").number(spec.child_port);
    if (spec.handover) json.key("handover").boolean(true);
    if (spec.max > 0) json.key("max").number(spec.max);
    json.end_object();
}

Result<void> read_port_member(std::string_view name, od::value member, ports::Spec& spec) {
    if (name == "protocol") {
        URC_TRY(const std::string word, text_of(member, "ports"));
        const auto protocol = ports::protocol_named(word);
        if (!protocol) return bad("ports");
        spec.protocol = *protocol;
    } else if (name == "host_ip") {
        URC_TRY(spec.host_ip, text_of(member, "ports"));
    } else if (name == "host_port") {
        URC_TRY(spec.host_port, number_of<std::uint16_t>(member, "ports"));
    } else if (name == "child_ip") {
        URC_TRY(spec.child_ip, text_of(member, "ports"));
    } else if (name == "child_port") {
        URC_TRY(spec.child_port, number_of<std::uint16_t>(member, "ports"));
    } else if (name == "handover") {
        if (member.get_bool().get(spec.handover)) return bad("ports");
    } else if (name == "max") {
        URC_TRY(spec.max, number_of<std::uint16_t>(member, "ports"));
    }
    return {};
}

}  // namespace

void write_monitor(JsonWriter& json, const State& state) {
    if (!state.sinks.empty()) {
        json.key("log").begin_array();
        for (const SinkOptions& sink : state.sinks) write_sink(json, sink);
        json.end_array();
    }
    if (!state.ports.empty()) {
        json.key("ports").begin_array();
        for (const ports::Spec& spec : state.ports) write_port(json, spec);
        json.end_array();
    }
    if (!state.notify_socket.empty()) json.key("notify_socket").string(state.notify_socket);
    if (state.monitor.pid > 0) {
        json.key("monitor").begin_object();
        json.key("pid").number(state.monitor.pid);
        json.key("start").number(state.monitor.start_time);
        json.key("pidfd_inode").number(state.monitor.pidfd_inode);
        json.end_object();
    }
}

Result<void> read_log(od::value value, State& state) {
    state.sinks.clear();
    return each_element(value, "log", [&](od::value item) -> Result<void> {
        SinkOptions sink;
        bool has_driver = false;
        URC_TRY_VOID(each_member(item, "log", [&](std::string_view name, od::value member) {
            has_driver = has_driver || name == "driver";
            return read_sink_member(name, member, sink);
        }));
        if (!has_driver) return bad("log");
        state.sinks.push_back(std::move(sink));
        return {};
    });
}

Result<void> read_ports(od::value value, State& state) {
    state.ports.clear();
    return each_element(value, "ports", [&](od::value item) -> Result<void> {
        ports::Spec spec;
        URC_TRY_VOID(each_member(item, "ports", [&](std::string_view name, od::value member) {
            return read_port_member(name, member, spec);
        }));
        // Addresses are addresses, and the ports are there.
        auto checked = ports::checked(std::move(spec));
        if (!checked.ok() || checked->host_port == 0) return bad("ports");
        state.ports.push_back(std::move(*checked));
        return {};
    });
}

Result<void> read_monitor(od::value value, State& state) {
    state.monitor = {};
    ProcessId& monitor = state.monitor;
    URC_TRY_VOID(each_member(value, "monitor", [&](std::string_view name, od::value member) -> Result<void> {
        if (name == "pid") {
            URC_TRY(monitor.pid, number_of<pid_t>(member, "monitor"));
        } else if (name == "start") {
            URC_TRY(monitor.start_time, number_of<std::uint64_t>(member, "monitor"));
        } else if (name == "pidfd_inode") {
            URC_TRY(monitor.pidfd_inode, number_of<std::uint64_t>(member, "monitor"));
        }
        return {};
    }));
    // 0 and below name process groups to kill(2).
    if (monitor.pid <= 0) return bad("monitor");
    return {};
}

}  // namespace urc::state_json
