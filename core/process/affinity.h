// The processors that a process may run on, from the lists of process.execCPUAffinity ("0-3,7").
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "uring/result.h"

namespace urc::process {

using CpuMask = std::vector<unsigned long>;  // core/number_list.h

// EINVAL for what is no list, and for numbers beyond what any kernel knows (65535). Not bounded by
// cpu_set_t's 1024.
Result<CpuMask> cpu_mask(std::string_view list);

// All processors that there can be: the kernel cuts it down to the cpuset of the process.
CpuMask every_cpu();

// sched_setaffinity(2) of the calling process.
Result<void> set_affinity(const CpuMask& mask);

// Binds the calling process to other processors for as long as it lives: for what it clones meanwhile.
class BorrowedAffinity {
public:
    static Result<BorrowedAffinity> take(std::string_view list);
    BorrowedAffinity(BorrowedAffinity&& other) noexcept : before_(std::exchange(other.before_, {})) {}
    BorrowedAffinity& operator=(BorrowedAffinity&&) = delete;
    ~BorrowedAffinity();

private:
    BorrowedAffinity() = default;
    CpuMask before_;
};

}  // namespace urc::process
