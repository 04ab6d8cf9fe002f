// The meaning of a log without any of the reader's devices: whole texts, forwards. What the reader does with
// blocks, pieces and backwards has to give the same.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/logs/decoder.h"
#include "core/logs/files.h"
#include "core/logs/tail.h"

namespace urc::logs_test {

using logs::Format;
using relay::Stream;

struct Shown {
    std::string out, err;
    bool operator==(const Shown&) const = default;
    std::string& of(Stream stream) { return stream == Stream::out ? out : err; }
};

struct PlainRecord {
    logs::Record record;
    std::string bytes;
};

// Forwards, in pieces of `step` bytes.
inline std::vector<PlainRecord> decode(Format format, const std::vector<std::string>& files,
                                       std::size_t step) {
    std::vector<PlainRecord> records;
    logs::Decoder decoder(format, Stream::out,
                          [&](const logs::Record& record, std::string_view bytes) -> Result<void> {
                              if (records.empty() || records.back().record.begin != record.begin)
                                  records.push_back({record, {}});
                              records.back().bytes += bytes;
                              return {};
                          });
    for (std::size_t file = 0; file < files.size(); ++file) {
        decoder.begin({file, 0});
        for (std::size_t at = 0; at < files[file].size(); at += step)
            (void)decoder.feed(std::string_view(files[file]).substr(at, step));
        (void)decoder.finish();
    }
    return records;
}

// The lines of raw files; a file may end within one.
inline std::vector<PlainRecord> split_raw(const std::vector<std::string>& files) {
    std::vector<PlainRecord> records;
    for (std::size_t file = 0; file < files.size(); ++file)
        for (std::size_t at = 0; at < files[file].size();) {
            PlainRecord& one = records.emplace_back();
            one.record.begin = {file, at};
            const std::size_t end = std::min(files[file].find('\n', at), files[file].size() - 1) + 1;
            one.bytes = files[file].substr(at, end - at);
            one.record.is_partial = !one.bytes.ends_with('\n');
            at += one.bytes.size();
        }
    return records;
}

// The last `count` lines by their ends, put together from all records.
inline Shown last_lines(const std::vector<PlainRecord>& records, const logs::Filter& filter,
                        std::size_t count) {
    struct Line {
        Stream stream;
        std::size_t end;
        std::string bytes;
    };
    std::vector<Line> lines;
    std::size_t open[2] = {~std::size_t{0}, ~std::size_t{0}};
    for (std::size_t i = 0; i < records.size(); ++i) {
        const logs::Record& record = records[i].record;
        if (!filter.takes(record)) continue;
        std::size_t& line = open[record.stream == Stream::out ? 0 : 1];
        if (line == ~std::size_t{0}) {
            line = lines.size();
            lines.push_back({record.stream, i, {}});
        }
        lines[line].end = i;
        lines[line].bytes += records[i].bytes;
        if (!record.is_partial) line = ~std::size_t{0};
    }
    std::ranges::sort(lines, {}, &Line::end);
    Shown shown;
    for (std::size_t i = lines.size() - std::min(count, lines.size()); i < lines.size(); ++i)
        shown.of(lines[i].stream) += lines[i].bytes;
    return shown;
}

// The same by way of Tail: what lies from its two beginnings on.
inline Result<Shown> shown_from_tail(const std::vector<logs::File>& files,
                                     const std::vector<PlainRecord>& records,
                                     const logs::Tail::Options& options) {
    URC_TRY(const logs::Tail::Begin begin, logs::Tail(files, options).find());
    Shown shown;
    for (const PlainRecord& one : records) {
        const logs::Position from = one.record.stream == Stream::out ? begin.out : begin.err;
        if (options.filter.takes(one.record) && !(one.record.begin < from))
            shown.of(one.record.stream) += one.bytes;
    }
    return shown;
}

}  // namespace urc::logs_test
