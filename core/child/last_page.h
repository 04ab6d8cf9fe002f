// The last page: how the container's init leaves urc's own executable behind before it becomes the user's
// program.
//
// Until execve, the setup child is a fork of urc, and its /proc/PID/exe is urc's file on the host. An image
// whose program is `#!/proc/self/exe` would make the kernel run that file inside the container, where a
// second process can hold it open and write to it later (CVE-2019-5736). Other runtimes copy or re-mount
// themselves at every start. We let go of the file instead:
//
//   urc's image            one anonymous page               what /proc/self/exe is
//   +----------+           +-----------------------------+
//   | all code | --jump--> | munmap(urc's image)         |  urc
//   +----------+           | prctl(PR_SET_MM_MAP, memfd) |  an empty memfd
//                          | capset, seccomp, ...        |
//                          | execve(program)             |  the program
//                          +-----------------------------+
//
// The kernel lets a process change its exe link only once nothing of the old file is mapped (prctl(2),
// PR_SET_MM_EXE_FILE), so the calls that remain are written down as a list first, and a few instructions
// copied to the page work it off. Nothing that the list points to may lie in urc's own image: heap, stack,
// never a literal. It costs some ten microseconds where a copy of the binary costs hundreds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "uring/result.h"

namespace urc::child {

class LastPage {
public:
    struct Call;

    // Takes the calls in the order in which they shall happen. When one fails, `text` goes to the channel as
    // Message::failed with the errno; the process then exits. An empty text: a failure is passed over. The
    // Call is for finer wishes, and good until the next one is added.
    Call& add(std::string text, long number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0);

    // The first two calls: drop urc's image, put an empty memfd in its place. CAP_SYS_ADMIN or
    // CAP_CHECKPOINT_RESTORE must still be effective when they run, so they go before any capset.
    Result<void> add_leave_image();

    // Works the list off; the last call is execve and does not come back. Failures go to `channel_fd`.
    [[noreturn]] void run(int channel_fd);

    // Whether this kernel lets a process leave its image (CONFIG_CHECKPOINT_RESTORE). Any process may ask.
    static bool is_supported();

private:
    struct Text {
        std::unique_ptr<char[]> bytes;  // a MessageHeader and the text, ready to be sent
        std::size_t size = 0;
    };
    std::vector<Call> calls_;
    std::vector<Text> texts_;
    std::vector<std::unique_ptr<char[]>> data_;
};

struct LastPage::Call {
    long number;
    long arguments[5];
    char* failure;  // null: passed over
    long failure_size;
    long at_least = 0;      // a smaller result is a failure, too (EPIPE)
    int* result = nullptr;  // where the result is put for a later call
    char* spawned =
        nullptr;  // of clone: the MessageHeader by which the one who cloned tells the pid, and exits
};

}  // namespace urc::child
