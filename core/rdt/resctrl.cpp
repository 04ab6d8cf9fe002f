#include "core/rdt/resctrl.h"

#include <dirent.h>

#include <algorithm>
#include <memory>

#include "core/cgroup/path.h"
#include "core/mountinfo.h"
#include "uring/file.h"

namespace urc::rdt {

namespace {

constexpr std::size_t kMountinfoSizeMax = std::size_t{64} << 20;

bool is_there(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    std::unique_ptr<DIR, CloseDir> dir(::opendir(directory.c_str()));
    while (dir) {
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr) break;
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<Resctrl> Resctrl::find(const Host& host) {
    URC_TRY(std::string text, read_file_at(AT_FDCWD, host.mountinfo, kMountinfoSizeMax));
    for (std::string_view mounts = text; !mounts.empty();) {
        MountLine mount = take_mount_line(mounts);
        if (mount.type == "resctrl") return Resctrl(cgroup::unescape_octal(mount.point));
    }
    return Error::message("Intel RDT is not supported here, or its resctrl file system is not mounted",
                          ENOTSUP);
}

// With code and data apart (mount option cdp) there is no L3.
bool Resctrl::shares_cache() const {
    return is_there(root_ + "/info/L3") || is_there(root_ + "/info/L3CODE");
}

bool Resctrl::shares_bandwidth() const {
    return is_there(root_ + "/info/MB");
}

bool Resctrl::watches(std::string_view feature) const {
    const std::string text = info("info/L3_MON/mon_features");
    for (std::string_view features = text; !features.empty();)
        if (take_until(features, '\n') == feature) return true;
    return false;
}

std::string Resctrl::info(std::string_view file) const {
    auto text = read_file_at(AT_FDCWD, (root_ + "/" + std::string(file)).c_str());
    if (!text) return {};
    while (text->ends_with('\n')) text->pop_back();
    return std::move(*text);
}

Error Resctrl::explain(Error error) const {
    const std::string status = info("info/last_cmd_status");
    if (status.empty() || status == "ok") return error;
    return Error::message(error.text() + " (" + status + ")", error.code());
}

}  // namespace urc::rdt
