// Device rules on cgroup2: a BPF program that the kernel asks at every open and mknod of a device node.
// By bpf(2) itself: the program is a few dozen instructions, no library is worth its loading time.
#pragma once

#include <linux/bpf.h>

#include <vector>

#include "core/cgroup/device_rules.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::cgroup {

// The program for these rules, the last one asked first.
std::vector<bpf_insn> compile_device_program(const std::vector<DeviceRuleLine>& rules);

// BPF_PROG_LOAD.
Result<Fd> load_device_program(const std::vector<bpf_insn>& program);

enum class Attached : std::uint8_t { nothing_yet, maybe };

// Makes `program` the only device program of the cgroup2 directory `cgroup`. With Attached::maybe the one
// that is there is replaced in one step, so that no open is ever refused or let through in between.
Result<void> attach_device_program(int cgroup, int program, Attached attached);

}  // namespace urc::cgroup
