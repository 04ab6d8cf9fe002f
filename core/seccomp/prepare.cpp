#include "core/seccomp/seccomp.h"

namespace urc::seccomp {

Result<Program> prepare(std::string_view section, int /*state_root_fd*/) {
    return compile(section);
}

}  // namespace urc::seccomp
