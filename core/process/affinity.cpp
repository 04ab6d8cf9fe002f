#include "core/process/affinity.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/number_list.h"

namespace urc::process {

namespace {
constexpr std::size_t kCpusMax = 65536;
constexpr std::size_t kEveryCpu = 8192;  // CONFIG_NR_CPUS goes no further today
}  // namespace

Result<CpuMask> cpu_mask(std::string_view list) {
    auto mask = parse_number_list(list, kCpusMax);
    if (!mask) return Error(EINVAL, "process.execCPUAffinity", list);
    return std::move(*mask);
}

CpuMask every_cpu() {
    return CpuMask(kEveryCpu / 8 / sizeof(long), ~0UL);
}

Result<void> set_affinity(const CpuMask& mask) {
    if (::syscall(SYS_sched_setaffinity, 0, mask.size() * sizeof(long), mask.data()) < 0)
        return Error::last("sched_setaffinity", "process.execCPUAffinity");
    return {};
}

Result<BorrowedAffinity> BorrowedAffinity::take(std::string_view list) {
    BorrowedAffinity borrowed;
    if (list.empty()) return borrowed;
    URC_TRY(CpuMask mask, cpu_mask(list));
    CpuMask before(kCpusMax / 8 / sizeof(long));
    long size = ::syscall(SYS_sched_getaffinity, 0, before.size() * sizeof(long), before.data());
    if (size < 0) return Error::last("sched_getaffinity");
    before.resize(static_cast<std::size_t>(size) / sizeof(long));
    URC_TRY_VOID(set_affinity(mask));
    borrowed.before_ = std::move(before);
    return borrowed;
}

BorrowedAffinity::~BorrowedAffinity() {
    if (!before_.empty()) (void)set_affinity(before_);
}

}  // namespace urc::process
