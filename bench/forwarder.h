// Forwarder: how each row of `proxy` brings a port of the host to the application in another network
// namespace.
//
//   direct       nothing: the application is in the host's namespace
//   urc          `urc proxy --pid`                             dials on the application's loopback
//   rootlesskit  --port-driver=builtin                         the same
//   slirp4netns  rootlesskit with --port-driver=slirp4netns    a TCP stack of its own, a tap device
//   pasta        its own namespace                             the same, or spliced on loopback
//   socat        a process for each connection (TCP only)      dials over a veth pair
//   haproxy      mode tcp, one thread (TCP only)               the same
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/runner.h"
#include "uring/result.h"

namespace urc::bench {

enum class Way : std::uint8_t { direct, urc, rootlesskit, slirp4netns, pasta, socat, haproxy };

std::optional<Way> parse_way(std::string_view name);
std::string_view way_name(Way way);

struct ForwarderOptions {
    Way way = Way::direct;
    std::string urc;          // the program, for Way::urc
    std::string answer;       // bench/answer.c
    std::string directory;    // an existing one, for its files
    unsigned first_port = 0;  // the same numbers on the host and behind it; the application has the last one
    unsigned ports = 1;
};

// A forwarder and the application, running. They end with it.
class Forwarder {
public:
    // Returns when a request has been answered, at 127.0.0.1 and the last port. `load`: bench/load.c.
    static Result<std::unique_ptr<Forwarder>> start(const ForwarderOptions& options, const std::string& load);
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;
    ~Forwarder();

    unsigned port() const noexcept { return port_; }
    bool is_anything() const noexcept { return program_.has_value(); }
    double cpu_seconds() const;
    std::uint64_t private_kib() const;

private:
    Forwarder() = default;
    Result<void> start_programs(const ForwarderOptions& options);
    Result<void> start_application(const ForwarderOptions& options, bool is_isolated);
    Result<void> join_by_veth();
    bool answers(const std::string& load);

    unsigned port_ = 0;
    std::optional<Launch> application_;
    std::optional<Launch> program_;
    std::string address_;  // of the application, over the veth pair
};

}  // namespace urc::bench
