#include "core/cgroup/snapshot.h"

#include "core/cgroup/control.h"

namespace urc::cgroup {
namespace {

struct File {
    Controller controller;
    const char* name;
    const char* initial = nullptr;  // v2: what is written back when the update has brought the file
    const char* key = nullptr;      // the value is in a line "KEY VALUE"
};

constexpr File kFilesV1[] = {
    {Controller::cpuset, "cpuset.cpus"},
    {Controller::cpuset, "cpuset.mems"},
    {Controller::memory, "memory.limit_in_bytes"},
    {Controller::memory, "memory.memsw.limit_in_bytes"},
    {Controller::memory, "memory.soft_limit_in_bytes"},
    {Controller::memory, "memory.kmem.tcp.limit_in_bytes"},
    {Controller::memory, "memory.swappiness"},
    {Controller::memory, "memory.oom_control", nullptr, "oom_kill_disable"},
    {Controller::cpu, "cpu.rt_period_us"},
    {Controller::cpu, "cpu.rt_runtime_us"},
    {Controller::cpu, "cpu.idle"},
    {Controller::cpu, "cpu.shares"},
    {Controller::cpu, "cpu.cfs_burst_us"},
    {Controller::cpu, "cpu.cfs_period_us"},
    {Controller::cpu, "cpu.cfs_quota_us"},
    {Controller::pids, "pids.max"},
    {Controller::io, "blkio.weight"},
    {Controller::io, "blkio.bfq.weight"},
};

constexpr File kFilesV2[] = {
    {Controller::unified, "cpuset.cpus", "\n"},
    {Controller::unified, "cpuset.mems", "\n"},
    {Controller::unified, "memory.max", "max"},
    {Controller::unified, "memory.swap.max", "max"},
    {Controller::unified, "memory.low", "0"},
    {Controller::unified, "cpu.idle", "0"},
    {Controller::unified, "cpu.weight", "100"},
    {Controller::unified, "cpu.max", "max 100000"},
    {Controller::unified, "cpu.max.burst", "0"},
    {Controller::unified, "pids.max", "max"},
    {Controller::unified, "io.weight", "default 100", "default"},
    {Controller::unified, "io.bfq.weight", "default 100", "default"},
};

}  // namespace

Snapshot Snapshot::take(const Cgroup& cgroup, const spec::Resources& to_write) {
    Snapshot snapshot;
    auto keep = [&](const File& file) {
        const Directory* directory = cgroup.directory(file.controller);
        if (!directory) return;
        Entry entry{directory, file.name, {}, {}};
        auto text = read_control(directory->fd.get(), file.name);
        if (!text.ok() && (text.error().code() != ENOENT || !file.initial)) return;
        if (text.ok()) {
            entry.text = std::move(*text);
            entry.value = file.key ? std::string(keyed_value(entry.text, file.key)) : entry.text;
        } else {
            entry.value = file.initial;
        }
        if (entry.value.find('\n') != std::string::npos && text.ok()) return;  // a line a device
        if (entry.value.empty()) entry.value = "\n";  // an empty list of processors: nothing is no write
        snapshot.entries_.push_back(std::move(entry));
    };
    if (cgroup.version() == Version::v2) {
        for (const File& file : kFilesV2) keep(file);
        for (const auto& [name, value] : to_write.unified) keep({Controller::unified, name.c_str()});
    } else {
        for (const File& file : kFilesV1) keep(file);
    }
    return snapshot;
}

std::string Snapshot::restore() const {
    std::vector<const Entry*> left;
    for (const Entry& entry : entries_) {
        auto now = read_control(entry.directory->fd.get(), entry.file.c_str());
        if (now.ok() && *now != entry.text) left.push_back(&entry);
    }
    // Values that limit each other may need another order than that of the table.
    std::string refused;
    for (std::size_t before = left.size() + 1; left.size() < before;) {
        before = left.size();
        refused.clear();
        std::erase_if(left, [&](const Entry* entry) {
            int code = try_write(entry->directory->fd.get(), entry->file.c_str(), entry->value);
            if (code != 0)
                refused += (refused.empty() ? "" : "; ") +
                           write_error(code, *entry->directory, entry->file, entry->value).text();
            return code == 0;
        });
    }
    return refused;
}

}  // namespace urc::cgroup
