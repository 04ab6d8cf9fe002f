// The parts of Cgroup::apply(): one function a chapter of linux.resources and version. `directory` is the one
// of the controller, open.
#pragma once

#include <string>
#include <vector>

#include "core/cgroup/cgroup.h"

namespace urc::cgroup {

// One value for one control file.
struct Setting {
    std::string file;
    std::string value;
};

// Opens nothing and asks nobody: refuses what no kernel accepts, before anything is written.
Result<void> check_resources(const spec::Resources& resources, Version version);

// Whether the structure asks for anything (zero means "not set" in most fields).
bool asks(const spec::MemoryResources& memory);
bool asks_cpu(const spec::CpuResources& cpu);
bool asks_cpuset(const spec::CpuResources& cpu);
bool asks(const spec::BlockIoResources& block_io);

// Writes settings that limit each other, such as quota and period. Whichever the kernel refuses (EINVAL) as
// not fitting to what is there now is tried again after the others.
Result<void> write_together(const Directory& directory, std::vector<Setting> settings);

// "max" for negative numbers.
std::string max_or(std::int64_t value);

// "2MB" for hugetlb.2MB.max; refuses what would name another file.
Result<void> check_page_size(const std::string& page_size);
std::string rdma_line(const spec::RdmaLimit& limit);

Result<void> apply_cpuset_v1(const Directory& directory, const spec::CpuResources& cpu);
Result<void> apply_cpu_v1(const Directory& directory, const spec::CpuResources& cpu);
Result<void> apply_memory_v1(const Directory& directory, const spec::MemoryResources& memory);
Result<void> apply_pids_v1(const Directory& directory, std::int64_t limit);
Result<void> apply_block_io_v1(const Directory& directory, const spec::BlockIoResources& block_io);
Result<void> apply_hugetlb_v1(const Directory& directory, const std::vector<spec::HugepageLimit>& limits);
Result<void> apply_network_class_v1(const Directory& directory, std::uint32_t class_id);
Result<void> apply_network_priorities_v1(const Directory& directory,
                                         const std::vector<spec::NetworkPriority>& priorities);
Result<void> apply_rdma(const Directory& directory, const std::vector<spec::RdmaLimit>& limits);

// All but the device rules.
Result<void> apply_v2(const Directory& directory, const spec::Resources& resources);
// The one chapter that a hybrid host may keep on cgroup2.
Result<void> apply_hugetlb_v2(const Directory& directory, const std::vector<spec::HugepageLimit>& limits);

Result<void> apply_devices_v1(const Directory& directory, const std::vector<spec::DeviceRule>& rules);
Result<void> apply_devices_v2(const Directory& directory, const std::vector<spec::DeviceRule>& rules);

}  // namespace urc::cgroup
