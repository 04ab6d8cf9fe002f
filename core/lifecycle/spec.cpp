// spec: writes an example config.json.
#include <fcntl.h>
#include <unistd.h>

#include "core/cgroup/layout.h"
#include "core/runtime.h"
#include "core/spec/default_spec.h"
#include "uring/file.h"

namespace urc {

Result<void> write_example_spec(const SpecOptions& options) {
    const std::string path = (options.bundle.empty() ? std::string() : options.bundle + "/") + "config.json";
    // O_EXCL rather than a look before: nobody's configuration is replaced, not even one that appears
    // meanwhile.
    auto file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
    if (!file && file.error().code() == EEXIST)
        return Error::message("file " + path + " exists. Remove it first", EEXIST);
    if (!file) return std::move(file).error();
    auto layout = cgroup::Layout::detect();
    const bool is_unified = layout && layout->version() == cgroup::Version::v2;
    return write_all(file->get(), default_spec(options.rootless, ::geteuid(), ::getegid(), is_unified), path);
}

}  // namespace urc
