#include "core/criu/service.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "core/child/launch.h"
#include "core/process/channel.h"
#include "core/process/limits.h"
#include "core/process/spawn.h"
#include "core/signals.h"
#include "uring/file.h"
#include "uring/message.h"

namespace urc::criu {

namespace {

constexpr int kSocket = 3;
constexpr int kEndTimeoutMs = 30'000;
constexpr std::size_t kResponseSizeMax = 64 << 10;
constexpr std::size_t kLogSizeMax = 64 << 20;

Result<std::string> find_criu() {
    const char* path = std::getenv("PATH");
    return child::find_program("criu", {std::string("PATH=") + (path ? path : "")});
}

// Beyond criu's own descriptors.
int first_free(const Service::StartOptions& options) {
    return Service::kFirstInherited + static_cast<int>(options.inherited.size());
}

// A copy of `fd` beyond them.
Result<Fd> lift(int fd, const Service::StartOptions& options) {
    Fd lifted(::fcntl(fd, F_DUPFD_CLOEXEC, first_free(options)));
    if (!lifted) return Error::last("dup");
    return lifted;
}

Result<Fd> lift_directory(const std::string& path, const Service::StartOptions& options) {
    URC_TRY(const Fd directory, open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
    return lift(directory.get(), options);
}

// A copy of `fd` at `number`, which may be in use, that outlives execve.
Result<void> place(int fd, int number) {
    return ::dup3(fd, number, 0) < 0 ? Result<void>(Error::last("dup3")) : Result<void>{};
}

// What is to be at 3, 4, 5 ... may be in each other's way: first all go up, then each to its place.
Result<void> arrange_descriptors(const Fd& socket, const Service::StartOptions& options) {
    std::vector<Fd> lifted(1);
    URC_TRY(lifted[0], lift(socket.get(), options));
    for (const std::string& path : {options.images, options.work.empty() ? options.images : options.work}) {
        URC_TRY(Fd directory, lift_directory(path, options));
        lifted.push_back(std::move(directory));
    }
    for (int fd : options.inherited) {
        URC_TRY(Fd one, lift(fd, options));
        lifted.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < lifted.size(); ++i)
        URC_TRY_VOID(place(lifted[i].get(), kSocket + static_cast<int>(i)));
    if (!options.inherits_stdio) {
        URC_TRY(const Fd null, open_at(AT_FDCWD, "/dev/null", O_RDWR));
        for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) URC_TRY_VOID(place(null.get(), fd));
    }
    // Not closed yet: one of them is the channel that carries the Error of a failing execve.
    if (::close_range(static_cast<unsigned>(first_free(options)), ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return Error::last("close_range");
    return {};
}

// Gives one end of a new socket to the parent. The other one is the result.
Result<Fd> make_socket(const process::Channel& channel, const Service::StartOptions& options) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::last("socketpair");
    const Fd theirs(ends[0]), ours(ends[1]);
    URC_TRY_VOID(channel.send_fd(process::Message::ready, theirs.get()));
    return lift(ours.get(), options);
}

Result<void> become_criu(const Service::StartOptions& options, const process::Channel& channel,
                         cgroup::Cgroup::Birth birth, const std::string& program) {
    URC_TRY_VOID(reset_signals());
    process::restore_descriptor_limit();
    if (options.adopt) {
        auto ready = channel.expect(process::Message::cgroup_ready);
        if (!ready.ok()) return std::move(ready).error();
    }
    if (options.cgroup && options.cgroup->version() == cgroup::Version::v1)
        URC_TRY_VOID(options.cgroup->attach_self(birth));
    if (options.prepare) URC_TRY_VOID(options.prepare());
    URC_TRY(const Fd socket, make_socket(channel, options));
    URC_TRY_VOID(arrange_descriptors(socket, options));
    std::string name = "criu", mode = "swrk", number = std::to_string(kSocket);
    char* arguments[] = {name.data(), mode.data(), number.data(), nullptr};
    ::execv(program.c_str(), arguments);
    return Error::last("exec", program);
}

Result<process::Cloned> clone_criu(const Service::StartOptions& options) {
    process::CloneOptions clone{.namespaces = options.namespaces,
                                .cgroup_fd = options.cgroup ? options.cgroup->clone_into_fd() : -1};
    auto cloned = process::clone_process(clone);
    if (!cloned.ok() && clone.cgroup_fd >= 0 && cloned.error().code() == EOPNOTSUPP) {
        URC_TRY_VOID(options.cgroup->repair_for_clone(cloned.error().code()));
        cloned = process::clone_process(clone);
    }
    return cloned;
}

void reap(const Pidfd& pidfd, siginfo_t& info) {
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) < 0 && errno == EINTR) {
    }
}

// criu closed the socket without its last word.
Error criu_died() {
    return Error::message("criu died: its socket was closed before its last response", ECHILD);
}

}  // namespace

Result<Service> Service::start(const StartOptions& options) {
    URC_TRY(const std::string program, find_criu());
    URC_TRY(process::Channel::Pair channel, process::Channel::make());
    const bool is_born_inside = options.cgroup && options.cgroup->clone_into_fd() >= 0;
    URC_TRY(process::Cloned cloned, clone_criu(options));
    if (cloned.pid == 0) {
        const auto birth =
            is_born_inside ? cgroup::Cgroup::Birth::in_cgroup2 : cgroup::Cgroup::Birth::elsewhere;
        // Out of the way of what criu finds at low numbers.
        const process::Channel up(Fd(::fcntl(channel.child.get(), F_DUPFD_CLOEXEC, first_free(options))));
        auto done = become_criu(options, up, birth, program);
        (void)up.send_error(done.error());
        ::_exit(1);
    }
    channel.child.close();
    Service service(cloned.pid, std::move(cloned.pidfd), Fd());
    if (options.adopt) {
        auto adopted = options.adopt(cloned.pid);
        if (adopted.ok()) adopted = channel.parent.send(process::Message::cgroup_ready);
        if (!adopted.ok()) {
            channel.parent.close();  // it gives up
            return std::move(adopted).error();
        }
    }
    URC_TRY(process::Received socket, channel.parent.expect(process::Message::ready));
    service.socket_ = std::move(socket.fd);
    // The end of the channel is the news that it runs, anything else an Error.
    URC_TRY(const process::Received started, channel.parent.receive());
    if (started.type != process::Message::end_of_file || !service.socket_) return Error(EPROTO, "start criu");
    return service;
}

Service::~Service() {
    if (pidfd_) (void)end();
}

// The exit status, or 128 and the signal.
int Service::end() {
    socket_.reset();
    pollfd exit{pidfd_.get(), POLLIN, 0};
    int ready;
    do {
        ready = ::poll(&exit, 1, kEndTimeoutMs);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    siginfo_t info{};
    reap(pidfd_, info);
    pidfd_.reset();
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

Result<void> Service::send(const std::string& message) const {
    ssize_t sent;
    do {
        sent = ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return {};
    return errno == EPIPE || errno == ECONNRESET ? criu_died() : Error::last("send to criu");
}

Result<Service::Received> Service::receive() const {
    std::vector<std::byte> buffer(kResponseSizeMax);
    InMessage message(buffer);
    ssize_t got;
    do {
        got = ::recvmsg(socket_.get(), &message.header_to_fill(), MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return criu_died();
    if (got < 0) return Error::last("receive from criu");
    message.received(static_cast<std::size_t>(got));
    if (message.is_data_cut()) return Error(EMSGSIZE, "receive from criu");
    const auto data = message.data();
    URC_TRY(Response response, decode_response({reinterpret_cast<const char*>(data.data()), data.size()}));
    Received received{std::move(response), Fd()};
    if (!message.fds().empty()) received.fd = std::move(message.fds().front());
    return received;
}

Result<unsigned> Service::version() {
    if (version_ != 0) return version_;
    URC_TRY_VOID(send(encode_version_request()));
    URC_TRY(const Received received, receive());
    if (received.response.type != RequestType::version || !received.response.is_success)
        return Error::message("criu does not tell its version", EPROTO);
    version_ = received.response.version;
    if (version_ < kCriuWithRpcVersion)
        return Error::message("CRIU version " + std::to_string(version_) + " must be " +
                                  std::to_string(kCriuWithRpcVersion) + " or higher",
                              ENOTSUP);
    return version_;
}

Result<void> Service::check_features(const Features& wanted) {
    URC_TRY_VOID(send(encode_feature_request(wanted)));
    URC_TRY(const Received received, receive());
    const Features& present = received.response.features;
    if (received.response.type != RequestType::feature_check || !received.response.is_success)
        return Error::message("CRIU feature check failed", EPROTO);
    std::string missing;
    if (wanted.memory_tracking && !present.memory_tracking) missing += " MemTrack";
    if (wanted.lazy_pages && !present.lazy_pages) missing += " LazyPages";
    if (missing.empty()) return {};
    return Error::message("criu is missing features:" + missing, ENOTSUP);
}

Result<Response> Service::serve(RequestType type, const Notify& notify) {
    std::optional<Error> refusal;  // of ours: criu then undoes what it has done, and fails
    for (;;) {
        auto received = receive();
        if (!received.ok()) return refusal ? std::move(*refusal) : std::move(received).error();
        Response& response = received->response;
        if (response.is_success && response.type == RequestType::notify) {
            auto done = refusal ? Result<void>(*refusal) : notify(response, std::move(received->fd));
            if (!done.ok() && !refusal) refusal = std::move(done).error();
            URC_TRY_VOID(send(encode_notify_reply(!refusal)));
            continue;
        }
        if (refusal) return std::move(*refusal);
        if (response.is_success && response.type != type)
            return Error::message(
                "criu answered " + request_name(response.type) + " to " + request_name(type), EPROTO);
        return std::move(response);
    }
}

Result<Response> Service::request(RequestType type, const Options& options, const Notify& notify,
                                  const std::string& log_path) {
    auto sent = send(encode_request(type, options));
    auto response = sent.ok() ? serve(type, notify) : std::move(sent).error();
    const int status = end();
    if (!response.ok() && response.error().code() != ECHILD) return response;
    std::string problem;
    if (!response.ok()) {
        problem =
            "criu failed: type " + request_name(type) + ": it ended with status " + std::to_string(status);
    } else if (!response->is_success) {
        problem =
            "criu failed: type " + request_name(response->type) + " errno " + std::to_string(response->code);
    } else if (status != 0 && type != RequestType::pre_dump) {
        // After a pre-dump it waits for another request, and takes the end of the socket for a failure.
        problem = "criu failed: it ended with status " + std::to_string(status);
    } else {
        return response;
    }
    problem += ", log file: " + log_path;
    std::string why = response.ok() ? response->message : std::string();
    if (why.empty())
        if (auto log = read_file_at(AT_FDCWD, log_path.c_str(), kLogSizeMax); log.ok())
            why = first_error_line(*log);
    while (!why.empty() && why.back() == '\n') why.pop_back();
    if (!why.empty()) problem += ": " + why;
    return Error::message(problem, EIO);
}

std::string first_error_line(std::string_view log) {
    while (!log.empty()) {
        const std::string_view line = log.substr(0, log.find('\n'));
        if (line.find("Error") != line.npos) return std::string(line);
        log.remove_prefix(std::min(line.size() + 1, log.size()));
    }
    return {};
}

}  // namespace urc::criu
