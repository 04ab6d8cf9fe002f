#include "core/process/orphans.h"

#include <sys/wait.h>

namespace urc::process {

void reap_orphans(pid_t except) {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            info.si_pid == except)
            return;
        ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
    }
}

}  // namespace urc::process
