#include "core/systemd/unit_name.h"

namespace urc::systemd {

namespace {

constexpr std::string_view kSliceSuffix = ".slice";
constexpr std::size_t kNameMax = 255;  // UNIT_NAME_MAX in systemd

Error bad_path(std::string_view path) {
    return Error::message("linux.cgroupsPath: expected \"slice:prefix:name\" for systemd cgroups, got \"" +
                          std::string(path) + "\"");
}

}  // namespace

Result<UnitName> unit_name(std::string_view cgroups_path, std::string_view id, Instance instance) {
    UnitName name{instance == Instance::system ? "system.slice" : "user.slice", {}};
    std::string_view prefix = "urc", own = id;
    if (!cgroups_path.empty()) {
        std::size_t first = cgroups_path.find(':');
        std::size_t second = first == std::string_view::npos ? first : cgroups_path.find(':', first + 1);
        if (second == std::string_view::npos) return bad_path(cgroups_path);
        if (first > 0) name.slice = cgroups_path.substr(0, first);
        prefix = cgroups_path.substr(first + 1, second - first - 1);
        own = cgroups_path.substr(second + 1);
        if (own.empty() || own.find(':') != std::string_view::npos) return bad_path(cgroups_path);
        if (own.ends_with(kSliceSuffix))
            return Error::message("linux.cgroupsPath: a slice cannot hold a container: " + std::string(own));
    }
    name.scope.append(prefix).append("-").append(own).append(".scope");
    if (name.scope.size() > kNameMax || name.scope.find('/') != std::string::npos)
        return Error::message("linux.cgroupsPath: not the name of a unit: " + name.scope);
    return name;
}

Result<std::string> slice_path(std::string_view slice) {
    Error bad = Error::message("linux.cgroupsPath: invalid slice name: " + std::string(slice));
    if (!slice.ends_with(kSliceSuffix) || slice.size() > kNameMax || slice.find('/') != std::string::npos)
        return bad;
    std::string_view stem = slice.substr(0, slice.size() - kSliceSuffix.size());
    if (stem == "-") return std::string();
    std::string path;
    for (std::size_t dash = 0; dash != std::string_view::npos;) {
        std::size_t begin = dash == 0 ? 0 : dash + 1;
        dash = stem.find('-', begin);
        // Two dashes in a row, or one at an end, name nothing.
        if (begin == stem.size() || dash == begin) return bad;
        path.append("/").append(stem.substr(0, dash)).append(kSliceSuffix);
    }
    return path;
}

}  // namespace urc::systemd
