// create: everything but the last word, which `start` says later.
#include "core/lifecycle/launch.h"

namespace urc {

Result<void> create(const Global& global, const CreateOptions& options) {
    auto launched = launch(global, options, StartedBy::socket);
    if (!launched.ok()) return std::move(launched).error();
    return {};
}

}  // namespace urc
