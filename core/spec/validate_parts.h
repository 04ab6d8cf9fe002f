// The parts of validate.cpp, one chapter of the specification a file. Private to this folder.
//
// `base` is what stands in front of a field's name in messages: "process." inside config.json, "" where the
// document is the process itself.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/spec/spec.h"
#include "core/spec/text.h"
#include "uring/result.h"

namespace urc::spec {

// A network interface's name: IFNAMSIZ with its NUL.
inline constexpr std::size_t kInterfaceNameMax = 15;

// An Error whose text is the parts in a row.
inline Error refusal(std::initializer_list<std::string_view> parts) {
    return Error::message(concat(parts));
}

Result<void> check_process(const Process& process, std::string_view base);
Result<void> check_env(const std::vector<std::string>& env, std::string_view path);

Result<void> check_resources(const Resources& resources, std::string_view base);
Result<void> check_devices(const std::vector<Device>& devices);

// One map of a user namespace or mount, as the kernel will take it: /proc/PID/uid_map, user_namespaces(7).
Result<void> check_mappings(const std::vector<IdMapping>& mappings, std::string_view path);
bool is_mapped(const std::vector<IdMapping>& mappings, std::uint32_t container_id);

// User namespace, its maps, and every id that has to be in them.
Result<void> check_ids(const Spec& spec, bool is_rootless);

Result<void> check_mounts(const Spec& spec, bool is_rootless);

Result<void> check_hooks(const Hooks& hooks);

inline bool is_absolute(std::string_view path) {
    return !path.empty() && path.front() == '/';
}

// Letters that cannot break out of a line or a word of a control file.
inline bool is_one_word(std::string_view text) {
    for (char c : text)
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
    return !text.empty();
}

// A name that is one component of a path: not empty, no slash, not "." or "..".
inline bool is_file_name(std::string_view name) {
    return is_one_word(name) && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

}  // namespace urc::spec
