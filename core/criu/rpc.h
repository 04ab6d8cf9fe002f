// What urc and criu say to each other: the messages criu_req and criu_resp of criu's RPC (criu.org/RPC,
// rpc.proto). The numbers of fields and values are criu's public interface. Only the fields that urc uses.
//
//   urc                                       criu swrk
//    |--- request VERSION, FEATURE_CHECK ------->|   keep_open: more is to come
//    |--- request DUMP | PRE_DUMP | RESTORE ---->|
//    |<-- response NOTIFY(script) ---------------|   any number of times: "network-lock", "post-restore" ...
//    |--- request NOTIFY(success) -------------->|
//    |<-- response of the request's type --------|   success, or errno and the first line of the log's errors
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uring/result.h"

namespace urc::criu {

enum class RequestType : std::uint32_t {
    empty = 0,
    dump = 1,
    restore = 2,
    check = 3,
    pre_dump = 4,
    page_server = 5,
    notify = 6,
    feature_check = 9,
    version = 10,
};
// "DUMP"; the number for a type that urc does not know.
std::string request_name(RequestType type);

// criu_cg_mode. `automatic` is criu's own default.
enum class CgroupsMode : std::uint32_t { ignore = 0, soft = 3, full = 4, strict = 5, automatic = 6 };

// A mount that is not criu's to dump: `key` is its place in the container (dump) or the word that the dump
// gave it (restore), `value` that word (dump) or its source on the host (restore).
struct ExternalMount {
    std::string key, value;
    friend bool operator==(const ExternalMount&, const ExternalMount&) = default;
};

// A descriptor of the criu process, by its number there.
struct InheritedFd {
    std::string key;
    int fd = -1;
};

// criu_opts. Descriptors are numbers of the criu process.
struct Options {
    int images_fd = -1;
    int work_fd = -1;
    std::string log_file;
    std::string root;
    std::string config_file;  // empty: none
    std::string parent_images;
    std::string freeze_cgroup;
    std::string lsm_profile, lsm_mount_context;
    std::string page_server_address;
    int page_server_port = 0;
    int status_fd = -1;  // for criu before 3.15
    pid_t pid = 0;       // dump: the init
    CgroupsMode cgroups_mode = CgroupsMode::automatic;
    std::uint32_t empty_namespaces = 0;  // CLONE_NEWNET or 0
    bool leave_running = false;
    bool external_unix_sockets = false;
    bool tcp_established = false;
    bool tcp_skip_in_flight = false;
    bool tcp_close = false;
    bool link_remap = false;
    bool evasive_devices = false;
    bool shell_job = false;
    bool file_locks = false;
    bool track_memory = false;
    bool auto_dedup = false;
    bool lazy_pages = false;
    bool restores_sibling = false;
    std::vector<std::string> external;  // "net[4026531840]:extRootNetNS"
    std::vector<ExternalMount> mounts;
    std::vector<InheritedFd> inherited;
    std::vector<std::pair<std::string, std::string>> cgroup_roots;     // controllers' name, path
    std::vector<std::pair<std::string, std::string>> join_namespaces;  // "ipc", path
};

struct Features {
    bool memory_tracking = false;
    bool lazy_pages = false;
};

std::string encode_request(RequestType type, const Options& options);
std::string encode_version_request();
std::string encode_feature_request(const Features& wanted);
std::string encode_notify_reply(bool is_success);

struct Response {
    RequestType type = RequestType::empty;
    bool is_success = false;
    int code = 0;          // errno, 0 when criu knows none
    std::string message;   // the first error in its log
    std::string script;    // NOTIFY: what happens
    pid_t pid = 0;         // NOTIFY of "setup-namespaces" and "post-restore", RESTORE: the init
    unsigned version = 0;  // 31701 is 3.17.1
    Features features;
};
// EBADMSG for anything that is no response.
Result<Response> decode_response(std::string_view bytes);

}  // namespace urc::criu
