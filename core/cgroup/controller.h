// The cgroup controllers that urc knows, and sets of them.
//
// One enumeration for both versions: `io` is called blkio on v1; `systemd` is the v1 hierarchy without
// controllers that systemd keeps its units in (name=systemd); `unified` is the cgroup2 mount of a hybrid
// host, which runc joins as well so that tools that look there find the container.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace urc::cgroup {

enum class Controller : std::uint8_t {
    cpuset,
    cpu,
    cpuacct,
    io,
    memory,
    devices,
    freezer,
    net_cls,
    perf_event,
    net_prio,
    hugetlb,
    pids,
    rdma,
    misc,
    systemd,
    unified,
};

class ControllerSet {
public:
    constexpr ControllerSet() = default;
    constexpr ControllerSet(Controller one) : bits_(bit(one)) {}  // NOLINT(*-explicit-*)
    constexpr void add(Controller one) { bits_ |= bit(one); }
    constexpr bool has(Controller one) const { return (bits_ & bit(one)) != 0; }
    constexpr bool empty() const { return bits_ == 0; }
    friend constexpr bool operator==(ControllerSet, ControllerSet) = default;

    template <typename Visit>
    void for_each(Visit visit) const {
        for (unsigned i = 0; i < 32; ++i)
            if (bits_ >> i & 1) visit(static_cast<Controller>(i));
    }

private:
    static constexpr std::uint32_t bit(Controller one) { return 1U << static_cast<unsigned>(one); }
    std::uint32_t bits_ = 0;
};

// The name as in /proc/self/cgroup and as key of state.json: "memory", "blkio", "name=systemd", and "" for
// `unified`.
std::string_view controller_name(Controller controller);

// The other way round. Also takes "io" and "systemd", which directories are called.
std::optional<Controller> parse_controller(std::string_view name);

// All that a list "cpu,cpuacct" names; names that urc does not know are passed over.
ControllerSet parse_controllers(std::string_view list);

}  // namespace urc::cgroup
