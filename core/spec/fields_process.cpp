// The fields of `process`, in config.json and in process.json.
#include <algorithm>

#include "core/spec/names.h"
#include "core/spec/reader.h"

// `read` is found by argument-dependent lookup, which does not look into unnamed namespaces: hence `static`.
namespace urc::spec {

// Names that this urc does not know are kept for a warning, so many of them and no more.
constexpr std::size_t kUnknownCapabilitiesMax = 64;

template <std::uint64_t Capabilities::*Set>
static bool read_set(Reader& reader, Value& value, Capabilities& out) {
    simdjson::ondemand::array array;
    if (value.get_array().get(array)) return reader.wrong_type(value, "an array");
    std::uint64_t bits = 0;
    std::size_t index = 0;
    for (auto item : array) {
        Value element;
        std::string_view name;
        if (std::move(item).get(element)) return reader.broken();
        if (!read_text(reader, element, name)) return reader.failed_at(index);
        ++index;
        if (auto number = capability_number(name)) {
            bits |= std::uint64_t{1} << *number;
        } else if (out.unknown.size() < kUnknownCapabilitiesMax &&
                   std::find(out.unknown.begin(), out.unknown.end(), name) == out.unknown.end()) {
            out.unknown.emplace_back(name);
        }
    }
    out.*Set = bits;
    return true;
}

constexpr Field kCapabilityFields[] = {
    field_by<Capabilities, read_set<&Capabilities::bounding>>("bounding"),
    field_by<Capabilities, read_set<&Capabilities::effective>>("effective"),
    field_by<Capabilities, read_set<&Capabilities::inheritable>>("inheritable"),
    field_by<Capabilities, read_set<&Capabilities::permitted>>("permitted"),
    field_by<Capabilities, read_set<&Capabilities::ambient>>("ambient"),
};

static bool read(Reader& reader, Value& value, Capabilities& out) {
    return read_object(reader, value, out, kCapabilityFields);
}

constexpr Field kConsoleSize[] = {field<&ConsoleSize::height>("height"), field<&ConsoleSize::width>("width")};

static bool read(Reader& reader, Value& value, ConsoleSize& out) {
    return read_object(reader, value, out, kConsoleSize);
}

constexpr Field kUser[] = {
    field<&User::uid>("uid"),           field<&User::gid>("gid"),
    field<&User::umask>("umask"),       field<&User::additional_gids>("additionalGids"),
    field<&User::username>("username"),
};

static bool read(Reader& reader, Value& value, User& out) {
    return read_object(reader, value, out, kUser);
}

static bool read_rlimit_type(Reader& reader, Value& value, Rlimit& out) {
    return read_word(reader, value, rlimit_number, "rlimit", out.resource);
}

constexpr Field kRlimit[] = {
    field_by<Rlimit, read_rlimit_type>("type", Need::required),
    field<&Rlimit::hard>("hard", Need::required),
    field<&Rlimit::soft>("soft", Need::required),
};

static bool read(Reader& reader, Value& value, Rlimit& out) {
    return read_object(reader, value, out, kRlimit);
}

static bool read_policy(Reader& reader, Value& value, Scheduler& out) {
    return read_word(reader, value, scheduler_policy, "scheduling policy", out.policy);
}

static bool read_scheduler_flags(Reader& reader, Value& value, Scheduler& out) {
    std::vector<std::string> names;
    if (!read(reader, value, names)) return false;
    out.flags = 0;
    for (const std::string& name : names) {
        auto flag = scheduler_flag(name);
        if (!flag) return reader.fail("unknown scheduling flag " + in_quotes(name));
        out.flags |= *flag;
    }
    return true;
}

constexpr Field kScheduler[] = {
    field_by<Scheduler, read_policy>("policy", Need::required),
    field<&Scheduler::nice>("nice"),
    field<&Scheduler::priority>("priority"),
    field_by<Scheduler, read_scheduler_flags>("flags"),
    field<&Scheduler::runtime>("runtime"),
    field<&Scheduler::deadline>("deadline"),
    field<&Scheduler::period>("period"),
};

static bool read(Reader& reader, Value& value, Scheduler& out) {
    return read_object(reader, value, out, kScheduler);
}

static bool read_io_class(Reader& reader, Value& value, IoPriority& out) {
    return read_word(reader, value, io_priority_class, "I/O priority class", out.io_class);
}

constexpr Field kIoPriority[] = {field_by<IoPriority, read_io_class>("class", Need::required),
                                 field<&IoPriority::priority>("priority")};

static bool read(Reader& reader, Value& value, IoPriority& out) {
    return read_object(reader, value, out, kIoPriority);
}

constexpr Field kExecCpuAffinity[] = {field<&ExecCpuAffinity::initial>("initial"),
                                      field<&ExecCpuAffinity::final>("final")};

static bool read(Reader& reader, Value& value, ExecCpuAffinity& out) {
    return read_object(reader, value, out, kExecCpuAffinity);
}

bool read(Reader& reader, Value& value, Process& out) {
    // `commandLine` is for Windows.
    static constexpr Field kProcess[] = {
        field<&Process::terminal>("terminal"),
        field<&Process::console_size>("consoleSize"),
        field<&Process::user>("user"),
        field<&Process::args>("args"),
        field<&Process::env>("env"),
        field<&Process::cwd>("cwd"),
        field<&Process::capabilities>("capabilities"),
        field<&Process::rlimits>("rlimits"),
        field<&Process::no_new_privileges>("noNewPrivileges"),
        field<&Process::apparmor_profile>("apparmorProfile"),
        field<&Process::oom_score_adj>("oomScoreAdj"),
        field<&Process::selinux_label>("selinuxLabel"),
        field<&Process::scheduler>("scheduler"),
        field<&Process::io_priority>("ioPriority"),
        field<&Process::exec_cpu_affinity>("execCPUAffinity"),
    };
    return read_object(reader, value, out, kProcess);
}

}  // namespace urc::spec
