// urc attach: the terminal or the streams of a container that runs already.
#include <unistd.h>

#include "cli/command.h"
#include "uring/file.h"

namespace urc::cli {

int attach_command(Session& session) {
    AttachOptions attach_options;
    OptionSet options;
    options.text("detach-keys", 0, attach_options.detach_keys,
                 "keys that leave the container: characters and ctrl-X, separated by commas; empty: none "
                 "(default: ctrl-p,ctrl-q)");
    options.flag("no-stdin", 0, attach_options.no_stdin, "only watch");
    options.flag("sig-proxy", 0, attach_options.sig_proxy,
                 "hand signals on to the container's init process (default: unless it has a terminal)");
    if (auto status = session.begin(options)) return *status;
    auto end = attach(session.global(), session.argument(0), attach_options);
    if (!end) return session.fail(end.error());
    if (end->is_detached) (void)write_all(STDERR_FILENO, "urc: detached\n", "stderr");
    return end->status;
}

}  // namespace urc::cli
