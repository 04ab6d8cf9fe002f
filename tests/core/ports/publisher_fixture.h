// A publisher for a namespace, and the two ends of what goes through it.
#pragma once

#include <string>
#include <utility>

#include "core/ports/publisher.h"
#include "tests/core/ports/network_fixture.h"
#include "uring/ops_socket.h"

namespace urc::ports {

struct World {
    Loop& loop;
    Publisher& publisher;
    Descriptors& descriptors;
    int network;

    Spec open(const char* text) {
        auto specs = parse_publish(text);
        EXPECT_TRUE(specs.ok()) << text;
        auto spec = publisher.add(specs.value().front());
        EXPECT_TRUE(spec.ok()) << (spec.ok() ? "" : spec.error().text());
        return spec.ok() ? std::move(spec).value() : Spec();
    }
    // But for those of sockets that wait for a connection.
    std::size_t descriptors_in_use() const { return descriptors.taken() - publisher.sockets_stocked(); }
    // Something that listens in the namespace.
    Fd serve(const std::string& ip, int type = SOCK_STREAM) {
        Inside inside(network);
        return serve_at(ip, type);
    }
};
using Scene = Task<void> (*)(World&);

struct Setting {
    std::size_t descriptors = 1000;
    PublisherOptions options;
};

inline Task<void> play(Loop& loop, int network, Scene scene, Setting setting) {
    Descriptors descriptors(setting.descriptors);
    CopyShared copy(kernel_calls(), descriptors);
    Nursery nursery(loop);
    Publisher publisher(loop, nursery, Fd(::fcntl(network, F_DUPFD_CLOEXEC, 0)), descriptors, copy,
                        std::move(setting.options));
    co_await publisher.start();
    World world{loop, publisher, descriptors, network};
    co_await scene(world);
    nursery.cancel();
    co_await nursery.join();
}

class PublisherTest : public NetworkTest {
protected:
    void play_scene(Scene scene, Setting setting = Setting()) {
        auto result = run(play(loop(), network(), scene, std::move(setting)));
        EXPECT_TRUE(result.ok()) << result.error().text();
    }
};

// Both ends of a published connection.
struct Ends {
    Fd client, server;
};

inline Task<Ends> connect_through(World& world, const Spec& spec, const Fd& listener,
                                  std::string host = "127.0.0.1") {
    Ends ends;
    ends.client = connect_to(host, spec.host_port);
    ends.server = co_await accept(world.loop, listener.get());
    co_return std::move(ends);
}

inline Task<std::string> receive(Loop& loop, int socket, std::size_t size) {
    std::string text(size, '\0');
    std::size_t count = 0;
    while (count < size) {
        auto rest = std::as_writable_bytes(std::span(text)).subspan(count);
        const std::size_t more = co_await recv(loop, socket, rest);
        if (more == 0) break;
        count += more;
    }
    text.resize(count);
    co_return text;
}

}  // namespace urc::ports
