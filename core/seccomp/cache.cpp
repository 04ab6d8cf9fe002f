#include "core/seccomp/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/seccomp/hash.h"
#include "core/version.h"
#include "uring/fd.h"
#include "uring/file.h"

namespace urc::seccomp {
namespace {

constexpr char kMagic[8] = {'u', 'r', 'c', '-', 'b', 'p', 'f', '1'};
// To be raised with every change that makes the compiler's programs mean something else.
constexpr std::uint32_t kCompiler = 1;

constexpr std::size_t kTextMax = 1 << 20;  // longer texts are not kept

struct Header {
    char magic[8];
    std::uint64_t checksum;  // of all that follows it, without the profile's text
    std::uint64_t maker;     // see maker()
    std::uint32_t text_size;
    std::uint32_t instructions;
    std::uint32_t path_size;
    std::uint32_t metadata_size;
    std::uint32_t flags;
    std::uint32_t has_notify;
};
static_assert(sizeof(Header) == 48);
constexpr std::size_t kChecked = offsetof(Header, maker);

// What made the program and what it was made for: everything it depends on besides the profile's text.
std::uint64_t maker() {
    const scmp_version* library = seccomp_version();
    const std::array<std::uint32_t, 5> numbers = {library->major, library->minor, library->micro,
                                                  seccomp_arch_native(), kCompiler};
    std::string_view bytes(reinterpret_cast<const char*>(numbers.data()), sizeof numbers);
    return hash(kVersion, hash(bytes));
}

std::string_view bytes_of(const Header& header) {
    return {reinterpret_cast<const char*>(&header), sizeof header};
}

std::uint64_t checksum_of(const Header& header, std::string_view behind_text) {
    return hash(behind_text, hash(bytes_of(header).substr(kChecked)));
}

struct Name {
    char path[sizeof ".cache/seccomp/" + 16];
    const char* file() const { return path + sizeof ".cache/seccomp/" - 1; }
};

Name name_of(std::string_view section, std::uint64_t made_by) {
    Name name{".cache/seccomp/"};
    std::uint64_t key = hash(section, made_by);
    char* at = name.path + sizeof ".cache/seccomp/" - 1;
    for (int shift = 60; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[(key >> shift) & 15];
    return name;
}

// Below `dir`, through no symbolic link. Files that would make open wait do not.
Fd open_below(int dir, const char* path, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return Fd(static_cast<int>(syscall(SYS_openat2, dir, path, &how, sizeof how)));
}

bool is_ours(const struct stat& st, mode_t type) {
    return (st.st_mode & S_IFMT) == type && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// The file is the header, the text, and `behind` bytes as the header says.
bool is_complete(const Header& header, std::size_t size) {
    std::uint64_t expected = sizeof header + std::uint64_t{header.text_size} +
                             std::uint64_t{header.instructions} * sizeof(sock_filter) + header.path_size +
                             header.metadata_size;
    return expected == size && header.instructions > 0 && header.instructions <= BPF_MAXINSNS;
}

std::optional<Program> parse(std::string_view file, std::string_view section, std::uint64_t made_by) {
    Header header;
    if (file.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, file.data(), sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.maker != made_by) return std::nullopt;
    if (!is_complete(header, file.size()) || header.text_size != section.size()) return std::nullopt;
    if (file.substr(sizeof header, section.size()) != section) return std::nullopt;
    std::string_view rest = file.substr(sizeof header + section.size());
    if (checksum_of(header, rest) != header.checksum) return std::nullopt;

    Program program;
    program.flags = header.flags;
    program.has_notify = header.has_notify != 0;
    program.instructions.resize(header.instructions);
    const std::size_t code_size = header.instructions * sizeof(sock_filter);
    std::memcpy(program.instructions.data(), rest.data(), code_size);
    program.listener_path = rest.substr(code_size, header.path_size);
    program.listener_metadata = rest.substr(code_size + header.path_size);
    return program;
}

std::string serialize(std::string_view section, const Program& program, std::uint64_t made_by) {
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.maker = made_by;
    header.text_size = static_cast<std::uint32_t>(section.size());
    header.instructions = static_cast<std::uint32_t>(program.instructions.size());
    header.path_size = static_cast<std::uint32_t>(program.listener_path.size());
    header.metadata_size = static_cast<std::uint32_t>(program.listener_metadata.size());
    header.flags = program.flags;
    header.has_notify = program.has_notify ? 1 : 0;

    std::string rest(reinterpret_cast<const char*>(program.instructions.data()),
                     program.instructions.size() * sizeof(sock_filter));
    rest += program.listener_path;
    rest += program.listener_metadata;
    header.checksum = checksum_of(header, rest);
    std::string file(bytes_of(header));
    file += section;
    file += rest;
    return file;
}

// ROOT/.cache/seccomp, made if need be; none when it is not a directory of ours alone.
Fd cache_directory(int state_root_fd) {
    for (const char* path : {".cache", ".cache/seccomp"}) (void)mkdirat(state_root_fd, path, 0700);
    Fd dir = open_below(state_root_fd, ".cache/seccomp", O_RDONLY | O_DIRECTORY);
    struct stat st;
    if (!dir || fstat(dir.get(), &st) != 0 || !is_ours(st, S_IFDIR)) return Fd();
    return dir;
}

// Removes the oldest files until kCacheFilesMax are left. A file that a killed process began counts as well.
void evict(int dir) {
    Fd own = open_below(dir, ".", O_RDONLY | O_DIRECTORY);
    std::unique_ptr<DIR, int (*)(DIR*)> listing(own ? fdopendir(own.get()) : nullptr, closedir);
    if (!listing) return;
    (void)own.release();
    std::vector<std::pair<std::int64_t, std::string>> files;
    while (const dirent* entry = readdir(listing.get())) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        files.emplace_back(st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec, entry->d_name);
    }
    if (files.size() <= kCacheFilesMax) return;
    std::sort(files.begin(), files.end());
    files.resize(files.size() - kCacheFilesMax);
    for (const auto& [time, name] : files) (void)unlinkat(dir, name.c_str(), 0);
}

}  // namespace

std::string cache_name(std::string_view section) {
    return name_of(section, maker()).file();
}

std::optional<Program> find_cached(int state_root_fd, std::string_view section) {
    const std::uint64_t made_by = maker();
    Fd file = open_below(state_root_fd, name_of(section, made_by).path, O_RDONLY);
    struct stat st;
    if (!file || fstat(file.get(), &st) != 0 || !is_ours(st, S_IFREG)) return std::nullopt;
    auto size = static_cast<std::size_t>(st.st_size);
    if (size < section.size() || size > 2 * kTextMax) return std::nullopt;
    auto buffer = std::make_unique_for_overwrite<char[]>(size);
    if (pread(file.get(), buffer.get(), size, 0) != st.st_size) return std::nullopt;
    return parse({buffer.get(), size}, section, made_by);
}

void store_cached(int state_root_fd, std::string_view section, const Program& program) {
    std::string bytes = serialize(section, program, maker());
    if (bytes.size() > kTextMax) return;
    Fd dir = cache_directory(state_root_fd);
    if (!dir) return;
    const Name name = name_of(section, maker());
    const std::string unfinished = std::string(name.file()) + "." + std::to_string(getpid());
    auto file = open_at(dir.get(), unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    // A leftover of a process that had our number is removed below; the next start stores the program.
    bool is_stored = file.ok() && write_all(file->get(), bytes, unfinished).ok() &&
                     renameat(dir.get(), unfinished.c_str(), dir.get(), name.file()) == 0;
    if (!is_stored) (void)unlinkat(dir.get(), unfinished.c_str(), 0);
    evict(dir.get());
}

}  // namespace urc::seccomp
