// A fast hash of 64 bits for file names and checksums. It finds torn writes and spreads names; it is no
// defence against someone who wants two texts to collide, and nothing here relies on that.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace urc::seccomp {

inline std::uint64_t hash(std::string_view bytes, std::uint64_t seed = 0) {
    constexpr std::uint64_t kOdd[] = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93};
    // A product of 128 bits carries every bit of both factors into the sum of its halves.
    auto mix = [](std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    auto word = [](const char* from, std::size_t size) {
        std::uint64_t out = 0;
        std::memcpy(&out, from, size);
        return out;
    };
    std::uint64_t state = mix(seed ^ kOdd[0], bytes.size() ^ kOdd[1]);
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 16; at += 16, left -= 16)
        state = mix(word(at, 8) ^ kOdd[0] ^ state, word(at + 8, 8) ^ kOdd[1]) + state;
    std::uint64_t first = word(at, left < 8 ? left : 8);
    std::uint64_t second = left > 8 ? word(at + 8, left - 8) : 0;
    return mix(mix(first ^ kOdd[1] ^ state, second ^ kOdd[0]), kOdd[1]);
}

}  // namespace urc::seccomp
