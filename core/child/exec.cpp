// From the last step of the set-up to the user's program: environment, the search in $PATH, and the list of
// calls that the last page works off.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/child/last_page.h"
#include "core/child/launch.h"
#include "core/child/listener.h"
#include "core/errno_words.h"
#include "core/hooks/process.h"
#include "core/number.h"
#include "core/spec/names.h"
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
        bool is_replaced = launch.listen_fds > 0 && (name == "LISTEN_FDS" || name == "LISTEN_PID");
        bool is_empty_home = given[i] == "HOME=";
        if (!is_given_again && !is_replaced && !is_empty_home) env.push_back(given[i]);
    }
    if (value_of(env, "HOME").empty()) env.push_back("HOME=" + find_home(launch.process->user.uid));
    if (launch.listen_fds > 0) {
        // sd_listen_fds(3): the receiver compares LISTEN_PID with its own. For the init that is mostly 1.
        env.push_back("LISTEN_FDS=" + std::to_string(launch.listen_fds));
        env.push_back("LISTEN_PID=" + std::to_string(::getpid()));
    }
    return env;
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env) {
    if (name.find('/') != std::string::npos) {
        int code = check_program(name.c_str());
        if (code == 0) return name;
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

namespace {

// Everything that the listed calls point to. It lives on the heap, and stays there until execve.
struct Image {
    std::string program;
    std::vector<std::string> args, env;
    std::vector<char*> argv, envp;
    __user_cap_header_struct cap_header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct cap_data[2]{};
    sock_fprog filter{};
    std::optional<ListenerHandover> handover;
    std::vector<rlimit> limits;
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (std::string& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

template <typename T>
long address(T* pointer) {
    return reinterpret_cast<long>(pointer);
}

// `withheld` are capabilities that this process shall not have, whatever the configuration says.
void add_capabilities(LastPage& page, Image& image, const Launch& launch, std::uint64_t withheld) {
    spec::Capabilities sets = launch.process->capabilities.value_or(spec::Capabilities{});
    for (std::uint64_t* set : {&sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient})
        *set &= ~withheld;
    for (unsigned word = 0; word < 2; ++word) {
        image.cap_data[word].effective = static_cast<std::uint32_t>(sets.effective >> (32 * word));
        image.cap_data[word].permitted = static_cast<std::uint32_t>(sets.permitted >> (32 * word));
        image.cap_data[word].inheritable = static_cast<std::uint32_t>(sets.inheritable >> (32 * word));
    }
    for (long capability = 0; capability < 64; ++capability)
        if (sets.bounding & withheld & (std::uint64_t{1} << capability))
            page.add("drop capability " + std::to_string(capability), SYS_prctl, PR_CAPBSET_DROP, capability);
    page.add("set capabilities", SYS_capset, address(&image.cap_header), address(image.cap_data));
    page.add("", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    for (long capability = 0; capability < 64; ++capability)
        if (sets.ambient >> capability & 1)
            page.add("", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
}

// Here and not earlier: a limit on descriptors, files or memory is meant for the program, not for our set-up.
// The hard limits that only the host's root may raise were raised by the parent where that is no longer us.
void add_rlimits(LastPage& page, Image& image, const Launch& launch) {
    const auto& rlimits = launch.process->rlimits;
    image.limits.reserve(rlimits.size());
    for (const spec::Rlimit& limit : rlimits) {
        image.limits.push_back({limit.soft, limit.hard});
        page.add("set " + std::string(spec::rlimit_name(limit.resource)), SYS_prlimit64, 0, limit.resource,
                 address(&image.limits.back()), 0);
    }
}

void add_seccomp(LastPage& page, Image& image, const Launch& launch) {
    if (!launch.seccomp) return;
    image.filter.len = static_cast<unsigned short>(launch.seccomp->instructions.size());
    image.filter.filter = const_cast<sock_filter*>(launch.seccomp->instructions.data());
    LastPage::Call& load = page.add("load the seccomp filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                    static_cast<long>(launch.seccomp->flags), address(&image.filter));
    if (image.handover) image.handover->add_calls(page, load);
}

// create: blocks until `urc start` connects and says go; its connection becomes the channel for what may
// still fail.
void wait_for_start(Launch& launch) {
    launch.channel.close();
    for (;;) {
        Fd connection(::accept4(launch.start_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            ::_exit(1);
        }
        process::Channel channel{std::move(connection)};
        auto received = channel.receive();
        if (!received.ok() || received->type != process::Message::go) continue;
        launch.start_listener.reset();
        launch.channel = std::move(channel);
        return;
    }
}

// run: the parent's word, which is mostly there already. End of file: it died, and the container was never
// started.
void wait_for_go(Launch& launch) {
    auto received = launch.channel.expect(process::Message::go);
    if (!received.ok()) ::_exit(1);
}

std::unique_ptr<Image> make_image(std::string program, std::vector<std::string> args,
                                  std::vector<std::string> env) {
    auto image = std::make_unique<Image>();
    image->program = std::move(program);
    image->args = std::move(args);
    image->env = std::move(env);
    image->argv = pointers(image->args);
    image->envp = pointers(image->env);
    return image;
}

// All that is left between urc and a program inside.
Result<void> add_calls(LastPage& page, Image& image, const Launch& launch, std::uint64_t withheld) {
    // Where it is not supported, urc runs from a sealed copy already (process/sealed_copy.h).
    if (LastPage::is_supported()) URC_TRY_VOID(page.add_leave_image());
    if (launch.seccomp && launch.seccomp->has_notify) {
        URC_TRY(ListenerHandover handover, ListenerHandover::make());
        image.handover.emplace(std::move(handover));
    }
    add_rlimits(page, image, launch);
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, so it must come before the capabilities go; with it,
    // it comes last, so that the profile has to allow as little as possible of what we do ourselves.
    bool no_new_privileges = launch.process->no_new_privileges;
    if (!no_new_privileges) add_seccomp(page, image, launch);
    add_capabilities(page, image, launch, withheld);
    page.add("close descriptors", SYS_close_range, 3 + launch.passed_fds, ~0U, CLOSE_RANGE_CLOEXEC);
    if (no_new_privileges) {
        page.add("set no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
        add_seccomp(page, image, launch);
    }
    page.add("exec " + image.program, SYS_execve, address(image.program.data()), address(image.argv.data()),
             address(image.envp.data()));
    return {};
}

Result<void> start_handover(Image& image, const Launch& launch) {
    return image.handover ? image.handover->start(launch.channel) : Result<void>{};
}

// The process of a startContainer hook. Its path leads into an image that may be hostile, so it leaves urc's
// executable behind just as the init does later, and is confined by the same list of calls. But the init
// beside it is still urc's, with all capabilities and no filter, and only not being dumpable protects it: so
// this process goes without CAP_SYS_PTRACE, which overrules that (ptrace(2), unless our memory belongs to a
// user namespace above the container's).
[[noreturn]] void become_hook(const Launch& launch, const spec::Hook& hook,
                              const std::vector<std::string>& env, const process::Channel& report) {
    auto image = make_image(hook.path, hooks::arguments_of(hook), hook.env.empty() ? env : hook.env);
    LastPage page;
    auto added = add_calls(page, *image, launch, launch.is_in_user ? 0 : std::uint64_t{1} << CAP_SYS_PTRACE);
    // A filter that notifies is the hook's, too; its listener takes the same way to the agent as the
    // program's.
    if (added.ok()) added = start_handover(*image, launch);
    if (added.ok()) page.run(report.get());
    (void)report.send_error(added.error());
    ::_exit(1);
}

}  // namespace

void execute(Launch& launch, std::string program, std::vector<std::string> env) {
    auto image = make_image(std::move(program), launch.process->args, std::move(env));
    LastPage page;
    if (auto added = add_calls(page, *image, launch, 0); !added.ok()) {
        (void)launch.channel.send_error(added.error());
        ::_exit(1);
    }

    if (launch.reports_ready && !launch.channel.send(process::Message::ready).ok()) ::_exit(1);
    if (launch.start_listener)
        wait_for_start(launch);
    else
        wait_for_go(launch);
    if (launch.has_hooks) {
        auto become = [&](const spec::Hook& hook, const process::Channel& report) {
            become_hook(launch, hook, image->env, report);
        };
        if (auto done = run_start_hooks(launch, become); !done.ok()) {
            (void)launch.channel.send_error(done.error());
            ::_exit(1);
        }
    }
    if (auto started = start_handover(*image, launch); !started.ok()) {
        (void)launch.channel.send_error(started.error());
        ::_exit(1);
    }
    page.run(launch.channel.get());
}

}  // namespace urc::child
