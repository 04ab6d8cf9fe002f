// The limits of a cgroup as they were, to be put back when an update fails half-way.
//
// What is kept is the text of the control files that hold one value for the whole cgroup, and of those that
// the update names under `unified`. Not put back: limits a device, a page size, an interface (io.max,
// hugetlb, ...), which Cgroup::apply() writes last.
#pragma once

#include <string>
#include <vector>

#include "core/cgroup/cgroup.h"

namespace urc::cgroup {

class Snapshot {
public:
    // `cgroup` outlives the snapshot.
    static Snapshot take(const Cgroup& cgroup, const spec::Resources& to_write);

    // Writes back what is different by now. Names the files that could not be; empty when all is as it was.
    std::string restore() const;

private:
    struct Entry {
        const Directory* directory;
        std::string file;
        std::string value;  // as it is to be written
        std::string text;   // as it was read
    };
    std::vector<Entry> entries_;
};

}  // namespace urc::cgroup
