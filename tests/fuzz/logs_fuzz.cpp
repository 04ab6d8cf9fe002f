// Fuzzes the readers of log files: any bytes in one or two files (a byte 0x1f begins the next one), in each
// format. Pieces of any size give the same records, and --tail gives what a forward read ends with. The first
// byte chooses the format, the size of the pieces and how many lines.
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "core/logs/journal_log.h"
#include "tests/core/logs/plain_logs.h"
#include "uring/check.h"
#include "uring/file.h"

using namespace urc;
using namespace urc::logs_test;

static void check_tail(const std::vector<std::string>& texts, const std::vector<PlainRecord>& records,
                       const logs::Tail::Options& options) {
    std::vector<logs::File> files;
    for (const std::string& text : texts) {
        logs::File& file = files.emplace_back();
        file.fd = Fd(::memfd_create("log", MFD_CLOEXEC));
        URC_CHECK(write_all(file.fd.get(), text, "log").ok());
        file.size = text.size();
    }
    auto shown = shown_from_tail(files, records, options);
    URC_CHECK(shown.ok());
    URC_CHECK(*shown == last_lines(records, options.filter, options.lines));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    (void)logs::parse_journal_line(bytes);
    const std::size_t second = bytes.find('\x1f');
    std::vector<std::string> texts{std::string(bytes.substr(0, second))};
    if (second != bytes.npos) texts.emplace_back(bytes.substr(second + 1));

    logs::Tail::Options options;
    options.format = static_cast<Format>(data[0] % 3);
    options.lines = data[0] / 3 % 8;
    options.filter.takes_out = data[0] < 192;
    if (options.format == Format::raw) {
        check_tail(texts, split_raw(texts), options);
        return 0;
    }
    const auto records = decode(options.format, texts, size);
    const auto in_pieces = decode(options.format, texts, 1 + data[0] % 5);
    URC_CHECK(records.size() == in_pieces.size());
    for (std::size_t i = 0; i < records.size(); ++i) URC_CHECK(records[i].bytes == in_pieces[i].bytes);
    check_tail(texts, records, options);
    return 0;
}
