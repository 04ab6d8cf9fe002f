#include "bench/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "uring/file.h"

namespace urc::bench {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int) {
    interrupted = 1;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
    return result;
}

std::vector<char*> environment_of(const Command& command) {
    std::vector<char*> result = pointers(command.environment);
    for (char** entry = environ; *entry != nullptr; ++entry) result.push_back(*entry);
    result.push_back(nullptr);
    return result;
}

// 0 when it ended, otherwise the errno (ETIME: not in time).
int wait_for_end(int pidfd, int timeout_ms) {
    pollfd entry{pidfd, POLLIN, 0};
    for (;;) {
        const int ready = ::poll(&entry, 1, timeout_ms);
        if (ready > 0) return 0;
        if (ready == 0) return ETIME;
        if (errno != EINTR) return errno;
    }
}

}  // namespace

std::uint64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

double seconds_since(std::uint64_t begun_ns) {
    return static_cast<double>(monotonic_ns() - begun_ns) / 1e9;
}

void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    for (int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

bool was_interrupted() {
    return interrupted != 0;
}

Result<Launch> Launch::begin(const Command& command) {
    Launch launch;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last("pipe");
    launch.output_ = Fd(ends[0]);
    const Fd writer(ends[1]);
    launch.errors_ = Fd(::memfd_create("stderr", MFD_CLOEXEC));
    if (!launch.errors_) return Error::last("memfd_create");

    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, launch.errors_.get(), 2);
    for (const auto& [fd, number] : command.descriptors)
        ::posix_spawn_file_actions_adddup2(&actions, fd, number);
    std::vector<char*> argv = pointers(command.argv);
    argv.push_back(nullptr);
    std::vector<char*> environment = environment_of(command);

    launch.begun_ns_ = monotonic_ns();
    const int error =
        ::posix_spawnp(&launch.pid_, argv[0], &actions, &attributes, argv.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) return Error(error, "spawn", command.argv[0]);
    launch.pidfd_ = Pidfd(static_cast<int>(::syscall(SYS_pidfd_open, launch.pid_, 0)));
    if (!launch.pidfd_) return Error::last("pidfd_open", command.argv[0]);
    return launch;
}

void Launch::kill() noexcept {
    was_killed_ = true;
    ::kill(pid_, SIGKILL);  // not reaped yet: the number is still this process
}

Outcome Launch::finish() {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0 && errno == EINTR) {
    }
    Outcome outcome;
    outcome.pid = pid_;
    outcome.wall_ns = monotonic_ns() - begun_ns_;

    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);  // something left behind may still hold the other end
    char buffer[4096];
    for (ssize_t size; (size = ::read(output_.get(), buffer, sizeof buffer)) > 0;)
        bytes_.append(buffer, static_cast<std::size_t>(size));

    if (was_killed_) {
        outcome.failure = "killed: no end in time";
    } else if (info.si_code != CLD_EXITED || info.si_status != 0) {
        outcome.failure = failure_text(info.si_code, info.si_status);
    } else if (std::uint64_t stamp = 0; bytes_.size() != sizeof stamp) {
        outcome.failure = "no stamp from the container";
    } else {
        std::memcpy(&stamp, bytes_.data(), sizeof stamp);
        if (stamp < begun_ns_ || stamp > begun_ns_ + outcome.wall_ns)
            outcome.failure = "the stamp is outside of the run";
        else
            outcome.start_ns = stamp - begun_ns_;
    }
    return outcome;
}

std::string Launch::output() {
    return std::move(bytes_);
}

std::string Launch::failure_text(int code, int status) const {
    std::string text = (code == CLD_EXITED ? "status " : "signal ") + std::to_string(status);
    ::lseek(errors_.get(), 0, SEEK_SET);
    auto errors = read_all(errors_.get(), 1 << 20, "stderr");
    if (!errors.ok()) return text;
    std::string_view lines = errors.value();
    while (!lines.empty() && lines.back() == '\n') lines.remove_suffix(1);
    const std::string_view last = lines.substr(lines.rfind('\n') + 1);
    return last.empty() ? text : text + ": " + std::string(last);
}

Outcome run_once(const Command& command, int timeout_ms) {
    auto launch = Launch::begin(command);
    if (!launch.ok()) return {.failure = launch.error().text()};
    if (wait_for_end(launch->pidfd(), timeout_ms) != 0) launch->kill();
    return launch->finish();
}

namespace {

// Where no stamp is expected, what finish says about one does not matter.
Outcome without_stamp(Outcome outcome) {
    const std::string_view failure = outcome.failure;
    if (!failure.starts_with("status") && !failure.starts_with("signal") && !failure.starts_with("killed"))
        outcome.failure.clear();
    return outcome;
}

}  // namespace

Outcome run_call(const Command& command, int timeout_ms) {
    auto launch = Launch::begin(command);
    if (!launch.ok()) return {.failure = launch.error().text()};
    if (wait_for_end(launch->pidfd(), timeout_ms) != 0) launch->kill();
    return without_stamp(launch->finish());
}

Result<std::string> run_for_output(const Command& command, int timeout_ms) {
    URC_TRY(Launch launch, Launch::begin(command));
    if (wait_for_end(launch.pidfd(), timeout_ms) != 0) launch.kill();
    const Outcome outcome = without_stamp(launch.finish());
    std::string output = launch.output();
    if (!outcome.ok()) return Error::message(command.argv[0] + ": " + outcome.failure);
    return output;
}

std::string version_of(const std::string& path) {
    auto output = run_for_output({{path, "--version"}, {}}, 5'000);
    return output.ok() ? output->substr(0, output->find('\n')) : std::string();
}

std::uint64_t run_in_flight(unsigned count, unsigned in_flight, const std::function<Command(unsigned)>& next,
                            const std::function<void(unsigned, Outcome)>& done) {
    struct Flight {
        unsigned index;
        Launch launch;
    };
    std::vector<Flight> flights;
    unsigned started = 0;
    const std::uint64_t begun_ns = monotonic_ns();
    while (started < count || !flights.empty()) {
        if (was_interrupted()) count = started;
        while (started < count && flights.size() < in_flight) {
            auto launch = Launch::begin(next(started));
            if (launch.ok())
                flights.push_back({started, std::move(launch).value()});
            else
                done(started, {.failure = launch.error().text()});
            ++started;
        }
        if (flights.empty()) break;
        std::vector<pollfd> polled;
        for (const Flight& flight : flights) polled.push_back({flight.launch.pidfd(), POLLIN, 0});
        const int ready = ::poll(polled.data(), polled.size(), kTimeoutMs);
        // Nothing ended for so long: end them all, they are counted as failed.
        if (ready == 0)
            for (Flight& flight : flights) flight.launch.kill();
        if (ready <= 0) continue;
        for (std::size_t i = flights.size(); i-- > 0;) {
            if (polled[i].revents == 0) continue;
            done(flights[i].index, flights[i].launch.finish());
            flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    return monotonic_ns() - begun_ns;
}

}  // namespace urc::bench
