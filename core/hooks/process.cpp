// pipe(7), poll(2), waitid(2), close_range(2).
#include "core/hooks/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/errno_words.h"
#include "core/process/limits.h"
#include "core/process/spawn.h"
#include "core/signals.h"

namespace urc::hooks {

namespace {

constexpr std::size_t kTailMax = 4096;     // of what the hook says
constexpr std::size_t kLastLineMax = 256;  // of that, in the message
constexpr int kExecFailed = 127;           // as a shell says it

struct Pipe {
    Fd read, write;
};

Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe");
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Writing to a hook that does not read is no reason to die. SIG_IGN would not do: what is blocked stays
// pending even when it is ignored (a foreground `run` blocks everything), and kills later. So it is blocked
// here, too, and what we have caused ourselves is taken back.
class NoSigpipe {
public:
    NoSigpipe() {
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        const sigset_t pipe = only();
        ::sigprocmask(SIG_BLOCK, &pipe, &before_);
    }
    ~NoSigpipe() {
        const sigset_t pipe = only();
        const timespec at_once{};
        if (!was_pending_) (void)::sigtimedwait(&pipe, nullptr, &at_once);
        ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    }
    NoSigpipe(const NoSigpipe&) = delete;
    NoSigpipe& operator=(const NoSigpipe&) = delete;

private:
    static sigset_t only() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        return set;
    }
    sigset_t before_;
    bool was_pending_;
};

// ---- in the hook's process
// -----------------------------------------------------------------------------------

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
    result.push_back(nullptr);
    return result;
}

Result<void> prepare(const Call& call, const Pipe& input, const Pipe& output) {
    // A session of its own: no signal of our terminal reaches it, and its children die with it by their
    // group.
    if (::setsid() < 0) return Error::last("setsid");
    URC_TRY_VOID(reset_signals());
    process::restore_descriptor_limit();
    if (!call.directory.empty() && ::chdir(call.directory.c_str()) < 0 && ::chdir("/") < 0)
        return Error::last("chdir", "/");
    // 0, 1 and 2 are always open in urc, so none of the pipes is one of them.
    if (::dup3(input.read.get(), 0, 0) < 0 || ::dup3(output.write.get(), 1, 0) < 0 ||
        ::dup3(output.write.get(), 2, 0) < 0)
        return Error::last("dup3");
    // Also what the caller has passed to us for the container.
    if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return Error::last("close_range");
    return {};
}

[[noreturn]] void be_the_hook(const Call& call, const Pipe& input, const Pipe& output,
                              const process::Channel& report) {
    auto prepared = prepare(call, input, output);
    if (!prepared.ok()) {
        (void)report.send_error(prepared.error());
    } else if (call.become) {
        call.become(call.hook, report);
    } else {
        const std::vector<std::string> args = arguments_of(call.hook);
        ::execve(call.hook.path.c_str(), pointers(args).data(), pointers(call.hook.env).data());
        const int code = errno;
        (void)report.send_error(Error::message("exec " + call.hook.path + ": " + errno_words(code), code));
    }
    ::_exit(kExecFailed);
}

// ---- in ours
// -------------------------------------------------------------------------------------------------

std::int64_t monotonic_ms() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Writes what fits. True when there is nothing left to write, or nobody to read it.
bool feed(int pipe, std::string_view& document) {
    while (!document.empty()) {
        ssize_t written = ::write(pipe, document.data(), document.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno != EAGAIN;
        document.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

// Reads what is there and keeps the end of it. True at the end of file.
bool drain(int pipe, std::string& tail) {
    char buffer[4096];
    for (;;) {
        ssize_t got = ::read(pipe, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0 || errno != EAGAIN;
        tail.append(buffer, static_cast<std::size_t>(got));
        if (tail.size() > kTailMax) tail.erase(0, tail.size() - kTailMax);
    }
}

// Until the process ends (true) or its time is over (false).
Result<bool> attend(const Call& call, const Pidfd& process, Fd input, const Fd& output, std::string& tail) {
    const std::int64_t end_ms =
        call.hook.timeout_s ? monotonic_ms() + std::int64_t{*call.hook.timeout_s} * 1000 : 0;
    std::string_view document = call.document;
    bool is_silent = false;
    for (;;) {
        timespec left{};
        if (call.hook.timeout_s) {
            const std::int64_t left_ms = end_ms - monotonic_ms();
            if (left_ms <= 0) return false;
            left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1'000'000};
        }
        pollfd waits[3] = {{process.get(), POLLIN, 0},
                           {input.get(), POLLOUT, 0},
                           {is_silent ? -1 : output.get(), POLLIN, 0}};
        if (::ppoll(waits, 3, call.hook.timeout_s ? &left : nullptr, nullptr) < 0 && errno != EINTR)
            return Error::last("ppoll");
        if (waits[1].revents && feed(input.get(), document)) input.reset();
        if (waits[2].revents && drain(output.get(), tail)) is_silent = true;
        if (waits[0].revents) break;
    }
    // What it said at last; the pipe may still be held by somebody who will say more.
    if (!is_silent) (void)drain(output.get(), tail);
    return true;
}

// The last line that says something, without anything that could break the one line it becomes a part of.
std::string last_line(std::string_view tail) {
    const std::size_t end = tail.find_last_not_of(" \t\r\n");
    if (end == std::string_view::npos) return {};
    tail = tail.substr(0, end + 1);
    std::string line(tail.substr(tail.rfind('\n') + 1).substr(0, kLastLineMax));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; },
        ' ');
    return line;
}

Result<void> judge(const siginfo_t& info, const std::string& tail) {
    if (info.si_code == CLD_EXITED && info.si_status == 0) return {};
    std::string text =
        (info.si_code == CLD_EXITED ? "exit status " : "killed by signal ") + std::to_string(info.si_status);
    if (std::string line = last_line(tail); !line.empty()) text.append(": ").append(line);
    return Error::message(text, ECANCELED);
}

}  // namespace

std::vector<std::string> arguments_of(const spec::Hook& hook) {
    return hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
}

Result<void> run_process(const Call& call) {
    URC_TRY(Pipe input, make_pipe());
    URC_TRY(Pipe output, make_pipe());
    URC_TRY(process::Channel::Pair report, process::Channel::make());
    for (int end : {input.write.get(), output.read.get()})
        if (::fcntl(end, F_SETFL, O_NONBLOCK) < 0) return Error::last("fcntl", "pipe");
    URC_TRY(process::Cloned hook, process::clone_process({}));
    if (hook.pid == 0) be_the_hook(call, input, output, report.child);

    input.read.reset();
    output.write.reset();
    report.child.close();
    NoSigpipe no_sigpipe;
    std::string tail;
    auto ended = attend(call, hook.pidfd, std::move(input.write), output.read, tail);
    // It is not reaped yet, so the number is still its own. Both: it may not have come to setsid.
    if (!ended.ok() || !*ended) {
        ::kill(-hook.pid, SIGKILL);
        ::kill(hook.pid, SIGKILL);
    }
    siginfo_t info{};
    while (::waitid(P_PIDFD, static_cast<id_t>(hook.pidfd.get()), &info, WEXITED) < 0 && errno == EINTR) {
    }
    if (!ended.ok()) return std::move(ended).error();
    if (!*ended)
        return Error::message("timeout " + std::to_string(*call.hook.timeout_s) + "s exceeded", ETIMEDOUT);
    if (auto said = report.parent.receive(); !said.ok()) return std::move(said).error();
    return judge(info, tail);
}

}  // namespace urc::hooks
