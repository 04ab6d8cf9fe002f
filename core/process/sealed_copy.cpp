#include "core/process/sealed_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/process/limits.h"
#include "uring/file.h"

namespace urc::process {

namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Result<Fd> copy_self() {
    URC_TRY(Fd self, open_at(AT_FDCWD, "/proc/self/exe", O_RDONLY));
    struct stat status;
    if (::fstat(self.get(), &status) < 0) return Error::last("fstat", "/proc/self/exe");
    Fd copy(::memfd_create("urc", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!copy) return Error::last("memfd_create");
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = ::sendfile(copy.get(), self.get(), nullptr, static_cast<std::size_t>(left));
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return Error::last("copy", "/proc/self/exe");
        left -= sent;
    }
    if (::fcntl(copy.get(), F_ADD_SEALS, kSeals) < 0)
        return Error::last("seal the copy of", "/proc/self/exe");
    return copy;
}

}  // namespace

bool is_sealed_copy() {
    auto self = open_at(AT_FDCWD, "/proc/self/exe", O_RDONLY);
    if (!self.ok()) return false;
    int seals = ::fcntl(self->get(), F_GET_SEALS);
    return seals >= 0 && (seals & kSeals) == kSeals;
}

Error become_sealed_copy() {
    auto copy = copy_self();
    if (!copy.ok()) return std::move(copy).error();
    auto text = read_file_at(AT_FDCWD, "/proc/self/cmdline", 64u << 20);
    if (!text.ok()) return std::move(text).error();
    std::vector<char*> argv;
    for (std::size_t at = 0; at < text->size(); at = text->find('\0', at) + 1)
        argv.push_back(text->data() + at);
    argv.push_back(nullptr);
    restore_descriptor_limit();
    ::fexecve(copy->get(), argv.data(), environ);
    return Error::last("execute the sealed copy of urc");
}

}  // namespace urc::process
