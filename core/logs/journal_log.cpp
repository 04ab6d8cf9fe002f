// Following has an end that journalctl does not know: the monitor's. What the monitor has sent may then still
// lie in journald's socket, so journald is asked to take it (--sync), and a second journalctl shows what
// comes after the last entry that the first one showed.
#include "core/logs/journal_log.h"

#include <simdjson.h>

#include "core/logs/journalctl.h"
#include "core/number.h"

namespace urc::logs {
namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t kLineSizeMax = 1 << 20;
constexpr std::size_t kJournalReadSize = 64 << 10;
constexpr std::string_view kPriorityOut = "6", kPriorityErr = "3";

// A string, or an array of bytes where it is no UTF-8.
bool read_message(od::value value, std::string& message) {
    od::json_type type;
    if (value.type().get(type)) return false;
    if (type != od::json_type::array) {
        std::string_view text;
        if (value.get_string().get(text)) return false;
        message = text;
        return true;
    }
    od::array array;
    if (value.get_array().get(array)) return false;
    message.clear();
    for (auto element : array) {
        std::uint64_t byte = 0;
        if (std::move(element).get_uint64().get(byte) || byte > 0xff) return false;
        message += static_cast<char>(byte);
    }
    return true;
}

bool read_field(std::string_view name, od::value value, JournalEntry& entry) {
    std::string_view text;
    if (name == "MESSAGE") return read_message(value, entry.message);
    if (name == "__CURSOR") {
        if (value.get_string().get(text)) return false;
        entry.cursor = text;
    } else if (name == "PRIORITY") {
        if (value.get_string().get(text)) return false;
        entry.record.stream = text == kPriorityErr ? Stream::err : Stream::out;
    } else if (name == "CONTAINER_PARTIAL_MESSAGE") {
        if (value.get_string().get(text)) return false;
        entry.record.is_partial = text == "true";
    } else if (name == "__REALTIME_TIMESTAMP") {
        if (value.get_string().get(text)) return false;
        const auto since_epoch = parse_number<std::int64_t>(text, std::int64_t{1} << 52);
        if (!since_epoch) return false;
        entry.record.time = Instant(std::chrono::microseconds(*since_epoch));
    }
    return true;
}

// What journalctl calls a point in time.
std::string epoch_word(Instant instant) {
    const auto micros = std::chrono::floor<std::chrono::microseconds>(instant.time_since_epoch()).count();
    std::string fraction = std::to_string(1'000'000 + (micros % 1'000'000 + 1'000'000) % 1'000'000);
    fraction[0] = '.';
    return "@" + std::to_string(std::max<std::int64_t>(micros, 0) / 1'000'000) + fraction;
}

class JournalReader {
public:
    JournalReader(std::string_view id, const LogsOptions& options, const ByteSink& sink)
        : id_(id),
          options_(options),
          printer_({options.since, options.until, options.wants_out, options.wants_err},
                   options.has_timestamps, sink) {}

    Result<void> read_what_is_there();
    Result<void> follow(Watch& watch);
    std::uint64_t damaged() const { return damaged_; }

private:
    std::vector<std::string> arguments() const;
    Result<bool> read_some(Journalctl& journal);
    Result<void> take(std::string_view line);

    const std::string id_;
    const LogsOptions& options_;
    Printer printer_;
    std::string cursor_;  // of the last entry that was shown
    std::string line_;
    bool is_too_long_ = false;
    std::uint64_t damaged_ = 0;
    std::string buffer_ = std::string(kJournalReadSize, '\0');
};

std::vector<std::string> JournalReader::arguments() const {
    // --all: fields of any length and with any bytes.
    std::vector<std::string> words{"--output=json", "--no-pager", "--quiet", "--all"};
    if (!cursor_.empty()) {
        words.push_back("--after-cursor=" + cursor_);
    } else {
        if (options_.since) words.push_back("--since=" + epoch_word(*options_.since));
        words.push_back("--lines=" + (options_.tail ? std::to_string(*options_.tail) : "all"));
    }
    if (options_.until)
        words.push_back("--until=" + epoch_word(*options_.until + std::chrono::microseconds(1)));
    words.push_back("CONTAINER_ID=" + id_);
    // So that --lines counts the right ones.
    if (options_.wants_out != options_.wants_err)
        words.push_back("PRIORITY=" + std::string(options_.wants_out ? kPriorityOut : kPriorityErr));
    return words;
}

Result<void> JournalReader::take(std::string_view line) {
    auto entry = parse_journal_line(line);
    if (!entry) {
        ++damaged_;
        return {};
    }
    cursor_ = std::move(entry->cursor);
    if (!entry->record.is_partial) entry->message += '\n';
    return printer_.piece(entry->record, entry->message);
}

// False at the end of its output.
Result<bool> JournalReader::read_some(Journalctl& journal) {
    URC_TRY(const std::size_t got, journal.read(buffer_.data(), buffer_.size()));
    if (got == 0) return false;
    std::string_view bytes = std::string_view(buffer_).substr(0, got);
    while (!bytes.empty()) {
        const std::size_t newline = bytes.find('\n');
        const std::string_view some = bytes.substr(0, newline);
        bytes.remove_prefix(std::min(some.size() + 1, bytes.size()));
        is_too_long_ = is_too_long_ || line_.size() + some.size() > kLineSizeMax;
        if (!is_too_long_) line_ += some;
        if (newline == some.npos) break;
        if (is_too_long_) line_.clear();  // counted as damaged
        is_too_long_ = false;
        URC_TRY_VOID(take(line_));
        line_.clear();
    }
    return true;
}

Result<void> JournalReader::read_what_is_there() {
    URC_TRY(Journalctl journal, Journalctl::start(arguments()));
    for (;;) {
        URC_TRY(const bool has_more, read_some(journal));
        if (!has_more) break;
    }
    URC_TRY_VOID(printer_.flush());
    return journal.finish();
}

Result<void> JournalReader::follow(Watch& watch) {
    while (!watch.is_over()) {
        std::vector<std::string> words = arguments();
        words.insert(words.begin(), "--follow");
        URC_TRY(Journalctl journal, Journalctl::start(words));
        for (bool is_over = false; !is_over; is_over = watch.is_over()) {
            URC_TRY(const bool is_readable, watch.wait(journal.fd()));
            if (!is_readable) continue;
            URC_TRY(const bool has_more, read_some(journal));
            // Killed, or the journal cannot be read.
            if (!has_more) return journal.finish();
            URC_TRY_VOID(printer_.flush());
        }
    }
    line_.clear();
    if (auto sync = Journalctl::start({"--sync"})) (void)sync->finish();
    return read_what_is_there();
}

}  // namespace

std::optional<JournalEntry> parse_journal_line(std::string_view line) {
    const simdjson::padded_string padded(line);
    od::parser parser;
    od::document document;
    od::object object;
    if (parser.iterate(padded).get(document) || document.get_object().get(object)) return std::nullopt;
    JournalEntry entry;
    for (auto member : object) {
        od::field field;
        std::string_view name;
        if (std::move(member).get(field) || field.unescaped_key().get(name)) return std::nullopt;
        if (!read_field(name, field.value(), entry)) return std::nullopt;
    }
    return entry;
}

Result<void> read_journal_log(std::string_view id, const LogsOptions& options, const Log& warnings,
                              const ByteSink& sink, Watch* watch) {
    JournalReader reader(id, options, sink);
    URC_TRY_VOID(watch ? reader.follow(*watch) : reader.read_what_is_there());
    if (reader.damaged() > 0)
        warnings.warning("journalctl gave ", reader.damaged(), " lines that are no entries");
    return {};
}

}  // namespace urc::logs
