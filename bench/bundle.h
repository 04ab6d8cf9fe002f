// The bundle that all rows of one run share: a root file system of busybox and the stamp program, a
// config.json, and the seccomp filter for the floor. It lives in a new directory of its own that is removed
// with everything below.
#pragma once

#include <string>
#include <string_view>
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
    std::vector<std::string> args;               // process.args; terminal becomes false
    std::string rootfs;                          // root.path
    std::vector<std::string> dropped_resources;  // keys of linux.resources to leave out
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
};

Result<Bundle> make_bundle(const BundleOptions& options);

}  // namespace urc::bench
