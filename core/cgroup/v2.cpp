// Limits in the files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst).
//
// A controller's files are there only when every cgroup above has the controller in cgroup.subtree_control.
// That is found out by opening the file: on most hosts it is there and nothing else needs to be asked.
#include <fcntl.h>
#include <unistd.h>

#include "core/cgroup/control.h"
#include "core/cgroup/convert.h"
#include "core/cgroup/limits.h"
#include "core/cgroup/path.h"

namespace urc::cgroup {

namespace {

// Makes `controller` available to the children of the cgroup at `path`, from the top down as far as needed.
int enable_below(const std::string& path, const std::string& controller) {
    std::string file = path + "/cgroup.subtree_control";
    int code = try_write(AT_FDCWD, file.c_str(), "+" + controller);
    // ENOENT: not available at `path` itself either; or there is no such file: above the mount point.
    if (code != ENOENT || path == "/" || ::access(file.c_str(), F_OK) != 0) return code;
    int above = enable_below(std::string(parent_path(path)), controller);
    if (above != 0) return above;
    return try_write(AT_FDCWD, file.c_str(), "+" + controller);
}

class Writer {
public:
    explicit Writer(const Directory& directory) : directory_(directory) {}

    // Writes to `CONTROLLER.something`, which is enabled when it is not.
    Result<void> put(const std::string& file, std::string_view value) const {
        int code = try_write(directory_.fd.get(), file.c_str(), value);
        if (code != ENOENT) return code == 0 ? Result<void>() : write_error(code, directory_, file, value);
        std::string controller = file.substr(0, file.find('.'));
        URC_TRY_VOID(enable(controller));
        code = try_write(directory_.fd.get(), file.c_str(), value);
        if (code != 0) return write_error(code, directory_, file, value);
        return {};
    }

    // The same, but a new cgroup has no limit anyway: then no controller is enabled for that.
    Result<void> put_limit(const std::string& file, std::string_view value) const {
        if (directory_.is_fresh && value == "max") return {};
        return put(file, value);
    }

    // Makes the controller's files appear.
    Result<void> enable(const std::string& controller) const {
        if (controller == "cgroup") return {};
        int code = enable_below(std::string(parent_path(directory_.path)), controller);
        if (code == 0) return {};
        std::string text =
            "cannot set " + controller + " limit: controller \"" + controller + "\" not available";
        // ENOENT: this kernel or a cgroup above us has it not to give; EINVAL: the kernel never heard of it.
        if (code == ENOENT || code == EINVAL) return Error::message(text, ENOENT);
        // The rule of no internal processes: a cgroup above has processes of its own.
        if (code == EBUSY)
            return Error::message(text + " below a cgroup that has processes of its own", EBUSY);
        return Error(code, "enable the controller " + controller + " above", directory_.path);
    }

    const Directory& directory() const { return directory_; }

private:
    const Directory& directory_;
};

Result<void> check_usage(const Writer& writer, std::int64_t limit) {
    auto usage = read_control(writer.directory().fd.get(), "memory.current");
    if (!usage.ok() || limit < 0 || std::strtoll(usage->c_str(), nullptr, 10) <= limit) return {};
    return Error::message("rejecting memory limit " + max_or(limit) + ": the usage is " + *usage, EBUSY);
}

Result<void> apply_memory(const Writer& writer, const spec::MemoryResources& memory) {
    std::int64_t limit = memory.limit.value_or(0);
    if (memory.check_before_update.value_or(false) && limit != 0) URC_TRY_VOID(check_usage(writer, limit));
    URC_TRY(std::optional<std::int64_t> swap, swap_max(memory));
    if (swap) {
        std::string value = max_or(*swap);
        Result<void> written = writer.put_limit("memory.swap.max", value);
        // Without swap in the kernel there is no such file, and both extremes are true of no swap.
        bool is_moot = !written.ok() && written.error().code() == ENOENT && (value == "max" || value == "0");
        if (!written.ok() && !is_moot) return written;
    }
    if (limit != 0) URC_TRY_VOID(writer.put_limit("memory.max", max_or(limit)));
    if (memory.reservation.value_or(0) != 0)
        URC_TRY_VOID(writer.put("memory.low", max_or(*memory.reservation)));
    return {};
}

Result<void> apply_cpu(const Writer& writer, const spec::CpuResources& cpu) {
    if (cpu.idle) URC_TRY_VOID(writer.put("cpu.idle", Number(*cpu.idle)));
    // An idle group has a fixed weight and refuses another.
    if (cpu.shares.value_or(0) != 0 && cpu.idle.value_or(0) == 0)
        URC_TRY_VOID(writer.put("cpu.weight", Number(cpu_weight(*cpu.shares))));
    std::int64_t quota = cpu.quota.value_or(0);
    std::uint64_t period = cpu.period.value_or(0);
    std::vector<Setting> bandwidth;
    if (cpu.burst) bandwidth.push_back({"cpu.max.burst", std::string(std::string_view(Number(*cpu.burst)))});
    if (quota != 0 || period != 0) {
        // A missing period stays as it is; a missing quota is none.
        std::string value = quota > 0 ? max_or(quota) : "max";
        if (period != 0) (value += ' ') += Number(period);
        bandwidth.push_back({"cpu.max", std::move(value)});
    }
    if (bandwidth.empty()) return {};
    Result<void> written = write_together(writer.directory(), bandwidth);
    if (written.ok() || written.error().code() != ENOENT) return written;
    URC_TRY_VOID(writer.enable("cpu"));
    return write_together(writer.directory(), std::move(bandwidth));
}

std::string device_number(std::int64_t major, std::int64_t minor) {
    return max_or(major) + ":" + max_or(minor) + " ";
}

Result<void> apply_io(const Writer& writer, const spec::BlockIoResources& io) {
    // BFQ has its own file and scale when it is the scheduler; io.weight is the cost model's.
    auto put_weight = [&](const std::string& device, std::uint64_t weight) -> Result<void> {
        std::string raw = device;
        raw += Number(weight);
        int code = try_write(writer.directory().fd.get(), "io.bfq.weight", raw);
        if (code == 0) return {};
        if (code != ENOENT) return write_error(code, writer.directory(), "io.bfq.weight", raw);
        std::string value = device;
        value += Number(io_weight(weight));
        Result<void> written = writer.put("io.weight", value);
        // The controller has been enabled by that, and may have brought BFQ's file alone.
        if (!written.ok() && written.error().code() == ENOENT) return writer.put("io.bfq.weight", raw);
        return written;
    };
    if (io.leaf_weight.value_or(0) != 0)
        return Error::message("blockIO leafWeight needs cgroup v1", EOPNOTSUPP);
    if (io.weight.value_or(0) != 0) URC_TRY_VOID(put_weight("", *io.weight));
    for (const spec::WeightDevice& device : io.weight_device) {
        if (device.weight.value_or(0) != 0)
            URC_TRY_VOID(put_weight(device_number(device.major, device.minor), *device.weight));
    }
    for (auto& [key, devices] : {std::pair{"rbps=", &io.throttle_read_bps},
                                 {"wbps=", &io.throttle_write_bps},
                                 {"riops=", &io.throttle_read_iops},
                                 {"wiops=", &io.throttle_write_iops}}) {
        for (const spec::ThrottleDevice& device : *devices) {
            std::string line = device_number(device.major, device.minor) + key;
            // 0 lifts the limit on v1; here it would be refused.
            line += device.rate == 0 ? "max" : std::string_view(Number(device.rate));
            URC_TRY_VOID(writer.put("io.max", line));
        }
    }
    return {};
}

Result<void> apply_unified(const Writer& writer, const spec::StringMap& unified) {
    for (const auto& [file, value] : unified) {
        // Files with a line a device, such as io.max, take one line a write.
        for (std::string_view rest = value; !rest.empty() || value.empty();) {
            std::string_view line = rest.substr(0, rest.find('\n'));
            Result<void> written = writer.put(file, line);
            if (!written.ok()) return std::move(written).error().context("unified resource \"" + file + "\"");
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
            if (value.empty()) break;
        }
    }
    return {};
}

}  // namespace

Result<void> apply_hugetlb_v2(const Directory& directory, const std::vector<spec::HugepageLimit>& limits) {
    Writer writer(directory);
    for (const spec::HugepageLimit& limit : limits) {
        std::string prefix = "hugetlb." + limit.page_size;
        Number value(limit.limit);
        URC_TRY_VOID(writer.put(prefix + ".max", value));
        // Reservations are accounted since Linux 5.7.
        std::string reserved = prefix + ".rsvd.max";
        int code = try_write(directory.fd.get(), reserved.c_str(), value);
        if (code != 0 && code != ENOENT) return write_error(code, directory, reserved, value);
    }
    return {};
}

Result<void> apply_v2(const Directory& directory, const spec::Resources& r) {
    Writer writer(directory);
    if (r.cpu && !r.cpu->cpus.empty()) URC_TRY_VOID(writer.put("cpuset.cpus", r.cpu->cpus));
    if (r.cpu && !r.cpu->mems.empty()) URC_TRY_VOID(writer.put("cpuset.mems", r.cpu->mems));
    if (r.memory) URC_TRY_VOID(apply_memory(writer, *r.memory));
    if (r.cpu) URC_TRY_VOID(apply_cpu(writer, *r.cpu));
    // 0 means 1, as runc has it: systemd knows no limit of 0.
    if (r.pids_limit)
        URC_TRY_VOID(writer.put_limit("pids.max", max_or(*r.pids_limit == 0 ? 1 : *r.pids_limit)));
    if (r.block_io) URC_TRY_VOID(apply_io(writer, *r.block_io));
    if (!r.hugepage_limits.empty()) URC_TRY_VOID(apply_hugetlb_v2(directory, r.hugepage_limits));
    for (const spec::RdmaLimit& limit : r.rdma) URC_TRY_VOID(writer.put("rdma.max", rdma_line(limit)));
    // Last, so that it wins over the typed fields.
    return apply_unified(writer, r.unified);
}

}  // namespace urc::cgroup
