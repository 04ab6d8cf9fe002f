// Whose port it is: the socket's inode from /proc/net, its owner from /proc/PID/fd (proc(5)).
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>
#include <set>
#include <string_view>

#include "core/number.h"
#include "core/ports/listen.h"
#include "uring/file.h"

namespace urc::ports {

namespace {

constexpr std::size_t kTableMax = 64 << 20;

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

// `sl: LOCAL:PORT REMOTE:PORT ST TX:RX TR:WHEN RETRANSMITS UID TIMEOUT INODE ...`, the port in hexadecimal.
void collect_inodes(const char* table, const Spec& spec, std::set<std::string>& inodes) {
    auto text = read_file_at(AT_FDCWD, table, kTableMax);
    if (!text.ok()) return;
    std::string_view rest = *text;
    while (!rest.empty()) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        (void)next_word(line);
        const std::string_view local = next_word(line);
        (void)next_word(line);
        const std::string_view state = next_word(line);
        const std::size_t colon = local.rfind(':');
        if (colon == local.npos) continue;
        const auto port = parse_number<std::uint16_t>(local.substr(colon + 1), 65535, 16);
        if (port != spec.host_port || (is_tcp(spec.protocol) && state != "0A")) continue;
        for (int i = 0; i < 5; ++i) (void)next_word(line);
        inodes.insert("socket:[" + std::string(next_word(line)) + "]");
    }
}

bool holds_one(int proc, const std::string& pid, const std::set<std::string>& inodes) {
    Fd fds(::openat(proc, (pid + "/fd").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fds) return false;
    const Directory directory(::fdopendir(fds.get()));
    if (!directory) return false;
    (void)fds.release();
    while (const dirent* entry = ::readdir(directory.get())) {
        std::array<char, 64> target;
        const ssize_t size =
            ::readlinkat(::dirfd(directory.get()), entry->d_name, target.data(), target.size());
        if (size > 0 && inodes.contains(std::string(target.data(), static_cast<std::size_t>(size))))
            return true;
    }
    return false;
}

}  // namespace

std::string describe_holder(const Spec& spec) {
    std::set<std::string> inodes;
    collect_inodes(is_tcp(spec.protocol) ? "/proc/net/tcp" : "/proc/net/udp", spec, inodes);
    collect_inodes(is_tcp(spec.protocol) ? "/proc/net/tcp6" : "/proc/net/udp6", spec, inodes);
    if (inodes.empty()) return {};
    const Directory proc(::opendir("/proc"));
    if (!proc) return {};
    while (const dirent* entry = ::readdir(proc.get())) {
        const std::string pid = entry->d_name;
        if (!parse_number<pid_t>(pid) || !holds_one(::dirfd(proc.get()), pid, inodes)) continue;
        auto name = read_file_at(::dirfd(proc.get()), (pid + "/comm").c_str());
        std::string program = name.ok() ? *name : "?";
        for (char& c : program)
            if (c < ' ' || c == 0x7f) c = '?';
        if (!program.empty()) program.pop_back();  // the line's end
        return ", held by " + program + " (pid " + pid + ")";
    }
    return {};
}

}  // namespace urc::ports
