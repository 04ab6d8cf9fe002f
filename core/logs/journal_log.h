// A log in systemd's journal, as journalctl(1) shows it. The relay gives each record CONTAINER_ID, PRIORITY
// (6: stdout, 3: stderr) and, where the line goes on in the next record, CONTAINER_PARTIAL_MESSAGE=true.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/log.h"
#include "core/logs/printer.h"
#include "core/logs/watch.h"
#include "core/runtime.h"

namespace urc::logs {

struct JournalEntry {
    Record record;
    std::string message, cursor;
};
// A line of `journalctl --output=json`; nullopt when it is none.
std::optional<JournalEntry> parse_journal_line(std::string_view line);

// `watch`: to follow it; null: only what is there now. --tail counts entries of the journal.
Result<void> read_journal_log(std::string_view id, const LogsOptions& options, const Log& warnings,
                              const ByteSink& sink, Watch* watch);

}  // namespace urc::logs
