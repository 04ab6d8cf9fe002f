// A log in files, read once or followed.
#pragma once

#include <string>

#include "core/log.h"
#include "core/logs/printer.h"
#include "core/logs/watch.h"
#include "core/runtime.h"

namespace urc::logs {

struct FileLog {
    std::string path;
    Format format = Format::k8s;
    Stream raw_stream = Stream::out;
    bool is_live = false;  // somebody writes to it
};

// `watch`: to follow it; null: only what is there now.
Result<void> read_file_log(const FileLog& log, const LogsOptions& options, const Log& warnings,
                           const ByteSink& sink, Watch* watch);

}  // namespace urc::logs
