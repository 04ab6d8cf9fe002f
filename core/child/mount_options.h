// The words of `mounts[].options` and what each means for the new mount API (mount_setattr(2), fsconfig(2)).
//
// A word is one of: an attribute of the mount (`nosuid`, its contrary `suid`), the same for everything below
// it (`rnosuid`), a propagation (`rslave`), a flag of the superblock (`sync`), a word for urc itself
// (`rbind`, `remount`), or, when it is none of these, data for the file system (`size=64m`). A clearing word
// takes the flag away from what is inherited; where two words contradict each other the later one wins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace urc::child {

// What mount_setattr is to set and to clear.
struct AttributeChange {
    std::uint64_t set = 0;
    std::uint64_t clear = 0;
    bool empty() const { return set == 0 && clear == 0; }
    // MOUNT_ATTR__ATIME is a field of values, not of bits: its contents go to `set`, all of it to `clear`.
    void apply(std::uint64_t set_bits, std::uint64_t clear_bits);
};

struct PropagationChange {
    std::uint64_t type = 0;  // MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE
    bool is_recursive = false;
};

// One parameter for fsconfig(2); without a value it is a flag.
struct FsParameter {
    std::string key;
    std::string value;
    bool has_value = false;
};

struct MountOptions {
    AttributeChange attributes;
    AttributeChange recursive;
    std::vector<PropagationChange> propagation;  // in the order given
    std::vector<FsParameter> superblock;         // sync, dirsync, lazytime, mand and their contraries
    std::vector<FsParameter> data;
    bool is_bind = false;
    bool is_recursive_bind = false;
    bool is_remount = false;
    bool has_tmpcopyup = false;
    bool has_idmap = false;
    bool has_recursive_idmap = false;
};

MountOptions parse_mount_options(const std::vector<std::string>& options);

// Every word but the file systems' own, sorted: what `features` prints as mountOptions.
std::vector<std::string_view> known_mount_options();

}  // namespace urc::child
