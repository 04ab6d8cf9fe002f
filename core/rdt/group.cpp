#include "core/rdt/group.h"

#include <algorithm>

#include "core/mountinfo.h"
#include "core/number.h"
#include "core/rdt/schemata.h"
#include "core/spec/text.h"
#include "core/state/state.h"
#include "uring/file.h"

namespace urc::rdt {

namespace {

constexpr std::string_view kField = "config.json: linux.intelRdt";
constexpr mode_t kMode = 0755;
constexpr int kThreadPassesMax = 8;

Error missing(std::string_view name, std::string_view feature) {
    return Error::message(spec::concat({name, ": ", feature, " is not supported or not enabled here"}),
                          ENOTSUP);
}

Result<void> check_schemas(const Resctrl& resctrl, const spec::IntelRdt& wanted, std::string_view l3_name,
                           std::string_view mb_name) {
    if (!wanted.l3_cache_schema.empty() && !resctrl.shares_cache())
        return missing(l3_name, "Intel RDT cache allocation (CAT)");
    if (wanted.mem_bw_schema.empty()) return {};
    if (!resctrl.shares_bandwidth()) return missing(mb_name, "Intel RDT memory bandwidth allocation (MBA)");
    if (!wanted.mem_bw_schema.starts_with("MB:") || wanted.mem_bw_schema.find('\n') != std::string::npos)
        return Error::message(spec::concat({mb_name, ": must be one line that begins with MB:, not ",
                                            spec::in_quotes(wanted.mem_bw_schema)}));
    return {};
}

Result<void> check_monitoring(const Resctrl& resctrl, const spec::IntelRdt& wanted) {
    const bool has_occupancy = resctrl.watches("llc_occupancy");
    const bool has_bandwidth = resctrl.watches("mbm_total_bytes") || resctrl.watches("mbm_local_bytes");
    if (wanted.enable_cmt && !has_occupancy) return missing("enableCMT", "cache monitoring (CMT)");
    if (wanted.enable_mbm && !has_bandwidth) return missing("enableMBM", "memory bandwidth monitoring (MBM)");
    if (wanted.enable_monitoring && !has_occupancy && !has_bandwidth)
        return missing("enableMonitoring", "monitoring");
    return {};
}

Result<Resctrl> find_for(const Host& host, const spec::IntelRdt& wanted) {
    auto resctrl = Resctrl::find(host);
    if (!resctrl) return std::move(resctrl).error().context(kField);
    auto checked = check_schemas(*resctrl, wanted, "l3CacheSchema", "memBwSchema");
    if (checked) checked = check_monitoring(*resctrl, wanted);
    return checked ? std::move(resctrl) : std::move(checked).error().context(kField);
}

Result<void> write_schemata(const Resctrl& resctrl, const std::string& group, const spec::IntelRdt& wanted) {
    const std::string file = group + "/schemata";
    // Two writes: within one the kernel wants each domain of a resource only once.
    for (const std::string& text :
         {join_schemas(wanted.l3_cache_schema, wanted.mem_bw_schema), join_schemas(wanted.schemata)}) {
        if (text.empty()) continue;
        auto written = write_control_at(AT_FDCWD, file.c_str(), text);
        if (!written) return resctrl.explain(std::move(written).error());
    }
    return {};
}

Result<void> check_existing(const Resctrl& resctrl, const std::string& group, const spec::IntelRdt& wanted) {
    const std::string text =
        join_schemas(wanted.l3_cache_schema, wanted.mem_bw_schema) + join_schemas(wanted.schemata);
    if (text.empty()) return {};
    URC_TRY(std::string current, read_file_at(AT_FDCWD, (group + "/schemata").c_str()));
    auto step = parse_number<unsigned>(resctrl.info("info/MB/bandwidth_gran"));
    auto same = check_same(text, current, step.value_or(0));
    return same ? Result<void>{} : std::move(same).error().context("closID " + wanted.clos_id);
}

Result<void> make_directory(const Host& host, const Resctrl& resctrl, const std::string& path) {
    if (host.mkdir(path.c_str(), kMode) == 0 || errno == EEXIST) return {};
    return resctrl.explain(Error::last("mkdir", path));
}

// The group itself, with its schemata. `group.is_made` tells whether there is anything to be undone.
Result<void> make_control_group(const Host& host, const Resctrl& resctrl, const spec::IntelRdt& wanted,
                                Group& group) {
    const bool is_shaped =
        !wanted.l3_cache_schema.empty() || !wanted.mem_bw_schema.empty() || !wanted.schemata.empty();
    struct stat status {};
    if (group.is_named && (!is_shaped || group.path == resctrl.root())) {
        if (::stat(group.path.c_str(), &status) != 0)
            return Error::last("closID without any schema must exist", group.path);
        return check_existing(resctrl, group.path, wanted);
    }
    if (host.mkdir(group.path.c_str(), kMode) == 0)
        group.is_made = true;
    else if (errno != EEXIST)
        return resctrl.explain(Error::last("mkdir", group.path));
    if (group.is_named && !group.is_made) return check_existing(resctrl, group.path, wanted);
    return write_schemata(resctrl, group.path, wanted);
}

Result<void> write_tid(const Resctrl& resctrl, const std::string& group, pid_t tid) {
    auto written = write_control_at(AT_FDCWD, (group + "/tasks").c_str(), std::to_string(tid));
    return written ? Result<void>{} : resctrl.explain(std::move(written).error());
}

// A container's dead init stays in the list as a zombie until its parent has looked.
bool has_living_tasks(const std::string& group) {
    auto text = read_file_at(AT_FDCWD, (group + "/tasks").c_str(), std::size_t{64} << 20);
    if (!text) return false;
    for (std::string_view tasks = *text; !tasks.empty();) {
        auto tid = parse_number<pid_t>(take_until(tasks, '\n'));
        if (!tid) continue;
        auto process = read_process_stat(*tid);
        if (process && process->state != 'Z' && process->state != 'X') return true;
    }
    return false;
}

Result<void> remove_directory(const Host& host, const std::string& path) {
    if (path.empty() || host.rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
    return Error::last("rmdir", path);
}

}  // namespace

Result<void> check_schemas(const Host& host, const spec::IntelRdt& wanted, std::string_view l3_name,
                           std::string_view mb_name) {
    auto resctrl = Resctrl::find(host);
    if (!resctrl)
        return std::move(resctrl).error().context(wanted.l3_cache_schema.empty() ? mb_name : l3_name);
    return check_schemas(*resctrl, wanted, l3_name, mb_name);
}

Result<Group> make_group(const Host& host, const spec::IntelRdt& wanted, std::string_view id) {
    URC_TRY(Resctrl resctrl, find_for(host, wanted));
    Group group;
    group.is_named = !wanted.clos_id.empty();
    group.path = resctrl.root();
    if (wanted.clos_id != "/") group.path.append("/").append(group.is_named ? wanted.clos_id : id);
    auto made = make_control_group(host, resctrl, wanted, group);
    if (made && wanted.enable_monitoring) {
        group.monitor = group.path + "/mon_groups/" + std::string(id);
        made = make_directory(host, resctrl, group.monitor);
        if (!made) group.monitor.clear();
    }
    if (made) return group;
    if (group.is_made) (void)remove_directory(host, group.path);
    return std::move(made).error().context("Intel RDT");
}

// The group first: a thread that comes into it is in none of its monitoring groups.
Result<void> add_thread(const Host& host, const Group& group, pid_t tid) {
    if (group.path.empty()) return {};
    URC_TRY(Resctrl resctrl, Resctrl::find(host));
    URC_TRY_VOID(write_tid(resctrl, group.path, tid));
    return group.monitor.empty() ? Result<void>{} : write_tid(resctrl, group.monitor, tid);
}

// Threads that come while we look are in the group of the thread that made them, so the passes converge.
Result<void> add_process(const Host& host, const Group& group, pid_t pid) {
    const std::string directory = "/proc/" + std::to_string(pid) + "/task";
    std::vector<pid_t> moved;
    for (int pass = 0; pass < kThreadPassesMax; ++pass) {
        const std::size_t before = moved.size();
        for (const std::string& name : names_in(directory)) {
            auto tid = parse_number<pid_t>(name);
            if (!tid || std::find(moved.begin(), moved.end(), *tid) != moved.end()) continue;
            auto added = add_thread(host, group, *tid);
            if (!added && added.error().code() != ESRCH) return added;
            moved.push_back(*tid);
        }
        if (moved.size() == before) break;
    }
    return {};
}

Result<std::string> read_schemata(const Group& group) {
    return read_file_at(AT_FDCWD, (group.path + "/schemata").c_str());
}

Result<void> change_schemata(const Host& host, const Group& group, const spec::IntelRdt& wanted) {
    URC_TRY(Resctrl resctrl, Resctrl::find(host));
    return write_schemata(resctrl, group.path, wanted);
}

Result<void> remove_group(const Host& host, const Group& group) {
    if (group.path.empty()) return {};
    URC_TRY_VOID(remove_directory(host, group.monitor));
    const bool is_ours = group.is_made || !group.is_named;
    if (!is_ours || (group.is_named && has_living_tasks(group.path))) return {};
    return remove_directory(host, group.path);
}

}  // namespace urc::rdt
