// Where the cgroup goes, and making it: the usual case is one mkdir and one open a hierarchy. Parents are
// looked at only when the kernel says that they are missing; a directory that is new needs no check for
// strangers in it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/cgroup/cgroup.h"
#include "core/cgroup/control.h"
#include "core/cgroup/path.h"
#include "uring/file.h"

namespace urc::cgroup {

namespace {

// A parent may be removed by the end of its last other container at any moment; each try makes it anew.
constexpr int kTriesMax = 16;

bool is_denied(int code) {
    return code == EACCES || code == EPERM || code == EROFS;
}

// Below the caller's own cgroup; on v2 beside it, since a cgroup with processes cannot hand controllers down.
Result<std::string> relative_base(const Hierarchy& hierarchy, Version version) {
    URC_TRY(std::string cgroup, read_file_at(AT_FDCWD, "/proc/self/cgroup"));
    URC_TRY(std::string mounts, read_file_at(AT_FDCWD, "/proc/self/mountinfo", std::size_t{64} << 20));
    std::string own = own_path(hierarchy, cgroup, mounts);
    if (version == Version::v2) own = parent_path(own);
    return own;
}

// Makes a v1 cpuset directory usable, which it is not while one of its lists is empty: takes the list of the
// nearest ancestor that has one. Processes cannot be attached before that.
Result<std::string> inherit_cpuset(const std::string& path, std::size_t mount_length, const char* file,
                                   bool is_fresh) {
    std::string full = path + "/" + file;
    if (!is_fresh || path.size() <= mount_length) {
        URC_TRY(std::string own, read_line(AT_FDCWD, full.c_str()));
        if (!own.empty() || path.size() <= mount_length) return own;
    }
    URC_TRY(std::string above, inherit_cpuset(std::string(parent_path(path)), mount_length, file, false));
    int code = try_write(AT_FDCWD, full.c_str(), above);
    if (code != 0) return Error(code, "write", full);
    return above;
}

}  // namespace

Result<Cgroup> Cgroup::prepare(const Layout& layout, const CreateOptions& options) {
    Cgroup cgroup;
    cgroup.is_rootless_ = options.is_rootless;
    bool is_relative = !options.cgroups_path.empty() && options.cgroups_path[0] != '/';
    std::string clean = clean_path(options.cgroups_path.empty() ? options.id : options.cgroups_path);
    if (clean == "/") return Error::message("cgroups path: the root cgroup cannot be a container's");
    if (layout.version() == Version::none) {
        Error none = Error::message("no cgroup file system is mounted", ENOENT);
        if (!options.is_rootless) return none;
        cgroup.denied_.emplace_back(ControllerSet(), std::move(none));
    }
    cgroup.directories_.reserve(layout.hierarchies().size());
    for (const Hierarchy& hierarchy : layout.hierarchies()) {
        Directory directory;
        directory.controllers = hierarchy.controllers;
        directory.mount_length = hierarchy.mount_point.size();
        directory.path = hierarchy.mount_point;
        if (is_relative) {
            URC_TRY(std::string base, relative_base(hierarchy, layout.version()));
            if (base != "/") directory.path += base;
        }
        directory.path += clean;
        cgroup.directories_.push_back(std::move(directory));
    }
    return cgroup;
}

Result<Cgroup> Cgroup::create(const Layout& layout, const CreateOptions& options) {
    URC_TRY(Cgroup cgroup, prepare(layout, options));
    URC_TRY_VOID(cgroup.make());
    return cgroup;
}

Result<void> Cgroup::make() {
    Result<void> made = make_all();
    if (made.ok()) return made;
    // Not remove(): what was there before, and what is below it, belongs to somebody else.
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str());
    made_.clear();
    directories_.clear();
    return made;
}

Result<void> Cgroup::make_all() {
    for (auto directory = directories_.begin(); directory != directories_.end();) {
        Result<void> made = make_one(*directory);
        if (made.ok()) {
            ++directory;
        } else if (is_rootless_ && is_denied(made.error().code())) {
            denied_.emplace_back(directory->controllers, std::move(made).error());
            directory = directories_.erase(directory);
        } else {
            return made;
        }
    }
    return check_unused();
}

// mkdir with parents; remembers in `made` what was not there.
static int make_path(const Directory& directory, std::vector<std::string>& made, bool& is_fresh) {
    is_fresh = ::mkdir(directory.path.c_str(), 0755) == 0;
    if (is_fresh) made.push_back(directory.path);
    if (is_fresh || errno == EEXIST) return 0;
    if (errno != ENOENT) return errno;
    for (std::size_t slash = directory.mount_length; slash != std::string::npos;) {
        slash = directory.path.find('/', slash + 1);
        std::string part = directory.path.substr(0, slash);
        is_fresh = ::mkdir(part.c_str(), 0755) == 0;
        if (is_fresh) {
            made.push_back(part);
        } else if (errno != EEXIST) {
            return errno;
        }
    }
    return 0;
}

Result<void> Cgroup::make_directory(Directory& directory) {
    for (int tries = 0;; ++tries) {
        int code = make_path(directory, made_, directory.is_fresh);
        if (code == 0) {
            int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
            directory.fd = Fd(::open(directory.path.c_str(), flags));
            if (directory.fd) break;
            code = errno;
        }
        if (code != ENOENT || tries == kTriesMax) return Error(code, "mkdir", directory.path);
    }
    return {};
}

Result<void> Cgroup::make_one(Directory& directory) {
    URC_TRY_VOID(make_directory(directory));
    if (directory.controllers.has(Controller::cpuset)) {
        for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
            auto inherited = inherit_cpuset(directory.path, directory.mount_length, file, directory.is_fresh);
            if (!inherited.ok()) return std::move(inherited).error();
        }
    }
    return {};
}

// Two containers in one cgroup would be killed, frozen and removed together.
Result<void> Cgroup::check_unused() const {
    std::vector<pid_t> found;
    bool is_all_fresh = true;
    for (const Directory& directory : directories_) {
        if (directory.is_fresh) continue;
        is_all_fresh = false;
        append_pids(directory.fd.get(), found);
    }
    if (is_all_fresh) return {};
    std::sort(found.begin(), found.end());
    auto count = std::unique(found.begin(), found.end()) - found.begin();
    if (count > 0) {
        std::string text = "container's cgroup is not empty: ";
        text += Number(count);
        return Error::message(text + " process(es) found", EBUSY);
    }
    URC_TRY(bool is_stopped, is_frozen());
    if (is_stopped) return Error::message("container's cgroup unexpectedly frozen", EBUSY);
    return {};
}

}  // namespace urc::cgroup
