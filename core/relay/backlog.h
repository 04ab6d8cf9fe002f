// Backlog: what was read and a sink has not taken yet, in its order. It is kept as it was read, so that its
// size is that of the output and not of the records that will be made of it.
//
//   push --> [ memory ] once that is full: --> [ unlinked file ] (policy spill)
//              |
//   front, pop <-+-- when empty: a part of the file is read into it; when the file is empty too, it is
//                    closed, and memory is used again
//
// What must be kept although there is no room (a read that was under way, a spill directory that is full)
// goes into a second piece of memory behind the file; is_full() then keeps more from coming.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "core/relay/files.h"
#include "core/relay/format.h"

namespace urc::relay {

class Backlog {
public:
    Backlog(Files& files, const SinkOptions& options);

    bool empty() const { return size_ == 0; }
    // Nothing more should be read before there is room.
    bool is_full() const;
    // Bytes of output in it.
    std::uint64_t size() const { return size_; }

    void push(const Chunk& chunk);
    // Not empty() before. Good until the next call; bytes may be less than what was pushed in one piece.
    // None: what was left could not be read back, and it is empty now.
    Chunk front();
    // `size` bytes of front() have been taken. Gives all memory back with the last one.
    void pop(std::size_t size);
    void clear();

    // Bytes that a disk has not given back since the last call.
    std::uint64_t take_lost() { return std::exchange(lost_, 0); }

private:
    struct Header {
        std::int64_t time = 0;
        std::uint32_t size = 0;
        Stream stream = Stream::out;
        std::uint8_t unused[3]{};
    };
    bool spill(const Header& header, std::string_view bytes);
    bool open_spill();
    void load();
    void lose_spilled();

    Files& files_;
    const SinkOptions& options_;
    std::uint64_t size_ = 0;

    std::string memory_;          // the oldest: headers, each with its bytes
    std::size_t taken_ = 0;       // bytes of memory_ that are gone
    std::size_t front_done_ = 0;  // bytes of the first chunk that are gone
    Fd spill_;
    std::uint64_t spill_begin_ = 0, spill_end_ = 0;
    std::string newest_;             // behind the file
    std::uint64_t newest_size_ = 0;  // bytes of output in it
    std::uint64_t lost_ = 0;
};

}  // namespace urc::relay
