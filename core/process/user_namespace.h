// User namespaces apart from the container's own: those made for their id maps alone, which mount_setattr(2)
// wants for an id-mapped mount, and the maps of one that is joined by path.
//
// The kernel shows and takes maps only by way of a process that is in the namespace. So a helper is cloned
// into it, not dumpable, which does nothing but wait for the end of a pipe.
#pragma once

#include <string>
#include <vector>

#include "core/process/id_map.h"
#include "core/spec/spec.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::process {

// A new user namespace with these maps, which the caller must be allowed to write directly (root). Nobody is
// in it.
Result<Fd> make_user_namespace(const IdMaps& maps);

struct ReadIdMaps {
    std::vector<spec::IdMapping> uids;
    std::vector<spec::IdMapping> gids;
};

// The maps of the namespace, with the host's ids as the caller's own namespace counts them. EPERM when the
// caller may not enter it.
Result<ReadIdMaps> read_id_maps(int user_namespace);

// Of a user namespace that is joined: maps in the configuration must be its own, and absent ones are filled
// in. `path` is for messages.
Result<void> take_id_maps(int user_namespace, const std::string& path, spec::Linux& linux);

// Whether both map the same ids to the same; the order of the ranges means nothing.
bool is_same_map(std::vector<spec::IdMapping> left, std::vector<spec::IdMapping> right);

}  // namespace urc::process
