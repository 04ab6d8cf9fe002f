#include "core/child/mount_calls.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "uring/file.h"

namespace urc::child {

namespace {

constexpr std::uint64_t kAtimeBits = MOUNT_ATTR__ATIME;

// What a file system had to say about its parameters: "e tmpfs: Bad value for 'size'" becomes part of the
// error.
Error context_error(int context, int code, std::string_view step) {
    std::array<char, 256> said;
    ssize_t length = ::read(context, said.data(), said.size());
    std::string_view text(said.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    while (text.ends_with('\n')) text.remove_suffix(1);
    if (text.size() < 3 || text[1] != ' ') return {code, step};
    return {code, step, text.substr(2)};
}

// A flag set on the other side of a user namespace is locked: it cannot be cleared, and the kind of atime
// cannot be changed. What can be done is done, one flag after another; setting must succeed.
int set_unlocked(int fd, unsigned flags, const AttributeChange& change, std::uint64_t propagation) {
    if (set_mount(fd, flags, {change.set & ~kAtimeBits, 0}, propagation) < 0) return -1;
    if ((change.clear & kAtimeBits) != 0) (void)set_mount(fd, flags, {change.set & kAtimeBits, kAtimeBits});
    for (std::uint64_t bit = 1; bit <= MOUNT_ATTR_NOSYMFOLLOW; bit <<= 1)
        if ((change.clear & ~kAtimeBits & bit) != 0) (void)set_mount(fd, flags, {0, bit});
    return 0;
}

unsigned long superblock_flag(std::string_view name) {
    if (name == "ro") return MS_RDONLY;
    if (name == "sync") return MS_SYNCHRONOUS;
    if (name == "dirsync") return MS_DIRSYNC;
    if (name == "lazytime") return MS_LAZYTIME;
    if (name == "mand") return MS_MANDLOCK;
    return 0;
}

}  // namespace

int set_mount(int fd, unsigned flags, const AttributeChange& change, std::uint64_t propagation) {
    struct mount_attr attributes = {};
    attributes.attr_set = change.set;
    attributes.attr_clr = change.clear;
    attributes.propagation = propagation;
    return ::mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes);
}

Result<void> apply_options(int mount, Tree tree, const MountOptions& options, bool is_userns,
                           std::string_view step) {
    auto change = [&](unsigned flags, const AttributeChange& what,
                      std::uint64_t propagation) -> Result<void> {
        if (set_mount(mount, flags, what, propagation) == 0) return {};
        if (errno == EPERM && is_userns && set_unlocked(mount, flags, what, propagation) == 0) return {};
        return Error::last(step);
    };
    AttributeChange first = options.attributes;
    std::size_t next = 0;
    std::uint64_t propagation = 0;
    if (tree == Tree::single) {
        // There is nothing below: one call does it all.
        first.apply(options.recursive.set, options.recursive.clear);
        if (!options.propagation.empty()) propagation = options.propagation[next++].type;
    }
    if (!first.empty() || propagation != 0) URC_TRY_VOID(change(0, first, propagation));
    if (tree == Tree::recursive && !options.recursive.empty())
        URC_TRY_VOID(change(AT_RECURSIVE, options.recursive, 0));
    for (; next < options.propagation.size(); ++next)
        URC_TRY_VOID(change(options.propagation[next].is_recursive ? AT_RECURSIVE : 0U, {},
                            options.propagation[next].type));
    return {};
}

Result<void> attach(int mount, int target, std::string_view step) {
    if (::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return Error::last(step);
    return {};
}

Result<Fd> make_filesystem(const char* type, const char* source, const std::vector<FsParameter>& parameters,
                           std::uint64_t attributes, std::string_view step) {
    Fd context(::fsopen(type, FSOPEN_CLOEXEC));
    if (!context) return Error::last(step);
    if (*source != '\0' && ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return context_error(context.get(), errno, step);
    for (const FsParameter& one : parameters)
        if (::fsconfig(context.get(), one.has_value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
                       one.key.c_str(), one.has_value ? one.value.c_str() : nullptr, 0) < 0)
            return context_error(context.get(), errno, step);
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
        return context_error(context.get(), errno, step);
    Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
    if (!mount) return context_error(context.get(), errno, step);
    return mount;
}

bool is_too_long_for_fsconfig(const std::vector<FsParameter>& parameters) {
    constexpr std::size_t kValueMax = 255;
    return std::any_of(parameters.begin(), parameters.end(),
                       [](const FsParameter& one) { return one.value.size() > kValueMax; });
}

Result<Fd> make_filesystem_from_text(const char* type, const char* source,
                                     const std::vector<FsParameter>& parameters, std::uint64_t attributes,
                                     int target, std::string_view step) {
    std::string text;
    unsigned long flags = 0;
    for (const FsParameter& one : parameters) {
        if (unsigned long flag = one.has_value ? 0 : superblock_flag(one.key); flag != 0) {
            flags |= flag;
            continue;
        }
        if (!text.empty()) text += ',';
        text += one.key;
        if (one.has_value) text.append(1, '=').append(one.value);
    }
    // mount(2) knows only names. Those in a tmpfs of our own cannot be exchanged by anybody.
    // tidy-ok paths-go-through-the-resolver: the working directory, to come back to
    URC_TRY(Fd here, open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY));
    URC_TRY(Fd scratch, make_filesystem("tmpfs", "scratch", {}, 0, step));
    URC_TRY_VOID(attach(scratch.get(), target, step));
    if (::fchdir(scratch.get()) < 0) return Error::last("chdir");
    auto make = [&]() -> Result<Fd> {
        if (::mkdirat(scratch.get(), "m", 0700) < 0 || ::mount(source, "m", type, flags, text.c_str()) < 0)
            return Error::last(step);
        return clone_tree("m", Tree::single, step);
    };
    auto mount = make();
    if (::umount2(".", MNT_DETACH) < 0 && mount.ok()) mount = Error::last(step);
    if (::fchdir(here.get()) < 0) return Error::last("chdir");
    if (mount.ok() && set_mount(mount->get(), 0, {attributes, attributes & kAtimeBits ? kAtimeBits : 0}) < 0)
        return Error::last(step);
    return mount;
}

namespace {

Result<Fd> clone_at(int dir, const char* path, unsigned flags, Tree tree, std::string_view step) {
    flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (tree == Tree::recursive ? AT_RECURSIVE : 0U);
    Fd opened(::open_tree(dir, path, flags));
    if (!opened) return Error::last(step);
    return opened;
}

}  // namespace

Result<Fd> clone_tree(const char* path, Tree tree, std::string_view step) {
    return clone_at(AT_FDCWD, path, 0, tree, step);
}

Result<Fd> clone_tree(int fd, Tree tree, std::string_view step) {
    return clone_at(fd, "", AT_EMPTY_PATH, tree, step);
}

}  // namespace urc::child
