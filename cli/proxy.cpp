// urc proxy: publishes ports of a network namespace, in the foreground.
#include <cstdlib>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/values.h"
#include "core/ports/proxy.h"

namespace urc::cli {
namespace {

struct ProxyWords {
    std::string pid, netns, proxy_protocol;
    std::vector<std::string> publish;
};

void declare_proxy_options(OptionSet& options, ProxyWords& words) {
    options.text("pid", 0, words.pid, "the network namespace of this process");
    options.text("netns", 0, words.netns, "the network namespace at this path");
    options.texts(
        "publish", 'p', words.publish,
        "[HOSTIP:]HOSTPORT:[CHILDIP:]PORT[/tcp|udp]: a port, or a range of them; host port 0 is any "
        "that is free");
    options.text("proxy-protocol", 0, words.proxy_protocol,
                 "say to the application who the client is (TCP only): \"v1\" or \"v2\"");
}

Result<void> take_words(const ProxyWords& words, ports::ProxyOptions& proxy) {
    if (words.pid.empty() == words.netns.empty()) return Error::message("give one of --pid and --netns");
    if (!words.pid.empty()) {
        proxy.pid = parse_number<pid_t>(words.pid);
        if (!proxy.pid || *proxy.pid <= 0) return wrong_value("pid", words.pid, "the number of a process");
    }
    proxy.network_namespace = words.netns;
    if (words.publish.empty()) return Error::message("give at least one port with --publish");
    for (const std::string& text : words.publish) {
        URC_TRY(const auto specs, ports::parse_publish(text));
        proxy.specs.insert(proxy.specs.end(), specs.begin(), specs.end());
    }
    if (words.proxy_protocol == "v1")
        proxy.proxy_header = ports::ProxyHeader::v1;
    else if (words.proxy_protocol == "v2")
        proxy.proxy_header = ports::ProxyHeader::v2;
    else if (!words.proxy_protocol.empty())
        return wrong_value("proxy-protocol", words.proxy_protocol, "v1 or v2");
    if (const char* socket = std::getenv("NOTIFY_SOCKET")) proxy.notify_socket = socket;
    return {};
}

}  // namespace

int proxy_command(Session& session) {
    ports::ProxyOptions proxy;
    ProxyWords words;
    OptionSet options;
    declare_proxy_options(options, words);
    if (auto status = session.begin(options)) return *status;
    if (auto taken = take_words(words, proxy); !taken) return session.fail(taken.error());
    auto result = ports::run_proxy(session.global(), proxy, tell_published);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
