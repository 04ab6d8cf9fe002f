// ps: the processes of a container, by their numbers on the host. The table is the host's own ps(1), asked
// for everything, with only the header and the rows of the container left.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "core/lifecycle/find.h"
#include "core/lifecycle/hold.h"
#include "core/lifecycle/ps_table.h"
#include "core/number.h"
#include "uring/file.h"

namespace urc {
namespace {

constexpr std::size_t kOutputMax = std::size_t{64} << 20;

struct FileActions {
    FileActions() { ::posix_spawn_file_actions_init(&actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions); }
    posix_spawn_file_actions_t actions;
};

// Its stdout; an Error with the first line of its stderr when it fails.
Result<std::string> run_ps(const std::vector<std::string>& options) {
    std::vector<std::string> words{"ps"};
    words.insert(words.end(), options.begin(), options.end());
    if (options.empty()) words.emplace_back("-ef");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe", "ps");
    Fd output(ends[0]), input(ends[1]);
    Fd complaints(::memfd_create("ps", MFD_CLOEXEC));
    if (!complaints) return Error::last("memfd_create", "ps");
    FileActions files;
    ::posix_spawn_file_actions_addopen(&files.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files.actions, input.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files.actions, complaints.get(), STDERR_FILENO);
    pid_t pid = -1;
    int code = ::posix_spawnp(&pid, "ps", &files.actions, nullptr, arguments.data(), environ);
    if (code != 0) return Error(code, "execute", "ps");
    input.reset();
    auto text = read_all(output.get(), kOutputMax, "the output of ps");
    output.reset();  // so that a ps that has more to say ends as well
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!text.ok() || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return text;
    (void)::lseek(complaints.get(), 0, SEEK_SET);
    URC_TRY(std::string said, read_all(complaints.get(), kOutputMax, "the errors of ps"));
    said.resize(std::min(said.size(), said.find('\n')));
    return Error::message("ps: " + (said.empty() ? "failed" : said), ECHILD);
}

// The words of a line, by position.
std::string_view word_at(std::string_view line, std::size_t index) {
    for (std::size_t at = 0;; ++at) {
        const std::size_t begin = line.find_first_not_of(" \t");
        if (begin == line.npos) return {};
        line.remove_prefix(begin);
        const std::string_view word = line.substr(0, line.find_first_of(" \t"));
        if (at == index) return word;
        line.remove_prefix(word.size());
    }
}

}  // namespace

Result<std::string> filter_ps_table(std::string_view table, const std::vector<pid_t>& pids) {
    const std::string_view header = table.substr(0, table.find('\n'));
    std::size_t column = 0;
    while (!word_at(header, column).empty() && word_at(header, column) != "PID") ++column;
    if (word_at(header, column).empty()) return Error::message("couldn't find PID field in ps output");
    std::string rows = std::string(header) + "\n";
    for (std::string_view rest = table.substr(std::min(table.size(), header.size() + 1)); !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const auto pid = parse_number<pid_t>(word_at(line, column));
        if (!pid || !std::binary_search(pids.begin(), pids.end(), *pid)) continue;
        rows += line;
        rows += '\n';
    }
    return rows;
}

Result<std::vector<pid_t>> pids(const Global& global, std::string_view id) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY(State state, load_container(dir));
    warn_if_rootless(global, state, "ps");
    URC_TRY(cgroup::Cgroup group, require_cgroup(state));
    return group.pids();
}

Result<std::string> ps_table(const Global& global, std::string_view id,
                             const std::vector<std::string>& ps_options) {
    URC_TRY(std::vector<pid_t> wanted, pids(global, id));
    URC_TRY(std::string table, run_ps(ps_options));
    return filter_ps_table(table, wanted);
}

}  // namespace urc
