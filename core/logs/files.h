// The files of one log: FILE.n ... FILE.1 FILE, the oldest first. They are renamed while they are read, so
// all are opened before one is read, and looked at again: the set is as it was at one moment.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "uring/fd.h"
#include "uring/result.h"

namespace urc::logs {

struct File {
    Fd fd;
    dev_t device = 0;
    ino_t inode = 0;
    std::uint64_t size = 0;  // when it was opened

    bool is_same(const File& other) const { return device == other.device && inode == other.inode; }
};

// Never empty: ENOENT when there is no file at all.
Result<std::vector<File>> open_files(const std::string& path);

// Whether `path` is (still) that file; nullopt while there is none.
std::optional<bool> is_file_at(const std::string& path, const File& file);

// Those that were begun after `file`, which is open and may have been renamed or removed meanwhile.
Result<std::vector<File>> open_files_after(const std::string& path, const File& file);

// Reads at `offset`; fewer bytes than asked for only at the end of the file.
Result<std::size_t> read_at(const File& file, std::uint64_t offset, char* buffer, std::size_t size);

}  // namespace urc::logs
