// Mapping: the owner of one mmap(2). Moves, unmaps in the destructor.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

#include "uring/result.h"

namespace urc {

class [[nodiscard]] Mapping {
public:
    Mapping() noexcept = default;

    // Private zeroed pages. `size` need not be a multiple of the page size.
    static Result<Mapping> anonymous(std::size_t size) {
        return make(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    }
    // A file's bytes from offset 0, read-only and private.
    static Result<Mapping> read_only(int fd, std::size_t size) {
        return make(size, PROT_READ, MAP_PRIVATE, fd);
    }

    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping() {
        if (address_) ::munmap(address_, size_);
    }

    void* data() const noexcept { return address_; }
    std::size_t size() const noexcept { return size_; }

private:
    Mapping(void* address, std::size_t size) noexcept : address_(address), size_(size) {}

    static Result<Mapping> make(std::size_t size, int protection, int flags, int fd) {
        void* address = ::mmap(nullptr, size, protection, flags, fd, 0);
        if (address == MAP_FAILED) return Error::last("mmap");
        return Mapping(address, size);
    }

    void* address_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace urc
