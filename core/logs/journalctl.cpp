#include "core/logs/journalctl.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "uring/file.h"

namespace urc::logs {

Result<Journalctl> Journalctl::start(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{"journalctl"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe", "journalctl");
    Fd output(ends[0]), input(ends[1]);
    Fd complaints(::memfd_create("journalctl", MFD_CLOEXEC));
    if (!complaints) return Error::last("memfd_create", "journalctl");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, complaints.get(), STDERR_FILENO);
    pid_t pid = 0;
    const int code = ::posix_spawnp(&pid, "journalctl", &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (code == ENOENT)
        return Error::message("the output is in the journal, and there is no journalctl in $PATH", ENOENT);
    if (code != 0) return Error(code, "execute", "journalctl");
    return Journalctl(pid, std::move(output), std::move(complaints));
}

Journalctl::Journalctl(Journalctl&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      output_(std::move(other.output_)),
      complaints_(std::move(other.complaints_)) {}

Journalctl::~Journalctl() {
    if (pid_ == 0) return;
    (void)::kill(pid_, SIGKILL);
    (void)reap();
}

int Journalctl::reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
}

Result<std::size_t> Journalctl::read(char* buffer, std::size_t size) {
    ssize_t got;
    do {
        got = ::read(output_.get(), buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error::last("read", "the output of journalctl");
    return static_cast<std::size_t>(got);
}

Result<void> Journalctl::finish() {
    output_.reset();
    const int status = reap();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    constexpr std::size_t kSaidMax = 64 << 10;
    (void)::lseek(complaints_.get(), 0, SEEK_SET);
    URC_TRY(std::string said, read_all(complaints_.get(), kSaidMax, "the errors of journalctl"));
    said.resize(std::min(said.size(), said.find('\n')));
    return Error::message("journalctl: " + (said.empty() ? "failed" : said), ECHILD);
}

}  // namespace urc::logs
