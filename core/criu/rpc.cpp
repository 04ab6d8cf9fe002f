#include "core/criu/rpc.h"

#include <algorithm>

#include "core/criu/wire.h"

namespace urc::criu {

namespace {

void put_text(WireWriter& out, unsigned field, const std::string& value) {
    if (!value.empty()) out.text(field, value);
}

// join_namespace and its like: two texts in a message of their own.
void put_pair(WireWriter& out, unsigned field, std::string_view first, std::string_view second) {
    WireWriter pair;
    pair.text(1, first);
    pair.text(2, second);
    out.message(field, pair);
}

void put_flags(WireWriter& out, const Options& options) {
    const std::pair<unsigned, bool> flags[] = {
        {3, options.leave_running},      {4, options.external_unix_sockets},
        {5, options.tcp_established},    {6, options.evasive_devices},
        {7, options.shell_job},          {8, options.file_locks},
        {12, true /* notify_scripts */}, {15, options.track_memory},
        {16, options.auto_dedup},        {18, options.link_remap},
        {26, options.restores_sibling},  {46, options.tcp_skip_in_flight},
        {48, options.lazy_pages},        {50, true /* orphan_pts_master */},
        {52, options.tcp_close},
    };
    for (const auto& [field, is_set] : flags)
        if (is_set) out.boolean(field, true);
}

void put_lists(WireWriter& out, const Options& options) {
    for (const ExternalMount& mount : options.mounts) put_pair(out, 23, mount.key, mount.value);
    for (const auto& [controller, path] : options.cgroup_roots) put_pair(out, 25, controller, path);
    for (const InheritedFd& inherited : options.inherited) {
        WireWriter one;
        one.text(1, inherited.key);
        one.number(2, inherited.fd);
        out.message(27, one);
    }
    for (const std::string& name : options.external) out.text(37, name);
    for (const auto& [kind, path] : options.join_namespaces) put_pair(out, 39, kind, path);
}

WireWriter encode_options(const Options& options) {
    constexpr int kLogLevelDebug = 4;
    WireWriter out;
    out.number(1, options.images_fd);
    if (options.pid != 0) out.number(2, options.pid);
    put_flags(out, options);
    out.number(9, kLogLevelDebug);
    put_text(out, 10, options.log_file);
    if (!options.page_server_address.empty()) {
        WireWriter server;
        server.text(1, options.page_server_address);
        server.number(2, options.page_server_port);
        out.message(11, server);
    }
    put_text(out, 13, options.root);
    put_text(out, 14, options.parent_images);
    if (options.work_fd >= 0) out.number(17, options.work_fd);
    out.number(34, static_cast<std::int64_t>(options.cgroups_mode));
    out.number(38, options.empty_namespaces);
    put_text(out, 44, options.freeze_cgroup);
    if (options.status_fd >= 0) out.number(49, options.status_fd);
    put_text(out, 51, options.config_file);
    put_text(out, 53, options.lsm_profile);
    put_text(out, 63, options.lsm_mount_context);
    put_lists(out, options);
    return out;
}

WireWriter begin_request(RequestType type) {
    WireWriter out;
    out.number(1, static_cast<std::int64_t>(type));
    return out;
}

// Calls `take` for every field of `message`.
template <typename Take>
Result<void> each_field(std::string_view message, Take take) {
    WireReader reader(message);
    while (!reader.at_end()) {
        URC_TRY(const WireField field, reader.next());
        take(field);
    }
    return {};
}

std::int32_t signed_number(const WireField& field) {
    return static_cast<std::int32_t>(static_cast<std::int64_t>(field.number));
}

// A negative number, or one that no process can have, is none.
pid_t process_number(const WireField& field) {
    const std::int32_t number = signed_number(field);
    return number > 0 ? number : 0;
}

Result<void> read_notify(std::string_view message, Response& response) {
    return each_field(message, [&](const WireField& field) {
        if (field.field == 1) response.script = field.text;
        if (field.field == 2) response.pid = process_number(field);
    });
}

Result<void> read_features(std::string_view message, Features& features) {
    return each_field(message, [&](const WireField& field) {
        if (field.field == 1) features.memory_tracking = field.number != 0;
        if (field.field == 2) features.lazy_pages = field.number != 0;
    });
}

Result<void> read_version(std::string_view message, unsigned& version) {
    std::uint64_t parts[3] = {};
    bool is_development = false;
    URC_TRY_VOID(each_field(message, [&](const WireField& field) {
        constexpr std::uint64_t kPartMax = 99;  // two digits each in the sum
        const std::uint64_t number = std::min(field.number, kPartMax);
        if (field.field == 1) parts[0] = number;
        if (field.field == 2) parts[1] = number;
        if (field.field == 3) is_development = !field.text.empty();
        if (field.field == 4) parts[2] = number;
    }));
    // A build on the way from 3.17 to 3.18 has what 3.18 will have.
    if (is_development) {
        ++parts[1];
        parts[2] = 0;
    }
    version = static_cast<unsigned>(parts[0] * 10'000 + parts[1] * 100 + parts[2]);
    return {};
}

Result<void> read_response_field(const WireField& field, Response& response) {
    switch (field.field) {
        case 1:
            response.type = static_cast<RequestType>(field.number);
            return {};
        case 2:
            response.is_success = field.number != 0;
            return {};
        case 4:
            return each_field(field.text, [&](const WireField& inner) {
                if (inner.field == 1) response.pid = process_number(inner);
            });
        case 5:
            return read_notify(field.text, response);
        case 7:
            response.code = signed_number(field);
            return {};
        case 8:
            return read_features(field.text, response.features);
        case 9:
            response.message = field.text;
            return {};
        case 10:
            return read_version(field.text, response.version);
        default:
            return {};
    }
}

}  // namespace

std::string request_name(RequestType type) {
    switch (type) {
        case RequestType::empty:
            return "EMPTY";
        case RequestType::dump:
            return "DUMP";
        case RequestType::restore:
            return "RESTORE";
        case RequestType::check:
            return "CHECK";
        case RequestType::pre_dump:
            return "PRE_DUMP";
        case RequestType::page_server:
            return "PAGE_SERVER";
        case RequestType::notify:
            return "NOTIFY";
        case RequestType::feature_check:
            return "FEATURE_CHECK";
        case RequestType::version:
            return "VERSION";
    }
    return std::to_string(static_cast<std::uint32_t>(type));
}

std::string encode_request(RequestType type, const Options& options) {
    WireWriter out = begin_request(type);
    out.message(2, encode_options(options));
    return std::move(out).bytes();
}

std::string encode_version_request() {
    WireWriter out = begin_request(RequestType::version);
    out.boolean(4, true);  // keep_open
    return std::move(out).bytes();
}

std::string encode_feature_request(const Features& wanted) {
    WireWriter features;
    if (wanted.memory_tracking) features.boolean(1, true);
    if (wanted.lazy_pages) features.boolean(2, true);
    WireWriter out = begin_request(RequestType::feature_check);
    out.boolean(4, true);  // keep_open
    out.message(5, features);
    return std::move(out).bytes();
}

std::string encode_notify_reply(bool is_success) {
    WireWriter out = begin_request(RequestType::notify);
    out.boolean(3, is_success);
    return std::move(out).bytes();
}

Result<Response> decode_response(std::string_view bytes) {
    Response response;
    bool has_type = false, has_success = false;
    WireReader reader(bytes);
    while (!reader.at_end()) {
        URC_TRY(const WireField field, reader.next());
        has_type = has_type || field.field == 1;
        has_success = has_success || field.field == 2;
        URC_TRY_VOID(read_response_field(field, response));
    }
    if (!has_type || !has_success) return Error(EBADMSG, "read criu's message");
    return response;
}

}  // namespace urc::criu
