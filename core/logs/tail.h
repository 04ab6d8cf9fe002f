// Tail: where the last lines of a log begin, found backwards from the end, a block at a time.
//
// A line of a stream is its partial records and the one that ends it; the lines are in the order of their
// ends. Records of the two streams may lie between each other, so each stream has a beginning of its own:
//
//        stdout P "aa"   stderr F "x"   stdout F "bb"           tail 1: stdout from the first record on,
//          ^-- out                         ^-- err is here      stderr from the third
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/logs/files.h"
#include "core/logs/printer.h"
#include "core/logs/record.h"
#include "uring/result.h"

namespace urc::logs {

class Tail {
public:
    struct Options {
        Format format = Format::k8s;
        Stream raw_stream = Stream::out;  // of a raw file, which has but one
        Filter filter;
        std::uint64_t lines = 0;
    };
    struct Begin {
        Position out, err;
        Position first() const { return std::min(out, err); }
    };

    // Files as long as their `size` says; both must outlive the Tail.
    Tail(const std::vector<File>& files, const Options& options) : files_(files), options_(options) {}
    Result<Begin> find();

private:
    struct Side {  // one stream
        Position begin;
        bool is_open = false;  // records before this one may belong to its first line that counts
    };

    Result<void> scan(std::size_t index);
    Result<std::uint64_t> line_begin(std::uint64_t end);
    Result<Record> read_record(std::uint64_t begin, std::uint64_t end, bool is_ended);
    void count(const Record& record);
    bool is_done() const;
    Result<std::string_view> view(std::uint64_t offset, std::size_t size);

    const std::vector<File>& files_;
    const Options& options_;
    const File* file_ = nullptr;
    JsonRecords json_;
    std::array<Side, 2> sides_{};
    std::uint64_t lines_ = 0;
    std::uint64_t looked_back_ = 0;  // bytes, since enough lines were found
    std::uint64_t block_begin_ = 0;
    std::string block_, apart_;
};

}  // namespace urc::logs
