// One allocation for everything that a thread needs: cut into arrays, each on a cache line of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unstuck::ISA {

// Hands out arrays from a block.  Without a block it only adds up: the same code lays out and measures.
class Arena {
  public:
    explicit Arena(void* block) : block_((char*)block) {}

    template <class T>
    T* take(int64_t count) {
        char* start = block_ ? block_ + used_ : nullptr;
        used_ += ((size_t)count * sizeof(T) + 63) / 64 * 64;
        return (T*)start;
    }

    size_t used() const { return used_; }

  private:
    char* block_;
    size_t used_ = 0;
};

}  // namespace unstuck::ISA
