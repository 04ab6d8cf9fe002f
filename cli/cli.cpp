#include "cli/cli.h"

#include <csignal>

#include "cli/command.h"
#include "core/process/limits.h"

namespace urc::cli {

// Some callers read the version only when it begins with "runc version" (go-runc), and whoever installs urc
// under that name wants runc's state directory too.
int main(int argc, char** argv) {
    // A write beyond RLIMIT_FSIZE is to fail (EFBIG), so that it can be told and undone. The container's
    // process and the hooks get all signals back (core/signals.h).
    (void)std::signal(SIGXFSZ, SIG_IGN);
    process::raise_descriptor_limit();
    const std::string_view path = argc > 0 ? argv[0] : "urc";
    const bool is_called_runc = path.substr(path.rfind('/') + 1) == "runc";
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    Session session(is_called_runc ? "runc" : "urc");
    return session.main(words);
}

}  // namespace urc::cli
