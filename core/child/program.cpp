// What the user's program gets and where it is: its environment, and the search in $PATH.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/child/launch.h"
#include "core/errno_words.h"
#include "core/number.h"
#include "uring/file.h"

namespace urc::child {

namespace {

std::string_view variable_name(std::string_view entry) {
    return entry.substr(0, entry.find('='));
}

std::string_view value_of(const std::vector<std::string>& env, std::string_view name) {
    for (const std::string& entry : env)
        if (variable_name(entry) == name && entry.size() > name.size())
            return std::string_view(entry).substr(name.size() + 1);
    return {};
}

// The home directory of `uid` by the container's own passwd file; "/" when it says nothing.
std::string find_home(uid_t uid) {
    // O_NONBLOCK and a bound: the file belongs to the image, and may be a fifo or without end.
    auto file = open_at(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (!file.ok() || ::fstat(file->get(), &status) < 0 || !S_ISREG(status.st_mode)) return "/";
    auto text = read_all(file->get(), 8u << 20, "/etc/passwd");
    if (!text.ok()) return "/";
    std::string_view rest = *text;
    while (!rest.empty()) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        std::string_view fields[7];
        std::size_t count = 0;
        for (std::string_view left = line; count < 7; ++count) {
            std::size_t colon = left.find(':');
            fields[count] = left.substr(0, colon);
            if (colon == std::string_view::npos) {
                ++count;
                break;
            }
            left.remove_prefix(colon + 1);
        }
        if (count >= 6 && parse_number<uid_t>(fields[2]) == uid && !fields[5].empty())
            return std::string(fields[5]);
    }
    return "/";
}

Error not_executable(const std::string& name, std::string_view reason, int code) {
    return Error::message("exec: \"" + name + "\": " + std::string(reason), code);
}

// 0, or the errno that says why `path` is no program.
int check_program(const char* path) {
    struct stat status;
    if (::stat(path, &status) < 0) return errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    if (!S_ISREG(status.st_mode)) return EACCES;
    return ::faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

}  // namespace

// Of a variable given twice the last one counts and only that one stays; HOME is filled in when it is missing
// or empty (contract: programs rely on it); the caller's environment plays no part.
std::vector<std::string> make_environment(const Launch& launch) {
    const std::vector<std::string>& given = launch.process->env;
    std::vector<std::string> env;
    env.reserve(given.size() + 4);
    for (std::size_t i = 0; i < given.size(); ++i) {
        std::string_view name = variable_name(given[i]);
        bool is_given_again =
            std::any_of(given.begin() + static_cast<std::ptrdiff_t>(i) + 1, given.end(),
                        [&](const std::string& later) { return variable_name(later) == name; });
        bool is_replaced = (launch.listen_fds > 0 && name.starts_with("LISTEN_") &&
                            (name == "LISTEN_FDS" || name == "LISTEN_PID" || name == "LISTEN_FDNAMES")) ||
                           (launch.says_watchdog_pid && name == "WATCHDOG_PID");
        bool is_empty_home = given[i] == "HOME=";
        if (!is_given_again && !is_replaced && !is_empty_home) env.push_back(given[i]);
    }
    if (value_of(env, "HOME").empty()) env.push_back("HOME=" + find_home(launch.process->user.uid));
    if (launch.listen_fds > 0) {
        // sd_listen_fds(3): the receiver compares LISTEN_PID with its own. For the init that is mostly 1.
        env.push_back("LISTEN_FDS=" + std::to_string(launch.listen_fds));
        // What the last page clones is told its own by the word `go`; there is room for it.
        std::string own = launch.clones_last ? std::string(kPidTextSize, '\0') : std::to_string(::getpid());
        env.push_back("LISTEN_PID=" + own);
        if (!launch.listen_names.empty()) env.push_back("LISTEN_FDNAMES=" + launch.listen_names);
    }
    if (launch.says_watchdog_pid) env.push_back("WATCHDOG_PID=" + std::to_string(::getpid()));
    return env;
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env,
                                 bool is_elsewhere) {
    if (name.find('/') != std::string::npos) {
        int code = check_program(name.c_str());
        if (code == 0) return name;
        // Who is not in the pid namespace yet has no /proc/self there: execve will say.
        if (is_elsewhere && code == ENOENT && name.starts_with("/proc/")) return name;
        if (code == ENOENT || code == ENOTDIR)
            return not_executable(name, "stat " + name + ": " + errno_words(code), code);
        std::string reason = errno_words(code);
        // execve(2) calls a directory EACCES, and docker takes its exit status 126 from those words.
        if (code == EISDIR) reason += ": " + errno_words(EACCES);
        return not_executable(name, reason, code);
    }
    std::string_view path = value_of(env, "PATH");
    while (!name.empty() && !path.empty()) {
        std::string_view directory = path.substr(0, path.find(':'));
        std::string candidate = directory.empty() ? "." : std::string(directory);
        candidate.append("/").append(name);
        if (check_program(candidate.c_str()) == 0) return candidate;
        if (directory.size() == path.size()) break;
        path.remove_prefix(directory.size() + 1);
    }
    return not_executable(name, "executable file not found in $PATH", ENOENT);
}

}  // namespace urc::child
