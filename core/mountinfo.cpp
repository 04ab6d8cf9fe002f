#include "core/mountinfo.h"

#include <algorithm>

namespace urc {

std::string_view take_until(std::string_view& text, char separator) {
    std::string_view head = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), head.size() + 1));
    return head;
}

MountLine take_mount_line(std::string_view& mountinfo) {
    std::string_view line = take_until(mountinfo, '\n');
    MountLine mount;
    for (int i = 0; i < 3; ++i) take_until(line, ' ');
    mount.root = take_until(line, ' ');
    mount.point = take_until(line, ' ');
    std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) return {};
    line.remove_prefix(dash + 3);
    mount.type = take_until(line, ' ');
    take_until(line, ' ');
    mount.super_options = take_until(line, ' ');
    return mount;
}

}  // namespace urc
