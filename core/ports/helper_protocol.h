// What a Helper and its process say to each other, and the process's side of it (helper_process.cpp).
#pragma once

#include <cstdint>

#include "core/ports/helper.h"

namespace urc::ports {

struct HelperRequest {
    SocketKind kind{};
    std::uint8_t count = 0;
};

enum class HelperStep : std::uint8_t {
    none,
    join_user,
    join_network,
    drop,
    filter,
    socket,
    rule,  // these by the process of a TransparentRoutes
    route,
    setting,
};
const char* helper_step_text(HelperStep step) noexcept;

struct HelperReply {
    std::int32_t code = 0;  // an errno of `step`; 0: all is well, `count` descriptors come along
    HelperStep step = HelperStep::none;
    std::uint8_t count = 0;
};

struct HelperFailure {
    HelperStep step = HelperStep::none;
    int code = 0;
};

// The beginning of a process in the namespace, called `name`: no signal reaches it, of all descriptors it has
// `socket` as kHelperSocket, and of capabilities what the options say.
constexpr int kHelperSocket = 0;
HelperFailure enter_network_namespace(int socket, int network_namespace, const char* name,
                                      const HelperOptions& options);

// Joins the namespace, gives up what it does not need, and answers until `socket` is closed. In a process
// that has been cloned for it.
[[noreturn]] void be_helper(int socket, int network_namespace, pid_t owner, const HelperOptions& options);

}  // namespace urc::ports
