#include "core/child/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <iterator>

namespace urc::child {

namespace {

enum class Effect : std::uint8_t {
    attribute,    // a: to set, b: to clear
    recursive,    // the same, for the mounts below as well
    propagation,  // a: the type; b: 1 when recursive
    superblock,   // a flag that fsconfig knows by the same name
    nothing,      // no effect through the new API, or none at all
    bind,
    rbind,
    remount,
    tmpcopyup,
    idmap,
    ridmap,
};

struct Word {
    std::string_view name;
    Effect effect;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
};

constexpr std::uint64_t kAtime = MOUNT_ATTR__ATIME;
constexpr std::uint64_t kRelatime = MOUNT_ATTR_RELATIME;  // zero: what the kernel does when nothing is said
using enum Effect;

// Sorted by name. iversion, silent and loud were flags of mount(2) only: iversion is the file system's own
// business now, and what fsopen has to say goes to its descriptor, not to the kernel's log.
constexpr Word kWords[] = {
    {"async", superblock},
    {"atime", attribute, kRelatime, kAtime},
    {"bind", bind},
    {"defaults", nothing},
    {"dev", attribute, 0, MOUNT_ATTR_NODEV},
    {"diratime", attribute, 0, MOUNT_ATTR_NODIRATIME},
    {"dirsync", superblock},
    {"exec", attribute, 0, MOUNT_ATTR_NOEXEC},
    {"idmap", idmap},
    {"iversion", nothing},
    {"lazytime", superblock},
    {"loud", nothing},
    {"mand", superblock},
    {"noatime", attribute, MOUNT_ATTR_NOATIME, kAtime},
    {"nodev", attribute, MOUNT_ATTR_NODEV},
    {"nodiratime", attribute, MOUNT_ATTR_NODIRATIME},
    {"noexec", attribute, MOUNT_ATTR_NOEXEC},
    {"noiversion", nothing},
    {"nolazytime", superblock},
    {"nomand", superblock},
    {"norelatime", attribute, kRelatime, kAtime},
    {"nostrictatime", attribute, kRelatime, kAtime},
    {"nosuid", attribute, MOUNT_ATTR_NOSUID},
    {"nosymfollow", attribute, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", propagation, MS_PRIVATE},
    {"ratime", recursive, kRelatime, kAtime},
    {"rbind", rbind},
    {"rdev", recursive, 0, MOUNT_ATTR_NODEV},
    {"rdiratime", recursive, 0, MOUNT_ATTR_NODIRATIME},
    {"relatime", attribute, kRelatime, kAtime},
    {"remount", remount},
    {"rexec", recursive, 0, MOUNT_ATTR_NOEXEC},
    {"ridmap", ridmap},
    {"rnoatime", recursive, MOUNT_ATTR_NOATIME, kAtime},
    {"rnodev", recursive, MOUNT_ATTR_NODEV},
    {"rnodiratime", recursive, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", recursive, MOUNT_ATTR_NOEXEC},
    {"rnorelatime", recursive, kRelatime, kAtime},
    {"rnostrictatime", recursive, kRelatime, kAtime},
    {"rnosuid", recursive, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", recursive, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", attribute, MOUNT_ATTR_RDONLY},
    {"rprivate", propagation, MS_PRIVATE, 1},
    {"rrelatime", recursive, kRelatime, kAtime},
    {"rro", recursive, MOUNT_ATTR_RDONLY},
    {"rrw", recursive, 0, MOUNT_ATTR_RDONLY},
    {"rshared", propagation, MS_SHARED, 1},
    {"rslave", propagation, MS_SLAVE, 1},
    {"rstrictatime", recursive, MOUNT_ATTR_STRICTATIME, kAtime},
    {"rsuid", recursive, 0, MOUNT_ATTR_NOSUID},
    {"rsymfollow", recursive, 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"runbindable", propagation, MS_UNBINDABLE, 1},
    {"rw", attribute, 0, MOUNT_ATTR_RDONLY},
    {"shared", propagation, MS_SHARED},
    {"silent", nothing},
    {"slave", propagation, MS_SLAVE},
    {"strictatime", attribute, MOUNT_ATTR_STRICTATIME, kAtime},
    {"suid", attribute, 0, MOUNT_ATTR_NOSUID},
    {"symfollow", attribute, 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"sync", superblock},
    {"tmpcopyup", tmpcopyup},
    {"unbindable", propagation, MS_UNBINDABLE},
};

constexpr bool by_name(const Word& left, const Word& right) {
    return left.name < right.name;
}
static_assert(std::is_sorted(std::begin(kWords), std::end(kWords), by_name));

const Word* find_word(std::string_view name) {
    const Word* found = std::lower_bound(std::begin(kWords), std::end(kWords), Word{name, nothing}, by_name);
    return found != std::end(kWords) && found->name == name ? found : nullptr;
}

void apply_word(MountOptions& options, const Word& word) {
    switch (word.effect) {
        case attribute:
            options.attributes.apply(word.a, word.b);
            break;
        case recursive:
            options.recursive.apply(word.a, word.b);
            break;
        case propagation:
            options.propagation.push_back({word.a, word.b != 0});
            break;
        case superblock:
            options.superblock.push_back({std::string(word.name), {}, false});
            break;
        case nothing:
            break;
        case rbind:
            options.is_recursive_bind = true;
            [[fallthrough]];
        case bind:
            options.is_bind = true;
            break;
        case remount:
            options.is_remount = true;
            break;
        case tmpcopyup:
            options.has_tmpcopyup = true;
            break;
        case ridmap:
            options.has_recursive_idmap = true;
            [[fallthrough]];
        case idmap:
            options.has_idmap = true;
            break;
    }
}

}  // namespace

void AttributeChange::apply(std::uint64_t set_bits, std::uint64_t clear_bits) {
    set = (set & ~clear_bits) | set_bits;
    clear = (clear & ~(set_bits & ~kAtime)) | clear_bits;
}

static void parse_one(MountOptions& parsed, std::string_view option) {
    if (const Word* word = find_word(option)) {
        apply_word(parsed, *word);
    } else if (auto equals = option.find('='); equals != option.npos) {
        parsed.data.push_back(
            {std::string(option.substr(0, equals)), std::string(option.substr(equals + 1)), true});
    } else if (!option.empty()) {
        parsed.data.push_back({std::string(option), {}, false});
    }
}

MountOptions parse_mount_options(const std::vector<std::string>& options) {
    MountOptions parsed;
    for (std::string_view rest : options) {
        // mount(2) takes one string with commas between the options, and so callers may give several in one.
        // A comma of the value itself is escaped (overlayfs).
        while (!rest.empty()) {
            std::size_t comma = rest.find(',');
            while (comma != rest.npos && comma > 0 && rest[comma - 1] == '\\')
                comma = rest.find(',', comma + 1);
            parse_one(parsed, rest.substr(0, comma));
            rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
        }
    }
    return parsed;
}

std::vector<std::string_view> known_mount_options() {
    std::vector<std::string_view> names;
    for (const Word& word : kWords) names.push_back(word.name);
    return names;
}

}  // namespace urc::child
