// Following goes over the log's files as they were begun; which one comes next is asked only when FILE is
// another one than that which is being read:
//
//        read to its end --> FILE another? --> read to its end again: all of it was written before the next
//             ^                   | no         one was begun --> the next one
//             |                   v
//             +---- poll <--- hand on what is there
#include "core/logs/file_log.h"

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <iterator>

#include "core/logs/decoder.h"
#include "core/logs/files.h"
#include "core/logs/tail.h"

namespace urc::logs {
namespace {

constexpr std::size_t kFileReadSize = 64 << 10;

class FileReader {
public:
    FileReader(const FileLog& log, const LogsOptions& options, const Log& warnings, const ByteSink& sink)
        : log_(log),
          options_(options),
          warnings_(warnings),
          filter_{options.since, options.until, options.wants_out, options.wants_err},
          printer_(filter_, options.has_timestamps, sink),
          decoder_(log.format, log.raw_stream, [this](const Record& record, std::string_view bytes) {
              return printer_.piece(record, bytes);
          }) {}
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;

    Result<void> open();
    Result<void> read_what_is_there();
    Result<void> follow(Watch& watch);
    void warn() const;

private:
    Result<void> find_tail(std::vector<File>& files);
    Result<void> begin_file(Watch* watch);
    Result<void> read_to(std::uint64_t end);
    Result<void> read_to_end();
    Result<void> advance(Watch& watch);
    File& file() { return files_.front(); }

    const FileLog& log_;
    const LogsOptions& options_;
    const Log& warnings_;
    const Filter filter_;
    Printer printer_;
    Decoder decoder_;
    std::deque<File> files_;  // the one that is being read, and those that come after it
    Position at_;             // where the next byte is read
    std::string buffer_ = std::string(kFileReadSize, '\0');
};

Result<void> FileReader::open() {
    URC_TRY(std::vector<File> files, open_files(log_.path));
    if (options_.tail) URC_TRY_VOID(find_tail(files));
    files_.assign(std::make_move_iterator(files.begin()), std::make_move_iterator(files.end()));
    for (std::size_t passed = 0; passed < at_.file && files_.size() > 1; ++passed) files_.pop_front();
    decoder_.begin(at_);
    return {};
}

Result<void> FileReader::find_tail(std::vector<File>& files) {
    const Tail::Options tail{log_.format, log_.raw_stream, filter_, *options_.tail};
    URC_TRY(const Tail::Begin begin, Tail(files, tail).find());
    at_ = begin.first();
    printer_.start_at(Stream::out, begin.out);
    printer_.start_at(Stream::err, begin.err);
    return {};
}

Result<void> FileReader::read_to(std::uint64_t end) {
    while (at_.offset < end) {
        const std::size_t wanted = std::min<std::uint64_t>(end - at_.offset, buffer_.size());
        URC_TRY(const std::size_t got, read_at(file(), at_.offset, buffer_.data(), wanted));
        if (got == 0) return {};
        at_.offset += got;
        URC_TRY_VOID(decoder_.feed(std::string_view(buffer_).substr(0, got)));
    }
    return {};
}

// As long as it was when it was opened: a container that writes faster than we read has no end.
Result<void> FileReader::read_what_is_there() {
    for (;;) {
        URC_TRY_VOID(read_to(file().size));
        const bool is_last = files_.size() == 1;
        // What its monitor is writing at this moment is no cut line.
        if (!is_last || !log_.is_live) URC_TRY_VOID(decoder_.finish());
        if (is_last) return printer_.flush();
        files_.pop_front();
        URC_TRY_VOID(begin_file(nullptr));
    }
}

Result<void> FileReader::begin_file(Watch* watch) {
    at_ = {at_.file + 1, 0};
    decoder_.begin(at_);
    return watch ? watch->watch_file(file()) : Result<void>{};
}

Result<void> FileReader::read_to_end() {
    struct stat info {};
    if (::fstat(file().fd.get(), &info) != 0) return Error::last("stat", log_.path);
    // Truncated where it lies (logrotate's copytruncate): what is there now is new. It counts as another
    // file, so that the records come after those that are not to be shown.
    if (static_cast<std::uint64_t>(info.st_size) < at_.offset) {
        URC_TRY_VOID(decoder_.finish());
        URC_TRY_VOID(begin_file(nullptr));
    }
    return read_to(std::numeric_limits<std::uint64_t>::max());
}

// To the end of the newest file.
Result<void> FileReader::advance(Watch& watch) {
    for (;;) {
        URC_TRY_VOID(read_to_end());
        if (files_.size() == 1) {
            if (is_file_at(log_.path, file()).value_or(true)) return printer_.flush();
            URC_TRY(std::vector<File> next, open_files_after(log_.path, file()));
            if (next.empty()) return printer_.flush();
            std::ranges::move(next, std::back_inserter(files_));
        }
        URC_TRY_VOID(read_to_end());
        URC_TRY_VOID(decoder_.finish());
        files_.pop_front();
        URC_TRY_VOID(begin_file(&watch));
    }
}

Result<void> FileReader::follow(Watch& watch) {
    URC_TRY_VOID(watch.watch_directory_of(log_.path));
    URC_TRY_VOID(open());
    URC_TRY_VOID(watch.watch_file(file()));
    for (;;) {
        const bool is_over = watch.is_over();
        URC_TRY_VOID(advance(watch));
        if (is_over) break;
        URC_TRY_VOID(watch.wait());
    }
    URC_TRY_VOID(decoder_.finish());
    return printer_.flush();
}

void FileReader::warn() const {
    if (const std::uint64_t damaged = decoder_.damaged(); damaged > 0)
        warnings_.warning("the log has ", damaged, damaged == 1 ? " damaged line" : " damaged lines", ": ",
                          log_.path);
}

}  // namespace

Result<void> read_file_log(const FileLog& log, const LogsOptions& options, const Log& warnings,
                           const ByteSink& sink, Watch* watch) {
    FileReader reader(log, options, warnings, sink);
    if (watch) {
        URC_TRY_VOID(reader.follow(*watch));
    } else {
        URC_TRY_VOID(reader.open());
        URC_TRY_VOID(reader.read_what_is_there());
    }
    reader.warn();
    return {};
}

}  // namespace urc::logs
