#include "core/seccomp/words.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <bit>
#include <string>
#include <utility>

namespace urc::seccomp {
namespace {

template <typename T, std::size_t N>
std::optional<T> find(const std::pair<std::string_view, T> (&table)[N], std::string_view name) {
    for (const auto& [word, value] : table)
        if (word == name) return value;
    return std::nullopt;
}

constexpr std::pair<std::string_view, std::uint32_t> kActions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
};

constexpr std::pair<std::string_view, Op> kOps[] = {
    {"SCMP_CMP_NE", Op::ne},
    {"SCMP_CMP_LT", Op::lt},
    {"SCMP_CMP_LE", Op::le},
    {"SCMP_CMP_EQ", Op::eq},
    {"SCMP_CMP_GE", Op::ge},
    {"SCMP_CMP_GT", Op::gt},
    {"SCMP_CMP_MASKED_EQ", Op::masked_eq},
};

constexpr std::pair<std::string_view, unsigned> kFlags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

// The specification's words for architectures. Which of them libseccomp knows is asked of it.
constexpr std::string_view kArchitectures[] = {
    "SCMP_ARCH_AARCH64",  "SCMP_ARCH_ARM",         "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",       "SCMP_ARCH_PPC64LE",     "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",
    "SCMP_ARCH_X32",      "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64"};

template <typename T, std::size_t N>
std::vector<std::string_view> words_of(const std::pair<std::string_view, T> (&table)[N]) {
    std::vector<std::string_view> words;
    for (const auto& entry : table) words.push_back(entry.first);
    return words;
}

}  // namespace

bool has_our_byte_order(std::uint32_t architecture) {
    constexpr bool kIsLittle = std::endian::native == std::endian::little;
    return ((architecture & __AUDIT_ARCH_LE) != 0) == kIsLittle;
}

Words known_words() {
    Words words{words_of(kActions), words_of(kOps), {}, words_of(kFlags)};
    for (std::string_view name : kArchitectures) {
        auto token = architecture_by_name(name);
        if (token && has_our_byte_order(*token)) words.architectures.push_back(name);
    }
    return words;
}

std::optional<std::uint32_t> action_by_name(std::string_view name) {
    return find(kActions, name);
}
std::optional<Op> op_by_name(std::string_view name) {
    return find(kOps, name);
}
std::optional<unsigned> flag_by_name(std::string_view name) {
    return find(kFlags, name);
}

std::optional<std::uint32_t> architecture_by_name(std::string_view name) {
    constexpr std::string_view kPrefix = "SCMP_ARCH_";
    if (!name.starts_with(kPrefix) || name.size() > 64) return std::nullopt;
    // libseccomp knows them as "x86_64"; the words of the specification are in capitals and nothing else is.
    std::string lower;
    for (char c : name.substr(kPrefix.size())) {
        bool is_capital = c >= 'A' && c <= 'Z';
        if (!is_capital && !(c >= '0' && c <= '9') && c != '_') return std::nullopt;
        lower += is_capital ? static_cast<char>(c - 'A' + 'a') : c;
    }
    std::uint32_t token = seccomp_arch_resolve_name(lower.c_str());
    if (token == 0) return std::nullopt;  // also "native", which is no word of the specification
    return token;
}

}  // namespace urc::seccomp
