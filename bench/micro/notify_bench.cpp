// What the proxy adds to a notification: datagrams per second and the time of one alone, through the proxy
// and straight to the manager's socket.
//
// The manager and the proxy run in one process (the proxy's sending wakes the manager's poll), the container
// is a process of its own that sends what the benchmark asks it for. Numbers belong into perf/.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/notify/proxy.h"
#include "core/notify/sender.h"
#include "uring/ops_file.h"
#include "uring/race.h"
#include "uring/ring.h"

namespace urc::notify {
namespace {

constexpr std::string_view kBody = "WATCHDOG=1\nSTATUS=serving 1234 requests per second";

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

// Sends as many datagrams as it is asked for, until nobody asks any more.
[[noreturn]] void be_container(int orders, const std::string& path) {
    const sockaddr_un address = address_of(path);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(1);
    std::int64_t count = 0;
    while (::read(orders, &count, sizeof count) == sizeof count)
        while (count-- > 0) (void)::send(socket, kBody.data(), kBody.size(), 0);
    ::_exit(0);
}

// The directory, the manager's socket in it, and the container.
class Bench {
public:
    Bench() {
        URC_CHECK(::mkdtemp(path_) != nullptr);
        directory_ = Fd(::open(path_, O_DIRECTORY | O_CLOEXEC));
        auto bound = bind_socket(directory_.get(), "manager.sock");
        URC_CHECK(bound.ok());
        manager_ = std::move(*bound);
        bound = bind_socket(directory_.get(), "notify.sock");
        URC_CHECK(bound.ok());
        proxy_socket_ = std::move(*bound);
    }
    ~Bench() {
        orders_.reset();
        if (container_ > 0) ::waitpid(container_, nullptr, 0);
        ::unlinkat(directory_.get(), "manager.sock", 0);
        ::unlinkat(directory_.get(), "notify.sock", 0);
        ::rmdir(path_);
    }
    void start_container(const char* socket) {
        int ends[2];
        URC_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
        container_ = ::fork();
        if (container_ == 0) {
            ::close(ends[1]);
            be_container(ends[0], path(socket));
        }
        Fd reading(ends[0]);
        orders_ = Fd(ends[1]);
    }
    std::string path(const char* name) const { return std::string(path_) + "/" + name; }
    void order(std::int64_t count) {
        URC_CHECK(::write(orders_.get(), &count, sizeof count) == sizeof count);
    }
    int manager() const { return manager_.get(); }
    Fd take_proxy_socket() { return std::move(proxy_socket_); }

private:
    char path_[32] = "/tmp/urc-bench-XXXXXX";
    Fd directory_, manager_, proxy_socket_, orders_;
    pid_t container_ = -1;
};

Task<void> order_and_receive(Loop& loop, benchmark::State& state, Bench& bench) {
    std::array<char, 4096> buffer;
    const std::int64_t batch = state.range(0);
    for (auto _ : state) {
        bench.order(batch);
        for (std::int64_t received = 0; received < batch;) {
            if (::recv(bench.manager(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
                ++received;
            } else {
                co_await poll(loop, bench.manager(), POLLIN);
            }
        }
    }
    state.SetItemsProcessed(state.iterations() * batch);
}

void notify_direct(benchmark::State& state) {
    auto ring = Ring::create();
    if (!ring.ok()) return state.SkipWithError(ring.error().text().c_str());
    Loop loop(**ring);
    Bench bench;
    bench.start_container("manager.sock");
    auto ended = loop.run(order_and_receive(loop, state, bench));
    if (!ended.ok()) state.SkipWithError(ended.error().text().c_str());
}
BENCHMARK(notify_direct)->Arg(1)->Arg(1000)->UseRealTime();

void notify_proxied(benchmark::State& state) {
    auto ring = Ring::create();
    if (!ring.ok()) return state.SkipWithError(ring.error().text().c_str());
    Loop loop(**ring);
    Bench bench;
    ProxyOptions options;
    options.upstream = bench.path("manager.sock");
    options.is_member = [](pid_t pid) { return is_in_cgroup(pid, "/"); };
    auto proxy = Proxy::open(loop, bench.take_proxy_socket(), std::move(options));
    if (!proxy.ok()) return state.SkipWithError(proxy.error().text().c_str());
    bench.start_container("notify.sock");
    auto ended = loop.run(race(loop, (*proxy)->serve(), order_and_receive(loop, state, bench)));
    if (!ended.ok()) state.SkipWithError(ended.error().text().c_str());
}
BENCHMARK(notify_proxied)->Arg(1)->Arg(1000)->UseRealTime();

}  // namespace
}  // namespace urc::notify
