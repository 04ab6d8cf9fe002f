// The lower-case words for the few errnos whose text callers match: dockerd, podman and CRI-O look for "no
// such file or directory", "permission denied" and "exec format error" as Go programs print them.
#pragma once

#include <string>

#include "uring/error.h"

namespace urc {

// errno_text with a small first letter; acronyms and texts of other shapes keep theirs.
inline std::string errno_words(int code) {
    std::string words = errno_text(code);
    if (words.size() > 1 && words[0] >= 'A' && words[0] <= 'Z' && words[1] >= 'a' && words[1] <= 'z')
        words[0] = static_cast<char>(words[0] - 'A' + 'a');
    return words;
}

}  // namespace urc
