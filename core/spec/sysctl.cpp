#include "core/spec/sysctl.h"

#include <algorithm>

#include "core/spec/validate_parts.h"

namespace urc::spec {
namespace {

// ipc/ipc_sysctl.c: these are tables of the IPC namespace.
constexpr std::string_view kIpcParameters[] = {
    "kernel/shmall",      "kernel/shmmax",      "kernel/shmmni",      "kernel/shm_rmid_forced",
    "kernel/msgmax",      "kernel/msgmni",      "kernel/msgmnb",      "kernel/sem",
    "kernel/auto_msgmni", "kernel/shm_next_id", "kernel/msg_next_id", "kernel/sem_next_id",
};

bool is_key_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == ':' || c == '@';
}

bool is_value_letter(char c) {
    return (static_cast<unsigned char>(c) >= ' ' || c == '\t') && c != '+' && c != '=' && c != 0x7f;
}

// The namespace that `file` belongs to, as the word of linux.namespaces; nullopt: the host's.
std::optional<NamespaceType> owner(std::string_view file) {
    if (file.substr(0, 4) == "net/") return NamespaceType::network;
    if (file.substr(0, 10) == "fs/mqueue/") return NamespaceType::ipc;
    if (file.substr(0, 5) == "user/") return NamespaceType::user;
    if (file == "kernel/domainname") return NamespaceType::uts;
    if (std::find(std::begin(kIpcParameters), std::end(kIpcParameters), file) != std::end(kIpcParameters))
        return NamespaceType::ipc;
    return std::nullopt;
}

std::string_view owner_name(NamespaceType type) {
    switch (type) {
        case NamespaceType::network:
            return "a network namespace";
        case NamespaceType::ipc:
            return "an ipc namespace";
        case NamespaceType::uts:
            return "a uts namespace";
        default:
            return "a user namespace";
    }
}

Result<void> check_one(const Spec& spec, const std::string& key, const std::string& value) {
    std::string path = concat({"linux.sysctl[", in_quotes(key), "]: "});
    auto file = sysctl_file(key);
    if (!file) return refusal({path, "not the name of a kernel parameter"});
    if (!std::all_of(value.begin(), value.end(), is_value_letter))
        return refusal({path, "not a value of a kernel parameter: ", in_quotes(value)});
    if (*file == "kernel/hostname") return refusal({path, "use the field hostname"});
    auto type = owner(*file);
    if (!type) return refusal({path, "belongs to no namespace, setting it would change the host"});
    if (!spec.linux.find(*type)) return refusal({path, "needs ", owner_name(*type)});
    if (*file == "kernel/domainname" && !spec.domainname.empty() && spec.domainname != value)
        return refusal({path, "the field domainname says ", in_quotes(spec.domainname)});
    return {};
}

}  // namespace

std::optional<std::string> sysctl_file(std::string_view key) {
    if (!std::all_of(key.begin(), key.end(), is_key_letter)) return std::nullopt;
    std::size_t separator = key.find_first_of("./");
    if (separator == std::string_view::npos) return std::nullopt;
    std::string file(key);
    if (key[separator] == '.')
        for (char& c : file)
            if (c == '.' || c == '/') c = c == '.' ? '/' : '.';
    for (std::size_t start = 0; start <= file.size();) {
        std::size_t end = std::min(file.find('/', start), file.size());
        std::string_view part = std::string_view(file).substr(start, end - start);
        if (part.empty() || part == "." || part == "..") return std::nullopt;
        start = end + 1;
    }
    return file;
}

Result<void> check_sysctl(const Spec& spec) {
    for (const auto& [key, value] : spec.linux.sysctl) URC_TRY_VOID(check_one(spec, key, value));
    return {};
}

}  // namespace urc::spec
