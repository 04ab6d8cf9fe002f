#include "bench/relay_round.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "bench/line_log.h"
#include "bench/runner.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

constexpr unsigned kLookUs = 500;  // between two looks at the ends of the logs

}  // namespace

RelayRound::~RelayRound() {
    gate_.go();
    gate_.end();
    for (std::size_t i = 0; i < places_.size() && !is_over_; ++i) {
        if (i < running_.size()) {
            if (running_[i].monitor) running_[i].monitor->kill();
            if (running_[i].program) {
                running_[i].program->kill();
                (void)running_[i].program->finish();
            }
        }
        // The one that failed to start may have left something, too; those after it were never begun.
        if (i <= running_.size()) monitor_.abandon(places_[i]);
    }
    running_.clear();
    reap_strays();
    for (const Place& place : places_) ::unlink(place.log.c_str());
}

Result<void> RelayRound::start_all() {
    const std::uint64_t begun_ns = monotonic_ns();
    for (const Place& place : places_) {
        if (was_interrupted()) return Error::message("interrupted");
        URC_TRY(Running running, monitor_.start(place));
        cost_.has_monitor = running.monitor.has_value();
        running_.push_back(std::move(running));
    }
    URC_TRY_VOID(gate_.await('u', options_.containers, options_.timeout_ms));
    cost_.up_seconds = seconds_since(begun_ns);
    for (const Place& place : places_) {
        URC_TRY(Fd log, open_at(AT_FDCWD, place.log.c_str(), O_RDONLY));
        logs_.push_back(std::move(log));
    }
    return {};
}

// First the programs' own word, which costs nothing to wait for; then at most a pipe of each is on its way,
// and the logs are looked at.
Result<void> RelayRound::await_logs() {
    URC_TRY_VOID(gate_.await('d', options_.containers, options_.timeout_ms));
    const std::uint64_t begun_ns = monotonic_ns();
    for (std::size_t next = 0; next < logs_.size();) {
        if (has_last_line(logs_[next].get(), options_.log)) {
            ++next;
            continue;
        }
        if (seconds_since(begun_ns) * 1000 > options_.timeout_ms || was_interrupted())
            return Error::message(fmt::format("{}: the last line is not in the log", places_[next].id));
        ::usleep(kLookUs);
    }
    return {};
}

double RelayRound::cpu_seconds() const {
    std::uint64_t sum = 0;
    for (const Running& running : running_)
        if (running.monitor) sum += running.monitor->cpu_ns();
    return static_cast<double>(sum) / 1e9;
}

double RelayRound::private_kib() const {
    std::uint64_t sum = 0;
    for (const Running& running : running_)
        if (running.monitor) sum += running.monitor->private_kib();
    return static_cast<double>(sum) / static_cast<double>(options_.containers);
}

Result<void> RelayRound::end_all() {
    const std::uint64_t begun_ns = monotonic_ns();
    gate_.end();
    std::uint64_t sum = 0;
    for (Running& running : running_) {
        if (running.monitor) URC_TRY_VOID(running.monitor->await_end(options_.timeout_ms));
    }
    cost_.end_seconds = seconds_since(begun_ns);
    for (Running& running : running_) {
        if (running.monitor) {
            URC_TRY(const std::uint64_t cpu_ns, running.monitor->reap());
            sum += cpu_ns;
        }
        running.monitor.reset();
        if (running.program) (void)running.program->finish();
        running.program.reset();
    }
    cost_.life_cpu_seconds = static_cast<double>(sum) / 1e9;
    return {};
}

Result<RelayCost> RelayRound::run() {
    URC_TRY_VOID(start_all());
    ::usleep(options_.settle_ms * 1000);
    cost_.idle_kib = private_kib();
    const double idle_cpu_seconds = cpu_seconds();

    const std::uint64_t begun_ns = monotonic_ns();
    gate_.go();
    URC_TRY_VOID(await_logs());
    cost_.seconds = seconds_since(begun_ns);
    cost_.cpu_seconds = cpu_seconds() - idle_cpu_seconds;
    cost_.end_kib = private_kib();

    URC_TRY_VOID(end_all());
    for (const Place& place : places_) {
        URC_TRY_VOID(monitor_.remove(place));
        URC_TRY_VOID(check_log(place.log, monitor_.format(), options_.log));
    }
    is_over_ = true;
    return cost_;
}

}  // namespace urc::bench
