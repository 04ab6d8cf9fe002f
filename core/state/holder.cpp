#include "core/state/holder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "core/number.h"
#include "uring/file.h"

namespace urc {
namespace {

constexpr std::size_t kLocksSizeMax = std::size_t{64} << 20;
constexpr std::size_t kCommandSizeMax = 120;

std::string proc(pid_t pid, std::string_view file) {
    return ("/proc/" + std::to_string(pid)).append("/").append(file);
}

// The next word of `text`, which loses it.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

// "1: FLOCK  ADVISORY  WRITE 708 00:1a:27 0 EOF"; one that waits has "->" behind the number.
pid_t holder_in(std::string_view locks, const std::string& file) {
    while (!locks.empty()) {
        std::string_view line = locks.substr(0, locks.find('\n'));
        locks.remove_prefix(std::min(locks.size(), line.size() + 1));
        std::array<std::string_view, 6> words;
        for (std::string_view& word : words) word = take_word(line);
        if (words[1] == "FLOCK" && words[3] == "WRITE" && words[5] == file)
            return parse_number<pid_t>(words[4]).value_or(0);
    }
    return 0;
}

pid_t holder_of(int directory) {
    struct stat info {};
    if (::fstat(directory, &info) != 0) return 0;
    char file[64];
    (void)std::snprintf(file, sizeof file, "%02x:%02x:%lu", major(info.st_dev), minor(info.st_dev),
                        static_cast<unsigned long>(info.st_ino));
    auto locks = read_file_at(AT_FDCWD, "/proc/locks", kLocksSizeMax);
    return locks ? holder_in(*locks, file) : 0;
}

Pidfd pidfd_if_alive(pid_t pid) {
    return Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

std::string command_of(pid_t pid) {
    auto text = read_file_at(AT_FDCWD, proc(pid, "cmdline").c_str());
    if (!text) return {};
    while (!text->empty() && text->back() == '\0') text->pop_back();
    std::replace(text->begin(), text->end(), '\0', ' ');
    if (text->size() > kCommandSizeMax) text->replace(kCommandSizeMax, text->npos, "...");
    return *text;
}

// The last name of the path behind /proc/PID/exe; "" when it cannot be read.
std::string program_of(const std::string& link) {
    char path[4096];
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
    if (length <= 0) return {};
    const std::string_view text(path, static_cast<std::size_t>(length));
    return std::string(text.substr(text.rfind('/') + 1));
}

std::vector<pid_t> children_of(pid_t pid) {
    auto list = read_file_at(AT_FDCWD, proc(pid, "task/" + std::to_string(pid) + "/children").c_str());
    std::vector<pid_t> pids;
    std::string_view rest = list ? std::string_view(*list) : std::string_view();
    while (auto child = parse_number<pid_t>(take_word(rest))) pids.push_back(*child);
    return pids;
}

}  // namespace

bool Holder::is_urc() const {
    const std::string theirs = program_of(proc(pid, "exe"));
    return !theirs.empty() && theirs == program_of("/proc/self/exe");
}

void Holder::kill_children() const {
    for (pid_t child : children_of(pid)) {
        const Pidfd held = pidfd_if_alive(child);
        if (!held) continue;
        // Still its child now that we hold it? Then the number is not another one's.
        const std::vector<pid_t> now = children_of(pid);
        if (std::find(now.begin(), now.end(), child) == now.end()) continue;
        if (::getpgid(child) == child) ::kill(-child, SIGKILL);
        ::syscall(SYS_pidfd_send_signal, held.get(), SIGKILL, nullptr, 0);
    }
}

void Holder::kill() const {
    ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

std::optional<Holder> find_holder(int directory) {
    const pid_t pid = holder_of(directory);
    if (pid <= 0) return std::nullopt;
    Pidfd process = pidfd_if_alive(pid);
    // It still is, so what we hold is the one that was listed.
    if (!process || holder_of(directory) != pid) return std::nullopt;
    return Holder{pid, std::move(process), command_of(pid)};
}

}  // namespace urc
