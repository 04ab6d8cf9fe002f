// Device rules (linux.resources.devices) in the two forms that kernels take.
//
// The rules of the configuration apply in their order, then the default ones that every container gets; for
// each of read, write and mknod the last rule that matches decides, and what no rule matches is denied.
//
//   v2   the ordered list becomes a program (device_bpf.h)
//   v1   the kernel holds a default and exceptions from it, not a list: DeviceState is what the rules come to
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::cgroup {

inline constexpr std::uint8_t kMknod = 1, kRead = 2, kWrite = 4;  // BPF_DEVCG_ACC_*
inline constexpr std::uint8_t kAllAccess = kMknod | kRead | kWrite;
inline constexpr std::int64_t kAny = -1;

// type 'a': every device and every access; otherwise 'b' or 'c'.
struct DeviceRuleLine {
    bool allow = false;
    char type = 'a';
    std::int64_t major = kAny, minor = kAny;
    std::uint8_t access = kAllAccess;
    friend bool operator==(const DeviceRuleLine&, const DeviceRuleLine&) = default;
};

// The configuration's rules, normalised ("any type" with a number or fewer accesses becomes a rule for b and
// one for c), followed by the default ones: mknod of anything, and null, zero, full, random, urandom,
// tty, ptmx and the pts.
std::vector<DeviceRuleLine> complete_rules(const std::vector<spec::DeviceRule>& rules);

// Everything is allowed, whatever is asked.
bool allows_all(const std::vector<DeviceRuleLine>& rules);

// The state of a v1 devices cgroup.
struct DeviceState {
    using Key = std::tuple<char, std::int64_t, std::int64_t>;  // type, major, minor
    bool is_allow_default = false;
    std::map<Key, std::uint8_t> exceptions;  // accesses that are the other way round

    // EINVAL for a rule that takes a part out of an earlier one with a wildcard: v1 cannot say that, and the
    // kernel would silently do nothing.
    Result<void> add(const DeviceRuleLine& rule);
};
Result<DeviceState> device_state(const std::vector<DeviceRuleLine>& rules);

// The text of devices.list. With "a *:* rwm" in it, the exceptions are not shown (and not in the result).
DeviceState parse_device_list(std::string_view text);

// One write to devices.allow or devices.deny.
struct DeviceWrite {
    bool allow = false;
    std::string line;  // "c 1:3 rwm", or "a"
};

// All of `wanted`, whatever was there.
std::vector<DeviceWrite> all_writes(const DeviceState& wanted);
// The smallest change from `current` that never takes away what both allow.
std::vector<DeviceWrite> change_writes(const DeviceState& current, const DeviceState& wanted);

}  // namespace urc::cgroup
