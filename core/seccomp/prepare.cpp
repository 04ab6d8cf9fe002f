#include "core/seccomp/cache.h"
#include "core/seccomp/seccomp.h"

namespace urc::seccomp {

Result<Program> prepare(std::string_view section, int state_root_fd) {
    if (section.empty() || state_root_fd < 0) return compile(section);
    if (auto cached = find_cached(state_root_fd, section)) return std::move(*cached);
    URC_TRY(Program program, compile(section));
    if (!program.instructions.empty()) store_cached(state_root_fd, section, program);
    return program;
}

}  // namespace urc::seccomp
