// urc proxy: publishes ports of a network namespace, in the foreground.
#include <cstdlib>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/values.h"
#include "core/ports/proxy.h"
#include "core/ports/rootlesskit/child.h"

namespace urc::cli {
namespace {

struct ProxyWords {
    std::string pid, netns, rootlesskit, rootlesskit_child, api, proxy_protocol, source_ip;
    std::vector<std::string> publish;
};

void declare_proxy_options(OptionSet& options, ProxyWords& words) {
    options.text("pid", 0, words.pid, "the network namespace of this process");
    options.text("netns", 0, words.netns, "the network namespace at this path");
    options.text(
        "rootlesskit", 0, words.rootlesskit,
        "that of the rootlesskit (port driver \"builtin\") whose state directory this is; its child dials");
    options.text(
        "rootlesskit-child", 0, words.rootlesskit_child,
        "publish nothing, but dial for the rootlesskit whose state directory this is: in the namespace "
        "of --pid or --netns, else in our own");
    options.text("api", 0, words.api, "serve rootlesskit's API of ports on a socket at this path");
    options.texts(
        "publish", 'p', words.publish,
        "[HOSTIP:]HOSTPORT:[CHILDIP:]PORT[/tcp|udp][,max=N]: a port, or a range of them; host port 0 is any "
        "that is free");
    options.text("proxy-protocol", 0, words.proxy_protocol,
                 "say to the application who the client is (TCP only): \"v1\" or \"v2\"");
    options.text("source-ip", 0, words.source_ip,
                 "\"transparent\": the application sees the client's own address (TCP only); it takes "
                 "CAP_NET_ADMIN in the network namespace");
}

Result<std::optional<pid_t>> take_pid(const ProxyWords& words) {
    if (words.pid.empty()) return std::optional<pid_t>();
    const auto pid = parse_number<pid_t>(words.pid);
    if (!pid || *pid <= 0) return wrong_value("pid", words.pid, "the number of a process");
    return pid;
}

std::string notify_socket() {
    const char* socket = std::getenv("NOTIFY_SOCKET");
    return socket ? socket : "";
}

Result<void> take_words(const ProxyWords& words, ports::ProxyOptions& proxy) {
    const int namespaces = !words.pid.empty() + !words.netns.empty() + !words.rootlesskit.empty();
    if (namespaces != 1) return Error::message("give one of --pid, --netns and --rootlesskit");
    URC_TRY(proxy.pid, take_pid(words));
    proxy.network_namespace = words.netns;
    proxy.rootlesskit = words.rootlesskit;
    proxy.api_socket = words.api;
    if (words.publish.empty() && words.api.empty())
        return Error::message("give at least one port with --publish, or --api");
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
    if (!words.source_ip.empty() && words.source_ip != "transparent")
        return wrong_value("source-ip", words.source_ip, "transparent");
    proxy.is_transparent = !words.source_ip.empty();
    if (proxy.is_transparent && !words.rootlesskit.empty())
        return Error::message("--source-ip and --rootlesskit do not go together: its child dials");
    proxy.notify_socket = notify_socket();
    return {};
}

Result<void> be_child(Session& session, const ProxyWords& words) {
    if (!words.pid.empty() && !words.netns.empty()) return Error::message("give one of --pid and --netns");
    if (!words.rootlesskit.empty() || !words.api.empty() || !words.publish.empty() ||
        !words.proxy_protocol.empty() || !words.source_ip.empty())
        return Error::message("--rootlesskit-child publishes nothing: only --pid or --netns go with it");
    ports::rootlesskit::ChildOptions child;
    URC_TRY(child.pid, take_pid(words));
    child.directory = words.rootlesskit_child;
    child.network_namespace = words.netns;
    child.notify_socket = notify_socket();
    return ports::rootlesskit::run_child(session.global(), child);
}

}  // namespace

int proxy_command(Session& session) {
    ports::ProxyOptions proxy;
    ProxyWords words;
    OptionSet options;
    declare_proxy_options(options, words);
    if (auto status = session.begin(options)) return *status;
    if (!words.rootlesskit_child.empty()) {
        auto ended = be_child(session, words);
        return ended ? 0 : session.fail(ended.error());
    }
    if (auto taken = take_words(words, proxy); !taken) return session.fail(taken.error());
    auto result = ports::run_proxy(session.global(), proxy, tell_published);
    return result ? 0 : session.fail(result.error());
}

}  // namespace urc::cli
