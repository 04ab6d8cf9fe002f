// Where the output of a container goes and who takes it there, in state.json.
#include <gtest/gtest.h>

#include "core/state/state_json.h"

namespace urc {
namespace {

using relay::Driver;
using relay::Policy;
using relay::SinkOptions;

State sample() {
    State state;
    state.id = "c1";
    state.init.pid = 1;
    return state;
}

Result<State> read_own(const std::string& members) {
    return parse_state_json(R"({"id":"c1","init_process_pid":7,"urc":{)" + members + "}}");
}

std::string problem_in_own(const std::string& members) {
    auto state = read_own(members);
    return state ? "" : state.error().text();
}

TEST(StateJsonMonitor, AContainerWithoutARelayHasNeitherMember) {
    const std::string text = write_state_json(sample());
    EXPECT_EQ(text.find("\"log\""), std::string::npos) << text;
    EXPECT_EQ(text.find("\"monitor\""), std::string::npos) << text;
    auto state = parse_state_json(text);
    ASSERT_TRUE(state);
    EXPECT_TRUE(state->sinks.empty());
    EXPECT_EQ(state->monitor.pid, 0);
}

TEST(StateJsonMonitor, ASinkIsWrittenWithoutWhatIsUsual) {
    State state = sample();
    SinkOptions& sink = state.sinks.emplace_back();
    sink.driver = Driver::k8s_file;
    sink.path = "/l/1";
    EXPECT_NE(write_state_json(state).find(R"("log":[{"driver":"k8s-file","path":"/l/1"}])"),
              std::string::npos)
        << write_state_json(state);
}

TEST(StateJsonMonitor, EveryDriverAndMemberComesBack) {
    State state = sample();
    for (Driver driver : {Driver::none, Driver::null, Driver::raw_file, Driver::k8s_file, Driver::json_file,
                          Driver::journald, Driver::fd, Driver::fifo})
        state.sinks.emplace_back().driver = driver;
    for (Policy policy : {Policy::block, Policy::drop, Policy::spill})
        state.sinks.emplace_back().policy = policy;
    state.sinks.emplace_back().takes_out = false;
    state.sinks.emplace_back().takes_err = false;
    SinkOptions& full = state.sinks.emplace_back();
    full.driver = Driver::raw_file;
    full.path = "/with \"quotes\"\n";
    full.size_max = ~std::uint64_t{0};
    full.files_max = 0;
    full.spill_size = 0;
    full.spill_directory = "/spill";
    full.buffer_size = 1;
    full.fd = 7;
    full.tag = "tag";
    full.socket = "/socket";
    state.monitor = {.pid = 42, .start_time = 7, .pidfd_inode = ~std::uint64_t{0}};
    auto read = parse_state_json(write_state_json(state));
    ASSERT_TRUE(read) << read.error().text();
    ASSERT_EQ(read->sinks.size(), state.sinks.size());
    for (std::size_t i = 0; i < state.sinks.size(); ++i) EXPECT_EQ(read->sinks[i], state.sinks[i]) << i;
    EXPECT_EQ(read->monitor.pid, 42);
    EXPECT_EQ(read->monitor.start_time, 7u);
    EXPECT_EQ(read->monitor.pidfd_inode, ~std::uint64_t{0});
}

TEST(StateJsonMonitor, EveryPortComesBack) {
    State state = sample();
    EXPECT_EQ(write_state_json(state).find("\"ports\""), std::string::npos) << "there are none";
    for (const char* text : {"8080:10.0.0.2:80", "127.0.0.1:53:10.0.0.2:53/udp", "[::1]:443:[::2]:443/tcp6",
                             "9000:127.0.0.1:9000/tcp4,handover", "9001:127.0.0.1:9001/udp,max=7"}) {
        auto specs = ports::parse_publish(text);
        ASSERT_TRUE(specs) << text;
        state.ports.push_back(specs->front());
    }
    auto read = parse_state_json(write_state_json(state));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->ports, state.ports);
    // What an urc without ports has written.
    auto old = read_own("");
    ASSERT_TRUE(old);
    EXPECT_TRUE(old->ports.empty());
}

TEST(StateJsonMonitor, DamagedPortsAreRefusedByTheirKey) {
    const std::string good = R"("host_port":80,"child_ip":"127.0.0.1","child_port":80)";
    ASSERT_TRUE(read_own(R"("ports":[{"protocol":"tcp",)" + good + "}]"));
    for (const std::string& port :
         {std::string("7"), std::string("[7]"), std::string("[{}]"), R"([{"protocol":"sctp",)" + good + "}]",
          R"([{"protocol":6,)" + good + "}]", R"([{"host_ip":"localhost",)" + good + "}]",
          R"([{"host_ip":"::1","protocol":"tcp4",)" + good + "}]", R"([{"handover":1,)" + good + "}]",
          R"([{"max":65536,)" + good + "}]", std::string(R"([{"host_port":0,"child_port":80}])"),
          std::string(R"([{"host_port":65536,"child_port":80}])"),
          std::string(R"([{"host_port":80,"child_port":0}])"),
          std::string(R"([{"host_port":80,"child_port":80,"child_ip":"x"}])")})
        EXPECT_NE(problem_in_own("\"ports\":" + port).find("ports"), std::string::npos) << port;
}

TEST(StateJsonMonitor, UnknownMembersArePassedOver) {
    auto state = read_own(R"("log":[{"driver":"null","new":{"x":[1]}}],"monitor":{"pid":3,"new":"y"})");
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_EQ(state->sinks.size(), 1u);
    EXPECT_EQ(state->monitor.pid, 3);
}

TEST(StateJsonMonitor, DamagedSinksAreRefusedByTheirKey) {
    for (const char* log :
         {"{}", "7", "[7]", "[{}]", R"([{"path":"/x"}])", R"([{"driver":"syslog"}])", R"([{"driver":3}])",
          R"([{"driver":"null","path":"relative"}])", R"([{"driver":"null","path":""}])",
          R"([{"driver":"null","stream":"both"}])", R"([{"driver":"null","policy":"perhaps"}])",
          R"([{"driver":"null","max-size":-1}])", R"([{"driver":"null","max-size":"1m"}])",
          R"([{"driver":"null","max-files":4294967296}])", R"([{"driver":"null","fd":2147483648}])",
          R"([{"driver":"null","tag":null}])", R"([{"driver":"null","buffer":1.5}])"})
        EXPECT_NE(problem_in_own("\"log\":" + std::string(log)).find("log"), std::string::npos) << log;
}

TEST(StateJsonMonitor, ADamagedMonitorIsRefusedByItsKey) {
    for (const char* monitor :
         {"7", "[]", "{}", R"({"pid":0})", R"({"pid":-1})", R"({"pid":"7"})", R"({"pid":2147483648})",
          R"({"start":7})", R"({"pid":7,"start":-1})", R"({"pid":7,"pidfd_inode":true})"})
        EXPECT_NE(problem_in_own("\"monitor\":" + std::string(monitor)).find("monitor"), std::string::npos)
            << monitor;
}

}  // namespace
}  // namespace urc
