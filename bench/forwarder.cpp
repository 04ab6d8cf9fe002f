#include "bench/forwarder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "bench/family.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

constexpr std::array<std::pair<std::string_view, Way>, 7> kWays{{{"direct", Way::direct},
                                                                 {"urc", Way::urc},
                                                                 {"rootlesskit", Way::rootlesskit},
                                                                 {"slirp4netns", Way::slirp4netns},
                                                                 {"pasta", Way::pasta},
                                                                 {"socat", Way::socat},
                                                                 {"haproxy", Way::haproxy}}};

constexpr std::string_view kApplication = "answer";

// It takes about as long as the slowest of them needs to be there.
constexpr int kUpMs = 15'000;

// "20000-20999", or one number.
std::string range_of(const ForwarderOptions& options) {
    if (options.ports == 1) return std::to_string(options.first_port);
    return fmt::format("{}-{}", options.first_port, options.first_port + options.ports - 1);
}

unsigned last_port(const ForwarderOptions& options) {
    return options.first_port + options.ports - 1;
}

std::vector<std::string> urc_words(const ForwarderOptions& options, pid_t application) {
    const std::string ports = range_of(options);
    const std::string spec = fmt::format("127.0.0.1:{}:{}", ports, ports);
    return {options.urc, "proxy", "--pid", std::to_string(application), "-p", spec, "-p", spec + "/udp"};
}

// Root has no IDs to give away in /etc/subuid; in a mount namespace of its own it has.
std::vector<std::string> rootlesskit_words(const ForwarderOptions& options, std::string_view driver) {
    std::vector<std::string> words;
    if (::geteuid() == 0)
        words = {"unshare",
                 "--mount",
                 "sh",
                 "-c",
                 "mount --bind \"$1\" /etc/subuid && mount --bind \"$1\" /etc/subgid && shift && exec \"$@\"",
                 "sh",
                 options.directory + "/subid"};
    for (const char* word : {"rootlesskit", "--net=slirp4netns", "--disable-host-loopback", "--copy-up=/etc"})
        words.emplace_back(word);
    words.push_back(fmt::format("--state-dir={}/state", options.directory));
    words.push_back(fmt::format("--port-driver={}", driver));
    for (unsigned port = options.first_port; port <= last_port(options); ++port)
        for (const char* protocol : {"tcp", "udp"}) {
            words.emplace_back("-p");
            words.push_back(fmt::format("127.0.0.1:{}:{}/{}", port, port, protocol));
        }
    words.push_back(options.answer);
    words.push_back(std::to_string(last_port(options)));
    return words;
}

std::vector<std::string> pasta_words(const ForwarderOptions& options) {
    std::vector<std::string> words{"pasta"};
    if (::geteuid() == 0) words.insert(words.end(), {"--runas", "0"});
    const std::string ports = range_of(options);
    words.insert(words.end(), {"--config-net", "-q", "-f", "-t", "127.0.0.1/" + ports, "-u",
                               "127.0.0.1/" + ports, options.answer, std::to_string(last_port(options))});
    return words;
}

Result<std::vector<std::string>> haproxy_words(const ForwarderOptions& options, const std::string& address) {
    std::string text =
        "global\n  nbthread 1\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client "
        "60s\n"
        "  timeout server 60s\n";
    for (unsigned port = options.first_port; port <= last_port(options); ++port)
        text += fmt::format("listen p{}\n  bind 127.0.0.1:{}\n  server a {}:{}\n", port, port, address, port);
    const std::string path = options.directory + "/haproxy.cfg";
    URC_TRY(const Fd file, open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
    URC_TRY_VOID(write_all(file.get(), text, path));
    return std::vector<std::string>{"haproxy", "-db", "-f", path};
}

Result<Launch> begin(std::vector<std::string> words) {
    return Launch::begin({.argv = std::move(words), .environment = {}});
}

void end(std::optional<Launch>& program) {
    if (!program) return;
    std::vector<pid_t> family = family_of(program->pid(), "");
    (void)::kill(program->pid(), SIGTERM);
    // One that closes its ports in order does so at once.
    pollfd over{program->pidfd(), POLLIN, 0};
    (void)::poll(&over, 1, 2000);
    for (const pid_t pid : family) (void)::kill(pid, SIGKILL);
    (void)program->finish();
    program.reset();
}

}  // namespace

std::optional<Way> parse_way(std::string_view name) {
    for (const auto& [text, way] : kWays)
        if (text == name) return way;
    return std::nullopt;
}

std::string_view way_name(Way way) {
    for (const auto& [text, value] : kWays)
        if (value == way) return text;
    return "?";
}

Result<void> Forwarder::start_application(const ForwarderOptions& options, bool is_isolated) {
    std::vector<std::string> words;
    if (is_isolated) words = {"unshare", "--net"};
    words.push_back(options.answer);
    words.push_back(std::to_string(last_port(options)));
    URC_TRY(application_, begin(std::move(words)));
    if (!is_isolated) return {};
    // It is itself, in its namespace, when its name has changed.
    const std::string comm = fmt::format("/proc/{}/comm", application_->pid());
    for (int i = 0; i < kUpMs; ++i) {
        auto name = read_file_at(AT_FDCWD, comm.c_str());
        if (!name.ok() || name->starts_with(kApplication)) return {};
        ::usleep(1000);
    }
    return Error(ETIME, "start", options.answer);
}

Result<void> Forwarder::join_by_veth() {
    const pid_t pid = application_->pid();
    const std::string ours = fmt::format("ub{}", pid % 1'000'000);
    const unsigned net = static_cast<unsigned>(pid) % 4096;
    const auto address = [&](unsigned host) {
        return fmt::format("10.213.{}.{}", net / 16, net % 16 * 16 + host);
    };
    address_ = address(2);
    const std::string script = fmt::format(
        "ip link add {0} type veth peer name eth0 netns {1} && ip address add {2}/28 dev {0} && ip link set "
        "{0} up && "
        "nsenter --net=/proc/{1}/ns/net sh -c 'ip address add {3}/28 dev eth0 && ip link set eth0 up'",
        ours, pid, address(1), address_);
    const Outcome outcome = run_call({.argv = {"sh", "-c", script}, .environment = {}});
    if (!outcome.ok()) return Error::message("veth: " + outcome.failure);
    return {};
}

Result<void> Forwarder::start_programs(const ForwarderOptions& options) {
    std::vector<std::string> words;
    switch (options.way) {
        case Way::direct:
            return start_application(options, false);
        case Way::urc:
            URC_TRY_VOID(start_application(options, true));
            words = urc_words(options, application_->pid());
            break;
        case Way::rootlesskit:
            words = rootlesskit_words(options, "builtin");
            break;
        case Way::slirp4netns:
            words = rootlesskit_words(options, "slirp4netns");
            break;
        case Way::pasta:
            words = pasta_words(options);
            break;
        case Way::socat:
            URC_TRY_VOID(start_application(options, true));
            URC_TRY_VOID(join_by_veth());
            words = {"socat", fmt::format("TCP-LISTEN:{},bind=127.0.0.1,reuseaddr,fork,backlog=1024", port_),
                     fmt::format("TCP:{}:{},nodelay", address_, port_)};
            break;
        case Way::haproxy:
            URC_TRY_VOID(start_application(options, true));
            URC_TRY_VOID(join_by_veth());
            URC_TRY(words, haproxy_words(options, address_));
            break;
    }
    URC_TRY(program_, begin(std::move(words)));
    return {};
}

// As soon as it does; false when it has ended, or there is no answer for as long as the slowest needs.
bool Forwarder::answers(const std::string& load) {
    constexpr int kTryMs = 200;
    const Command check{
        .argv = {load, "check", "127.0.0.1", std::to_string(port_), "1", std::to_string(kTryMs)},
        .environment = {}};
    for (int waited_ms = 0; waited_ms < kUpMs; waited_ms += kTryMs) {
        if (run_call(check).ok()) return true;
        pollfd over{program_ ? program_->pidfd() : -1, POLLIN, 0};
        if (::poll(&over, 1, 0) > 0) return false;
    }
    return false;
}

Result<std::unique_ptr<Forwarder>> Forwarder::start(const ForwarderOptions& options,
                                                    const std::string& load) {
    std::unique_ptr<Forwarder> forwarder(new Forwarder);
    forwarder->port_ = last_port(options);
    const std::string path = options.directory + "/subid";
    URC_TRY(const Fd file, open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
    URC_TRY_VOID(write_all(file.get(), "root:100000:65536\n", path));
    URC_TRY_VOID(forwarder->start_programs(options));
    if (forwarder->answers(load)) return forwarder;
    std::string why = "no answer";
    if (forwarder->program_) {
        forwarder->program_->kill();
        why = forwarder->program_->finish().failure;
        forwarder->program_.reset();
    }
    return Error::message(fmt::format("{}: {}", way_name(options.way), why));
}

Forwarder::~Forwarder() {
    end(program_);
    end(application_);
}

double Forwarder::cpu_seconds() const {
    return program_ ? cpu_seconds_of(family_of(program_->pid(), kApplication)) : 0;
}

std::uint64_t Forwarder::private_kib() const {
    return program_ ? private_kib_of(family_of(program_->pid(), kApplication)) : 0;
}

}  // namespace urc::bench
