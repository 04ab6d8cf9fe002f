#include "core/child/last_page.h"

#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/process/channel.h"
#include "uring/check.h"
#include "uring/fd.h"

// Where the linker put urc, and the one function that is copied out of it. The names are the linker's.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern char __executable_start[];
extern char _end[];
extern char __start_urc_last_page[];
extern char __stop_urc_last_page[];
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}

namespace urc::child {

namespace {

using Call = LastPage::Call;

[[gnu::always_inline]] inline long raw_syscall(long number, long a0, long a1, long a2, long a3, long a4) {
#if defined(__x86_64__)
    long result;
    register long r10 asm("r10") = a3;
    register long r8 asm("r8") = a4;
    register long r9 asm("r9") = 0;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a0;
    register long x1 asm("x1") = a1;
    register long x2 asm("x2") = a2;
    register long x3 asm("x3") = a3;
    register long x4 asm("x4") = a4;
    register long x5 asm("x5") = 0;
    asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "core/child/last_page.cpp knows x86-64 and arm64"
#endif
}

#if defined(__clang__)
#define URC_COPIED_OUT \
    __attribute__((section("urc_last_page"), noinline, used, no_sanitize("all"), no_stack_protector))
#else
#define URC_COPIED_OUT \
    __attribute__((section("urc_last_page"), noipa, used, no_sanitize("all"), no_stack_protector))
#endif

// Runs in the anonymous page, with urc's image gone: it may touch nothing but its arguments and its stack.
// Numbers go into a header byte by byte, so that no compiler calls memcpy.
extern "C" URC_COPIED_OUT void urc_last_page_code(const Call* call, const Call* end, int channel) {
    for (; call != end; ++call) {
        long result = raw_syscall(call->number, call->arguments[0], call->arguments[1], call->arguments[2],
                                  call->arguments[3], call->arguments[4]);
        if (call->result) *call->result = static_cast<int>(result);
        if (call->spawned && result > 0) {
            volatile char* value = call->spawned + 4;
            for (int byte = 0; byte < 4; ++byte) value[byte] = static_cast<char>(result >> 8 * byte & 0xff);
            raw_syscall(SYS_write, channel, reinterpret_cast<long>(call->spawned), 8, 0, 0);
            break;
        }
        if (result < call->at_least && call->failure) {
            volatile char* value = call->failure + 4;
            unsigned code = static_cast<unsigned>(result < 0 ? -result : EPIPE);
            value[0] = static_cast<char>(code & 0xff);
            value[1] = static_cast<char>(code >> 8 & 0xff);
            raw_syscall(SYS_write, channel, reinterpret_cast<long>(call->failure), call->failure_size, 0, 0);
            break;
        }
    }
    for (;;) raw_syscall(SYS_exit_group, 1, 0, 0, 0, 0);
}

static_assert(offsetof(process::MessageHeader, value) == 4, "urc_last_page_code writes numbers there");
static_assert(sizeof(process::MessageHeader) == 8, "urc_last_page_code sends that many bytes");
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kPageSize = 4096;

}  // namespace

bool LastPage::is_supported() {
    unsigned size = 0;
    return ::prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, reinterpret_cast<unsigned long>(&size), 0, 0) == 0 &&
           size == sizeof(prctl_mm_map);
}

LastPage::Call& LastPage::add(std::string text, long number, long a0, long a1, long a2, long a3, long a4) {
    Call call{.number = number, .arguments = {a0, a1, a2, a3, a4}, .failure = nullptr, .failure_size = 0};
    if (!text.empty()) {
        process::MessageHeader header{
            .type = process::Message::failed, .has_errno_text = 1, .unused = {}, .value = 0};
        auto bytes = std::make_unique<char[]>(sizeof header + text.size());
        std::memcpy(bytes.get(), &header, sizeof header);
        std::memcpy(bytes.get() + sizeof header, text.data(), text.size());
        call.failure = bytes.get();
        call.failure_size = static_cast<long>(sizeof header + text.size());
        texts_.push_back({std::move(bytes), sizeof header + text.size()});
    }
    return calls_.emplace_back(call);
}

Result<void> LastPage::add_leave_image() {
    // An empty program: `#!/proc/self/exe` now means "exec format error". Close-on-exec, so it dies with
    // execve.
#ifdef MFD_EXEC
    int memfd = ::memfd_create("urc", MFD_CLOEXEC | MFD_EXEC);
    if (memfd < 0 && errno == EINVAL) memfd = ::memfd_create("urc", MFD_CLOEXEC);
#else
    constexpr unsigned kMfdExec = 0x0010;  // Linux 6.3; older kernels know no other kind of memfd
    int memfd = ::memfd_create("urc", MFD_CLOEXEC | kMfdExec);
    if (memfd < 0 && errno == EINVAL) memfd = ::memfd_create("urc", MFD_CLOEXEC);
#endif
    if (memfd < 0) return Error::last("memfd_create");

    auto start = reinterpret_cast<std::uintptr_t>(__executable_start) & ~(kPageSize - 1);
    auto end = (reinterpret_cast<std::uintptr_t>(_end) + kPageSize - 1) & ~(kPageSize - 1);
    add("leave urc's image", SYS_munmap, static_cast<long>(start), static_cast<long>(end - start));

    // The kernel wants a whole memory map; only the exe link matters, execve replaces the rest in a moment.
    data_.push_back(std::make_unique<char[]>(sizeof(prctl_mm_map)));
    auto* map = reinterpret_cast<prctl_mm_map*>(data_.back().get());
    std::memset(map, 0, sizeof *map);
    auto somewhere = static_cast<unsigned long>(start);
    map->start_code = map->start_data = map->start_brk = map->brk = map->start_stack = somewhere;
    map->end_code = map->end_data = somewhere + 1;
    map->arg_start = map->arg_end = map->env_start = map->env_end = somewhere;
    map->exe_fd = static_cast<std::uint32_t>(memfd);
    add("let go of urc's executable", SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, reinterpret_cast<long>(map),
        sizeof *map);
    return {};
}

void LastPage::run(int channel_fd) {
    auto size = static_cast<std::size_t>(__stop_urc_last_page - __start_urc_last_page);
    auto entry = reinterpret_cast<char*>(&urc_last_page_code) - __start_urc_last_page;
    URC_CHECK(size <= kPageSize);
    process::Channel channel{Fd(channel_fd)};
    void* page = ::mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) std::memcpy(page, __start_urc_last_page, size);
    if (page == MAP_FAILED || ::mprotect(page, kPageSize, PROT_READ | PROT_EXEC) < 0) {
        (void)channel.send_error(Error::last("map the last page"));
        ::_exit(1);
    }
    __builtin___clear_cache(static_cast<char*>(page), static_cast<char*>(page) + size);
    auto code = reinterpret_cast<decltype(&urc_last_page_code)>(static_cast<char*>(page) + entry);
    code(calls_.data(), calls_.data() + calls_.size(), channel.get());
    __builtin_unreachable();
}

}  // namespace urc::child
