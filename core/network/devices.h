// linux.netDevices: interfaces of the host that move into the container's network namespace (runtime-spec,
// config-linux.md "Network Devices").
//
//   host                                             container
//   eth1  UP  192.0.2.1/24, fe80::1/64 (link)  --->  eth1, or the name that was asked for, UP, 192.0.2.1/24
//
// Only permanent addresses of global scope come along: the others belong to the host or come by themselves.
// The way back is the kernel's: when the namespace ends, a physical device returns to the initial namespace
// and a virtual one (veth, dummy) is gone. Nothing but that undoes it when the creation fails later, so all
// that can be refused is refused before the first device moves.
#pragma once

#include <vector>

#include "core/spec/spec.h"
#include "uring/result.h"

namespace urc::network {

// From the caller's network namespace to the one behind the descriptor, which must be another one. Takes
// CAP_NET_ADMIN and CAP_SYS_ADMIN over both. The caller is in its own namespace again afterwards.
Result<void> move_devices(const std::vector<spec::NetDevice>& devices, int target);

}  // namespace urc::network
