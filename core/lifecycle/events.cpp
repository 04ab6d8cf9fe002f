// events: statistics at an interval and out-of-memory kills, until the container ends.
//
// Three descriptors are waited for: the init's pidfd, the OomWatch, and a timer. Plain poll(2): there is no
// stream of data here, and it works where io_uring is forbidden.
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/cgroup/oom_watch.h"
#include "core/lifecycle/destroy.h"
#include "core/lifecycle/find.h"
#include "core/lifecycle/hold.h"
#include "core/lifecycle/net_stats.h"

namespace urc {
namespace {

Error is_stopped(std::string_view id) {
    return Error::message("container with id " + std::string(id) + " is not running", ESRCH);
}

Result<Fd> open_timer(std::chrono::nanoseconds interval) {
    Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer) return Error::last("timerfd_create");
    const timespec period{.tv_sec = interval.count() / 1'000'000'000,
                          .tv_nsec = interval.count() % 1'000'000'000};
    const itimerspec when{.it_interval = period, .it_value = period};
    if (::timerfd_settime(timer.get(), 0, &when, nullptr) < 0) return Error::last("timerfd_settime");
    return timer;
}

ContainerStats read_container_stats(const Global& global, const State& state, const cgroup::Cgroup& group) {
    ContainerStats stats{.cgroup = cgroup::read_stats(group), .rdt = {}, .interfaces = {}};
    if (!state.rdt.path.empty()) stats.rdt = rdt::read_stats(global.rdt_host, state.rdt);
    // In a namespace that it shares with the host these would be the host's.
    for (const spec::Namespace& ns : state.namespaces)
        if (ns.type == spec::NamespaceType::network) stats.interfaces = read_net_stats(state.init);
    return stats;
}

Result<void> stream(const Global& global, const State& state, const cgroup::Cgroup& group, const Pidfd& init,
                    const EventsOptions& options, const EventSink& sink) {
    URC_TRY(cgroup::OomWatch oom, cgroup::OomWatch::open(group));
    URC_TRY(Fd timer, open_timer(options.interval));
    pollfd waits[] = {{init.get(), POLLIN, 0}, {timer.get(), POLLIN, 0}, {oom.fd(), oom.poll_events(), 0}};
    for (;;) {
        if (::poll(waits, std::size(waits), -1) < 0) {
            if (errno == EINTR) continue;
            return Error::last("poll", "the container's events");
        }
        // First, so that the kill of the init itself is told before the end.
        if (oom.take()) URC_TRY_VOID(sink(nullptr));
        if (waits[0].revents != 0) return {};
        std::uint64_t expirations = 0;
        if (::read(timer.get(), &expirations, sizeof expirations) != sizeof expirations) continue;
        const ContainerStats stats = read_container_stats(global, state, group);
        URC_TRY_VOID(sink(&stats));
    }
}

}  // namespace

Result<void> events(const Global& global, std::string_view id, const EventsOptions& options,
                    const EventSink& sink) {
    if (options.interval.count() <= 0) return Error::message("duration interval must be greater than 0");
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY(State state, load_container(dir));
    auto init = open_process(state.init);
    if (!init && init.error().code() == ESRCH) return is_stopped(id);
    if (!init) return std::move(init).error();
    URC_TRY(cgroup::Cgroup group, require_cgroup(state));
    if (!options.once) return stream(global, state, group, *init, options, sink);
    const ContainerStats stats = read_container_stats(global, state, group);
    return sink(&stats);
}

}  // namespace urc
