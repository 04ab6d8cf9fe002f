#include "core/criu/images.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/criu/service.h"
#include "core/number.h"
#include "uring/file.h"

namespace urc::criu {

namespace {

Result<CgroupsMode> parse_cgroups_mode(const std::string& mode) {
    if (mode.empty()) return CgroupsMode::automatic;
    if (mode == "soft") return CgroupsMode::soft;
    if (mode == "full") return CgroupsMode::full;
    if (mode == "strict") return CgroupsMode::strict;
    if (mode == "ignore") return CgroupsMode::ignore;
    return Error::message("invalid manage-cgroups-mode value: " + mode);
}

// Adds what was not there to `made`.
Result<void> make_directory(const std::string& path, std::vector<std::string>& made) {
    struct stat status;
    for (std::size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1))
        if (::stat(path.substr(0, slash).c_str(), &status) < 0) made.push_back(path.substr(0, slash));
    if (::stat(path.c_str(), &status) < 0) made.push_back(path);
    return make_directories(path, 0700);
}

}  // namespace

void Images::remove_made() const {
    for (auto one = made.rbegin(); one != made.rend(); ++one) (void)::rmdir(one->c_str());
}

Result<Images> open_images(const ImageOptions& options, Missing missing, const std::string& log_file) {
    Images opened;
    opened.path = options.image_path.empty() ? "checkpoint" : options.image_path;
    opened.work_path = options.work_path;
    auto prepared = [&]() -> Result<void> {
        if (missing == Missing::is_made) URC_TRY_VOID(make_directory(opened.path, opened.made));
        URC_TRY(opened.directory, open_at(AT_FDCWD, opened.path.c_str(), O_RDONLY | O_DIRECTORY));
        return opened.work_path.empty() ? Result<void>{} : make_directory(opened.work_path, opened.made);
    }();
    if (!prepared.ok()) {
        opened.remove_made();
        return std::move(prepared).error();
    }
    opened.log_path = (opened.work_path.empty() ? opened.path : opened.work_path) + "/" + log_file;
    return opened;
}

Result<Options> make_options(const ImageOptions& options, const std::string& log_file) {
    Options made;
    URC_TRY(made.cgroups_mode, parse_cgroups_mode(options.manage_cgroups_mode));
    for (const std::string& name : options.empty_namespaces)
        if (name != "network") return Error::message("namespace \"" + name + "\" is not supported");
    // Always: network devices are made by the caller, as they were when the container was created.
    made.empty_namespaces = CLONE_NEWNET;
    made.images_fd = Service::kImages;
    made.work_fd = Service::kWork;
    made.log_file = log_file;
    made.tcp_established = options.tcp_established;
    made.external_unix_sockets = options.external_unix_sockets;
    made.shell_job = options.shell_job;
    made.file_locks = options.file_locks;
    made.auto_dedup = options.auto_dedup;
    made.lazy_pages = options.lazy_pages;
    return made;
}

std::string config_file(const spec::StringMap& annotations) {
    for (const auto& [name, value] : annotations)
        if (name == "org.criu.config") return value;
    return "/etc/criu/runc.conf";
}

Result<void> set_page_server(const std::string& text, Options& target) {
    const std::size_t colon = text.rfind(':');
    std::string address = colon == text.npos ? "" : text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    } else if (address.find(':') != address.npos) {
        address.clear();  // an IPv6 address without brackets: where would its port begin?
    }
    if (address.empty() || colon + 1 == text.size())
        return Error::message("Use --page-server ADDRESS:PORT to specify page server");
    const auto port = parse_number<std::uint16_t>(std::string_view(text).substr(colon + 1));
    if (!port || *port == 0) return Error::message("Invalid port number: " + text.substr(colon + 1));
    target.page_server_address = std::move(address);
    target.page_server_port = *port;
    return {};
}

}  // namespace urc::criu
