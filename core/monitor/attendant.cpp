#include "core/monitor/attendant.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "core/lifecycle/network_place.h"
#include "core/monitor/membership.h"
#include "core/process/start_socket.h"
#include "uring/race.h"

namespace urc::monitor {

namespace {

// How long messages to the manager and to clients may take when all else is done.
constexpr std::chrono::seconds kFarewellBound{5};
constexpr std::chrono::hours kEver{24 * 365};

Task<void> until(Event& event) {
    co_await event.wait();
}

}  // namespace

int wait_status_of(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

Attendant::Attendant(Loop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      publication_(loop, options.global.log),
      control_(loop, *this),
      output_over_(loop),
      proxy_over_(loop),
      hurried_(loop) {}

Attendant::~Attendant() = default;

bool Attendant::has_relayed_port(const CreateOptions& options) {
    return std::ranges::any_of(options.publish, [](const ports::Spec& spec) { return !spec.handover; });
}

Result<std::unique_ptr<Attendant>> Attendant::prepare(Loop& loop, const Options& options, Pipes& pipes) {
    std::unique_ptr<Attendant> attendant(new Attendant(loop, options));
    const CreateOptions& create = options.create;
    if (!create.notify.socket.empty()) {
        auto is_address = notify::check_upstream(create.notify.socket);
        if (!is_address.ok()) return std::move(is_address).error().context("$NOTIFY_SOCKET");
    }
    attendant->publication_.set_bound(pipes.take_relayed_ports());
    if (create.sinks.empty()) return attendant;
    URC_TRY(attendant->output_,
            relay::Output::open(loop, {.id = create.id, .sinks = create.sinks, .log = &options.global.log}));
    attendant->input_ = std::move(pipes.in);
    attendant->out_ = std::move(pipes.out);
    attendant->err_ = std::move(pipes.err);
    return attendant;
}

Result<void> Attendant::take(Container container) {
    init_ = container.init;
    terminal_ = container.terminal;
    if (terminal_ >= 0) {
        if (::fcntl(terminal_, F_SETFL, O_RDWR | O_NONBLOCK) < 0) return Error::last("fcntl", "terminal");
        // A console may be closed by all and opened again (systemd, getty): that is no end of the output.
        slave_ = Fd(::ioctl(terminal_, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
        input_.reset();
        out_.reset();
        err_.reset();
    }
    if (container.notify_socket) URC_TRY_VOID(open_proxy(container));
    publication_.take(std::move(container.network_namespace),
                      [place = NetworkPlace(container.state)] { return place.open(); });
    URC_TRY(listener_, process::listen_at(container.directory, kMonitorSocket));
    return {};
}

Result<void> Attendant::open_proxy(Container& container) {
    const NotifyOptions& manager = options_.create.notify;
    notify::ProxyOptions options;
    options.upstream = manager.socket;
    options.is_detached = options_.is_detached;
    options.starter = options_.starter;
    options.allows_access = manager.allows_access;
    options.allows_fdstore = manager.allows_fdstore;
    options.log = &options_.global.log;
    describe_membership(container.state, options);
    URC_TRY(proxy_, notify::Proxy::open(loop_, std::move(container.notify_socket), std::move(options)));
    proxy_->set_init({.pid = container.state.init.pid, .pidfd = container.init});
    return {};
}

Task<void> Attendant::serve() {
    Nursery nursery(loop_);
    if (output_) nursery.spawn(serve_output());
    if (proxy_) {
        nursery.spawn(serve_proxy());
        nursery.spawn(tell_ready());
    }
    nursery.spawn(serve_ports());
    nursery.spawn(control_.serve(listener_.get()));
    co_await nursery.join();
}

Task<void> Attendant::serve_output() {
    Nursery relays(loop_);
    relays_ = &relays;
    if (terminal_ >= 0) {
        relays.spawn(output_->relay(terminal_, relay::Stream::out));
    } else {
        relays.spawn(output_->relay(out_.get(), relay::Stream::out));
        relays.spawn(output_->relay(err_.get(), relay::Stream::err));
    }
    auto joined = co_await settled(relays.join());
    if (!joined.ok() && joined.error().code() != ECANCELED)
        options_.global.log.warning("output: ", joined.error().text());
    relays_ = nullptr;
    is_output_over_ = true;
    output_over_.set();
}

// The container works on without a way to its manager.
Task<void> Attendant::serve_proxy() {
    Nursery serving(loop_);
    serving_ = &serving;
    serving.spawn(proxy_->serve());
    auto served = co_await settled(serving.join());
    if (!served.ok() && served.error().code() != ECANCELED)
        options_.global.log.warning("notify: ", served.error().text());
    serving_ = nullptr;
    is_proxy_over_ = true;
    proxy_over_.set();
}

// The container works on without its ports. Who waits for them is told by until_open().
Task<void> Attendant::serve_ports() {
    auto served = co_await settled(publication_.serve());
    if (!served.ok() && served.error().code() != ECANCELED)
        options_.global.log.warning("publish: ", served.error().text());
}

// The socket is read by one of us at a time.
Task<void> Attendant::finish_proxy() {
    if (!proxy_) co_return;
    if (serving_) serving_->cancel();
    if (!is_proxy_over_) co_await proxy_over_.wait();
    co_await proxy_->finish(kFarewellBound);
}

Task<void> Attendant::tell_ready() {
    auto ready = co_await settled(proxy_->until_ready());
    if (ready.ok()) control_.ready();
}

Task<void> Attendant::finish_output() {
    if (!output_) co_return;
    // A sink that does not take what was read holds up the reading, and is waited for longer. A terminal is
    // over with its container, whoever else has it open.
    bool is_waiting = !is_output_over_ && (terminal_ < 0 || output_->is_held_up());
    while (is_waiting) {
        (void)co_await settled(within(loop_, kGrandchildBound, until(output_over_)));
        is_waiting = !is_output_over_ && output_->is_held_up() && !is_hurried_;
    }
    if (!is_output_over_) {
        // What still holds the pipes is no part of the container's output any more; what is in them is.
        if (relays_) relays_->cancel();
        co_await output_over_.wait();
        if (terminal_ >= 0) {
            co_await output_->drain(terminal_, relay::Stream::out);
        } else {
            co_await output_->drain(out_.get(), relay::Stream::out);
            co_await output_->drain(err_.get(), relay::Stream::err);
        }
    }
    // Until the sinks have it all, however long that takes, or somebody waits for us; then what they have not
    // taken is counted.
    (void)co_await settled(race(loop_, output_->finish(kEver), until_hurry_is_over()));
    co_await output_->finish(std::chrono::nanoseconds(0));
}

Task<void> Attendant::until_hurry_is_over() {
    co_await hurried_.wait();
    co_await sleep(loop_, kHurryBound);
}

Task<void> Attendant::finish(int wait_status) {
    co_await publication_.finish();
    auto finished = co_await settled(finish_output());
    if (!finished.ok()) options_.global.log.warning("output: ", finished.error().text());
    auto told = co_await settled(finish_proxy());
    if (!told.ok()) options_.global.log.warning("notify: ", told.error().text());
    co_await control_.finish(wait_status, kFarewellBound);
}

void Attendant::hurry() {
    is_hurried_ = true;
    hurried_.set();
}

void Attendant::rotate() {
    if (output_) output_->rotate();
}

void Attendant::resize(const Resize& size) {
    if (terminal_ < 0) return;
    winsize window{};
    window.ws_row = size.rows;
    window.ws_col = size.columns;
    (void)::ioctl(terminal_, TIOCSWINSZ, &window);
}

void Attendant::signal(int number) {
    // ESRCH: it has just ended, and whoever asked is about to be told.
    (void)::syscall(SYS_pidfd_send_signal, init_, number, nullptr, 0);
}

}  // namespace urc::monitor
