// The API's answers, as rootlesskit 1.1 gives them, and its server.
#include "core/ports/rootlesskit/port_api.h"

#include <sys/un.h>

#include "core/ports/rootlesskit/api_server.h"
#include "core/version.h"
#include "tests/core/ports/publisher_fixture.h"
#include "uring/deadline.h"
#include "uring/race.h"

namespace urc::ports::rootlesskit {
namespace {

using PortApiTest = PublisherTest;

Task<std::string> asked(PortApi& api, std::string method, std::string path, std::string body = "") {
    HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    const HttpResponse response = co_await api.handle(std::move(request));
    co_return std::to_string(response.status) + " " + std::string(response.content_type) + " " +
        response.body;
}

Task<std::string> posted(PortApi& api, std::string body) {
    return asked(api, "POST", "/v1/ports", std::move(body));
}

std::string spec_json(const std::string& rest, std::uint16_t port) {
    return R"({"proto":"tcp","parentIP":"127.0.0.1","parentPort":)" + std::to_string(port) + "," + rest + "}";
}

// A port of the host that is free now.
std::uint16_t free_port() {
    return port_of(serve_at("127.0.0.1").get());
}

PortApiOptions in_directory() {
    PortApiOptions options;
    options.state_dir = "/run/x";
    options.child_pid = 7;
    return options;
}

TEST_F(PortApiTest, SaysWhoItIs) {
    play_scene(+[](World& world) -> Task<void> {
        PortApi api(world.publisher, in_directory());
        EXPECT_EQ(co_await asked(api, "GET", "/v1/info"),
                  R"(200 application/json {"apiVersion":"1.1.1","version":")" + std::string(kVersion) +
                      R"(","stateDir":"/run/x","childPID":7,"networkDriver":{"driver":"none"},"portDriver":)"
                      R"({"driver":"builtin","protos":["tcp","tcp4","tcp6","udp","udp4","udp6"]}})");
    });
}

TEST_F(PortApiTest, AddsListsAndRemoves) {
    play_scene(+[](World& world) -> Task<void> {
        PortApi api(world.publisher, in_directory());
        EXPECT_EQ(co_await asked(api, "GET", "/v1/ports"), "200 application/json null");
        const Fd server = world.serve("127.0.0.1");
        const std::uint16_t port = free_port();
        const std::string spec = spec_json("\"childPort\":" + std::to_string(port_of(server.get())), port);
        const std::string added = R"({"id":1,"spec":)" + spec + "}";
        EXPECT_EQ(co_await posted(api, spec), "201 application/json " + added);
        EXPECT_EQ(co_await asked(api, "GET", "/v1/ports"), "200 application/json [" + added + "]");
        {
            const Fd client = connect_to("127.0.0.1", port);
            const Fd accepted = co_await accept(world.loop, server.get());
        }
        EXPECT_EQ(co_await posted(api, spec),
                  "400 text/plain; charset=utf-8 {\"message\":\"conflict with ID 1\"}\n");
        EXPECT_EQ(co_await asked(api, "DELETE", "/v1/ports/1"), "200  ");
        EXPECT_EQ(co_await asked(api, "DELETE", "/v1/ports/1"),
                  "400 text/plain; charset=utf-8 {\"message\":\"unknown id: 1\"}\n");
        EXPECT_EQ((co_await posted(api, spec)).substr(0, 31), R"(201 application/json {"id":2,"s)");
        EXPECT_EQ(world.publisher.list().size(), 1U);
    });
}

TEST_F(PortApiTest, WhatWasOpenBeforeIsInTheList) {
    play_scene(+[](World& world) -> Task<void> {
        PortApi api(world.publisher, in_directory());
        const Spec asked_for = parse_publish("127.0.0.1:0:80").value().front();
        const Spec opened = world.open("127.0.0.1:0:80");
        EXPECT_EQ(api.enter(asked_for, opened), 1);
        EXPECT_EQ(
            co_await asked(api, "GET", "/v1/ports"),
            R"(200 application/json [{"id":1,"spec":{"proto":"tcp","parentIP":"127.0.0.1","parentPort":)" +
                std::to_string(opened.host_port) + R"(,"childPort":80}}])");
        EXPECT_EQ(co_await asked(api, "DELETE", "/v1/ports/1"), "200  ");
        EXPECT_TRUE(world.publisher.list().empty());
    });
}

TEST_F(PortApiTest, LeadsWhereRootlesskitWould) {
    play_scene(+[](World& world) -> Task<void> {
        PortApi api(world.publisher, in_directory());
        const std::uint16_t port = free_port();
        (void)co_await posted(api, R"({"proto":"tcp","parentIP":"127.0.0.2","childPort":80,"parentPort":)" +
                                       std::to_string(port) + "}");
        (void)co_await posted(api, R"({"proto":"tcp4","parentIP":"0.0.0.0","childPort":80,"parentPort":)" +
                                       std::to_string(free_port()) + "}");
        (void)co_await posted(api, R"({"proto":"tcp","parentIP":"0.0.0.0","childPort":80,"parentPort":)" +
                                       std::to_string(free_port()) + "}");
        const auto entries = world.publisher.list();
        CO_ASSERT(entries.size() == 3U);
        EXPECT_EQ(entries[0].spec.child_ip, "127.0.0.2");
        EXPECT_EQ(entries[1].spec.child_ip, "127.0.0.1");
        EXPECT_EQ(entries[1].spec.host_ip, "0.0.0.0");
        EXPECT_EQ(entries[2].spec.child_ip, "127.0.0.1");
        EXPECT_EQ(entries[2].spec.host_ip, "") << "without a family asked for it is both";
    });
}

TEST_F(PortApiTest, RefusesInRootlesskitsWords) {
    play_scene(+[](World& world) -> Task<void> {
        PortApi api(world.publisher, in_directory());
        const std::pair<const char*, const char*> cases[] = {
            {"", "EOF"},
            {"null", R"(unknown proto: \"\")"},
            {R"({"proto":"sctp"})", R"(unknown proto: \"sctp\")"},
            {R"({"proto":"tcp","parentIP":"abc"})", R"(invalid ParentIP: \"abc\")"},
            {R"({"proto":"tcp"})", "invalid ParentPort: 0"},
            {R"({"proto":"tcp","parentPort":70000})", "invalid ParentPort: 70000"},
            {R"({"proto":"tcp","parentPort":1,"childPort":-3})", "invalid ChildPort: -3"},
            {R"({"proto":"tcp","parentPort":1,"childPort":1,"childIP":"zz"})", R"(invalid ChildIP: \"zz\")"},
            {R"({"proto":"tcp","parentPort":"80"})", "parentPort is no whole number"},
            {"[]", "what came is no JSON object"},
            {"{", "what came is no JSON"},
        };
        for (const auto& [body, words] : cases) {
            const std::string answer = co_await posted(api, body);
            EXPECT_EQ(answer, "400 text/plain; charset=utf-8 {\"message\":\"" + std::string(words) + "\"}\n");
        }
        const Fd holder = serve_at("127.0.0.1");
        const std::string held = spec_json("\"childPort\":80", port_of(holder.get()));
        const std::string answer = co_await posted(api, held);
        EXPECT_NE(answer.find("the port is in use"), answer.npos) << answer;
        EXPECT_EQ(co_await asked(api, "GET", "/v1/ports"), "200 application/json null");
    });
}

TEST_F(PortApiTest, KnowsItsPathsAndMethods) {
    play_scene(+[](World& world) -> Task<void> {
        PortApi api(world.publisher, in_directory());
        const std::string missing = "404 text/plain; charset=utf-8 404 page not found\n";
        for (const char* path : {"/", "/v2/ports", "/v1/ports/", "/v1/ports/1/2", "/v1/portsx"}) {
            const std::string answer = co_await asked(api, "GET", path);
            EXPECT_EQ(answer, missing) << path;
        }
        EXPECT_EQ(co_await asked(api, "PUT", "/v1/ports"), "405  ");
        EXPECT_EQ(co_await asked(api, "DELETE", "/v1/ports"), "405  ");
        EXPECT_EQ(co_await asked(api, "GET", "/v1/ports/1"), "405  ");
        EXPECT_EQ(co_await asked(api, "DELETE", "/v1/ports/ab"),
                  "400 text/plain; charset=utf-8 {\"message\":\"bad id ab: it is not a number\"}\n");
    });
}

// ---- the server ------------------------------------------------------------------------------------

struct Served {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    Fd listener;

    Served() {
        listener = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const sa_family_t unnamed = AF_UNIX;
        // The kernel gives it an abstract name.
        EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&unnamed), sizeof unnamed), 0);
        EXPECT_EQ(::listen(listener.get(), 100), 0);
        EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    }
    Fd connect() const {
        Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
        return client;
    }
};

Task<std::string> until_closed(Loop& loop, int socket) {
    std::string text;
    std::array<std::byte, 512> part;
    for (;;) {
        const std::size_t size = co_await recv(loop, socket, part);
        if (size == 0) break;
        text += text_of(std::span(part).first(size));
    }
    co_return text;
}

using ServerScene = Task<void> (*)(Loop&, const Served&);

Task<void> with_server(World& world, ServerScene scene) {
    PortApi api(world.publisher, in_directory());
    ApiServer server(world.loop, api);
    const Served served;
    const auto ended =
        co_await race(world.loop, server.serve(served.listener.get()), scene(world.loop, served));
    EXPECT_EQ(ended.index(), 1U);
}

constexpr char kGetPorts[] = "GET /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n";

Task<void> ask_ports(Loop& loop, int client) {
    co_await send(loop, client, kGetPorts);
    const std::string start = co_await receive(loop, client, 15);
    EXPECT_EQ(start, "HTTP/1.1 200 OK");
    std::string text = start;
    while (!text.ends_with("null")) text += co_await receive(loop, client, 1);
}

TEST_F(PortApiTest, ServesSeveralRequestsOfOneClient) {
    play_scene(+[](World& world) -> Task<void> {
        return with_server(
            world, +[](Loop& loop, const Served& served) -> Task<void> {
                const Fd client = served.connect();
                co_await ask_ports(loop, client.get());
                co_await ask_ports(loop, client.get());
                co_await send(loop, client.get(),
                              "GET /v1/ports HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                const std::string last = co_await until_closed(loop, client.get());
                EXPECT_TRUE(last.ends_with("Content-Length: 4\r\nConnection: close\r\n\r\nnull")) << last;
            });
    });
}

TEST_F(PortApiTest, ABadRequestEndsItsConnectionAlone) {
    play_scene(+[](World& world) -> Task<void> {
        return with_server(
            world, +[](Loop& loop, const Served& served) -> Task<void> {
                const Fd good = served.connect();
                co_await ask_ports(loop, good.get());
                const Fd bad = served.connect();
                co_await send(loop, bad.get(), "GARBAGE\r\n\r\n");
                EXPECT_EQ(co_await until_closed(loop, bad.get()), problem_text("400 Bad Request"));
                co_await ask_ports(loop, good.get());
            });
    });
}

TEST_F(PortApiTest, ClientsThatSayNothingMakeRoomForOthers) {
    play_scene(+[](World& world) -> Task<void> {
        return with_server(
            world, +[](Loop& loop, const Served& served) -> Task<void> {
                const Fd active = served.connect();
                std::vector<Fd> silent;
                for (std::size_t i = 0; i < ApiServer::kClientsMax * 2; ++i) {
                    co_await ask_ports(loop, active.get());
                    silent.push_back(served.connect());
                    // Its start is there: the server has taken it up before the next one comes.
                    co_await send(loop, silent.back().get(), "GET /");
                }
                EXPECT_EQ(co_await until_closed(loop, silent.front().get()), "");
                co_await ask_ports(loop, active.get());
            });
    });
}

}  // namespace
}  // namespace urc::ports::rootlesskit
