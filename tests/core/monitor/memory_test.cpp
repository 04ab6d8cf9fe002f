// What a monitor gives back before it waits.
#include "core/memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "uring/file.h"

namespace urc {
namespace {

// KiB of the pages of files that are in memory, proc_pid_status(5).
long resident_of_files() {
    auto status = read_file_at(AT_FDCWD, "/proc/self/status");
    if (!status.ok()) return -1;
    const std::size_t at = status->find("RssFile:");
    return at == status->npos ? -1 : std::strtol(status->c_str() + at + 8, nullptr, 10);
}

TEST(Memory, ThePagesOfTheProgramComeBackAsTheyAreNeeded) {
    // This test's own program is code and constants of some megabytes, of which little runs here.
    const long before = resident_of_files();
    ASSERT_GT(before, 0);
    give_back_memory();
    const long after = resident_of_files();
    EXPECT_GT(after, 0);
    EXPECT_LT(after, before);
}

}  // namespace
}  // namespace urc
