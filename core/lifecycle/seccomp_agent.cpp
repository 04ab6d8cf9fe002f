#include "core/lifecycle/seccomp_agent.h"

#include <sys/stat.h>

#include "core/json_writer.h"
#include "core/process/unix_socket.h"
#include "core/version.h"

namespace urc {

namespace {

constexpr std::string_view kSocket = "with seccomp agent specified in the seccomp profile";

Error not_connected(int code, const std::string& path) {
    return Error(code, "failed to connect " + std::string(kSocket), path);
}

std::string process_state(const State& state, pid_t pid, Status status) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("ociVersion").string(kOciVersion);
    json.key("fds").begin_array();
    json.string("seccompFd");
    json.end_array();
    json.key("pid").number(pid);
    json.key("metadata").string(state.seccomp_agent.metadata);
    json.key("state").begin_object();
    json.key("ociVersion").string(kOciVersion);
    json.key("id").string(state.id);
    json.key("status").string(status_word(status));
    json.key("pid").number(state.init.pid);
    json.key("bundle").string(state.bundle);
    json.key("annotations").begin_object();
    for (const auto& [name, value] : state.annotations) json.key(name).string(value);
    json.end_object();
    json.end_object();
    json.end_object();
    return out;
}

}  // namespace

Result<void> check_agent(const std::string& path) {
    if (path.empty()) return Error::message("linux.seccomp.listenerPath: needed by SCMP_ACT_NOTIFY");
    struct stat status;
    if (::stat(path.c_str(), &status) < 0) return not_connected(errno, path);
    return S_ISSOCK(status.st_mode) ? Result<void>{} : not_connected(ENOTSOCK, path);
}

TakeListener pass_to_agent(const State& state, pid_t pid, Status status) {
    if (state.seccomp_agent.path.empty()) return {};
    return [&state, pid, status](Fd listener) -> Result<void> {
        const std::string& path = state.seccomp_agent.path;
        auto connection = process::connect_socket(path, kSocket);
        if (!connection.ok()) return not_connected(connection.error().code(), path);
        return process::send_descriptor(connection->get(), process_state(state, pid, status), listener.get(),
                                        "seccomp agent");
    };
}

}  // namespace urc
