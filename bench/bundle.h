// The bundle that all rows of one run share: a root file system of busybox and the stamp program, a
// config.json, and the seccomp filter for the floor. It lives in a new directory of its own that is removed
// with everything below.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uring/result.h"

namespace urc::bench {

class TempDirectory {
public:
    static Result<TempDirectory> create();  // below $TMPDIR or /tmp
    static Result<TempDirectory> create_in(std::string_view base);
    TempDirectory(TempDirectory&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
    TempDirectory& operator=(TempDirectory&&) = delete;
    ~TempDirectory();
    const std::string& path() const noexcept { return path_; }

private:
    TempDirectory() = default;
    std::string path_;
};

struct ConfigEdit {
    std::vector<std::string> args;               // process.args
    std::string rootfs;                          // root.path
    std::vector<std::string> dropped_resources;  // keys of linux.resources to leave out
    bool has_terminal = false;                   // process.terminal
    std::vector<std::string> environment = {};   // appended to process.env, "NAME=value"
    std::vector<std::pair<std::string, std::string>> binds =
        {};  // appended to mounts: host's path, container's
};

// The same document with the edits made. EINVAL when it is not an object of JSON.
Result<std::string> edit_config(std::string_view json, const ConfigEdit& edit);

// Whether the document has linux.resources.KEY.
bool has_resource(std::string_view json, std::string_view key);

struct Bundle {
    TempDirectory directory;
    TempDirectory state;      // on a tmpfs, as /run is: the runtimes' --root
    std::string path;         // what --bundle gets
    std::string rootfs;       // absolute
    std::string filter_path;  // empty when the configuration has no seccomp profile
    std::vector<std::string> dropped_resources;
};

struct BundleOptions {
    std::string config = "default";  // or "docker", or a file
    std::string stamp;               // the stamp program
    std::vector<std::string> args = {"/bin/stamp"};
    std::vector<std::string> unusable_resources;  // dropped where the configuration asks for them
    std::vector<std::string> programs;            // copied into /bin besides the stamp
    bool has_terminal = false;
};

Result<Bundle> make_bundle(const BundleOptions& options);

// One more bundle with the root file system of `bundle`, in a new directory `path` below bundle.directory.
// `edit.rootfs` and `edit.dropped_resources` are the bundle's.
Result<void> make_sibling(const Bundle& bundle, const std::string& path, const std::string& config,
                          ConfigEdit edit);

}  // namespace urc::bench
