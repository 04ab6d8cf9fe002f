// Where the containers' state lives: --root, or what this user gets without it.
//
//   root of the first user namespace          /run/NAME; $XDG_RUNTIME_DIR is not looked at
//   root of another user namespace            $XDG_RUNTIME_DIR/NAME unless $USER is "root"
//   anybody else                              $XDG_RUNTIME_DIR/NAME
//   ... without $XDG_RUNTIME_DIR              /run/NAME, which then fails where it is used
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "core/runtime.h"
#include "uring/file.h"

namespace urc {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// The first user namespace maps every id onto itself.
bool is_in_first_user_namespace() {
    auto map = read_file_at(AT_FDCWD, "/proc/self/uid_map", 4096);
    if (!map) return true;  // a kernel without user namespaces
    unsigned long inside = 0, outside = 0, size = 0;
    return std::sscanf(map->c_str(), "%lu %lu %lu", &inside, &outside, &size) == 3 && inside == 0 &&
           outside == 0 && size == 4294967295UL;
}

bool uses_xdg_directory() {
    if (environment("XDG_RUNTIME_DIR").empty()) return false;
    if (::geteuid() != 0) return true;
    return environment("USER") != "root" && !is_in_first_user_namespace();
}

// Lexical, as for every program's path arguments: "a/../b" is "b" whatever a is.
Result<std::string> make_absolute(std::string_view path) {
    std::string joined;
    if (path.empty() || path[0] != '/') {
        char* directory = ::getcwd(nullptr, 0);
        if (!directory) return Error::last("getcwd");
        joined = directory;
        std::free(directory);
        joined += '/';
    }
    joined += path;
    std::string clean;
    for (std::size_t begin = 0; begin < joined.size();) {
        std::size_t end = joined.find('/', begin);
        if (end == joined.npos) end = joined.size();
        const std::string_view part(joined.data() + begin, end - begin);
        if (part == "..") {
            clean.resize(clean.empty() ? 0 : clean.rfind('/'));
        } else if (!part.empty() && part != ".") {
            clean += '/';
            clean += part;
        }
        begin = end + 1;
    }
    return clean.empty() ? std::string("/") : clean;
}

// The sticky bit keeps those who tidy $XDG_RUNTIME_DIR (systemd-tmpfiles) away from it.
Result<void> make_sticky(const std::string& path) {
    constexpr std::string_view kHint =
        "XDG_RUNTIME_DIR is set but cannot be used; set it right or give --root";
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Error::last("mkdir", path).context(kHint);
    if (::chmod(path.c_str(), 01700) != 0) return Error::last("chmod", path).context(kHint);
    return {};
}

}  // namespace

Result<StateRoot> find_state_root(const RootOptions& options) {
    if (options.given) {
        // "" is no directory; it must not become the working directory by accident.
        if (options.given->empty()) return Error::message("option --root: an empty path is no directory");
        URC_TRY(std::string path, make_absolute(*options.given));
        if (path == "/") return Error::message("option --root: the root directory cannot hold the state");
        return StateRoot{std::move(path), false};
    }
    const std::string name(options.program);
    if (!uses_xdg_directory()) return StateRoot{"/run/" + name, true};
    std::string path = std::string(environment("XDG_RUNTIME_DIR")) + "/" + name;
    URC_TRY_VOID(make_sticky(path));
    return StateRoot{std::move(path), true};
}

}  // namespace urc
