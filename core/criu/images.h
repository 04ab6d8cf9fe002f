// The directories and switches that a checkpoint and a restore have in common, judged and made ready.
#pragma once

#include <string>
#include <vector>

#include "core/criu/rpc.h"
#include "core/runtime.h"
#include "uring/fd.h"
#include "uring/result.h"

namespace urc::criu {

struct Images {
    Fd directory;
    std::string path, work_path;    // of the directories; work_path may be empty
    std::string log_path;           // for messages: where criu writes its log
    std::vector<std::string> made;  // directories that were not there, parents first

    // After a failure: those that are empty. What criu has written stays, its log tells why.
    void remove_made() const;
};

enum class Missing : unsigned char { is_made, is_an_error };

// Opens the images' directory (made with its parents, mode 0700, if asked) and the one for the log (always
// made).
Result<Images> open_images(const ImageOptions& options, Missing missing, const std::string& log_file);

// What the options say, in criu's terms; "invalid manage-cgroups-mode value", "namespace "x" is not
// supported".
Result<Options> make_options(const ImageOptions& options, const std::string& log_file);

// The annotation org.criu.config names a configuration file for criu, empty for none. Without it: runc's.
std::string config_file(const spec::StringMap& annotations);

// "ADDRESS:PORT" or "[ADDRESS]:PORT".
Result<void> set_page_server(const std::string& text, Options& target);

}  // namespace urc::criu
