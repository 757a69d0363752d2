// NumPy's Philox stream, so that both engines drop the same units.
//
// Philox4x64 with ten rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
// counted from 1 as NumPy's bit generator does.  A block of four 64-bit words is sixteen 16-bit draws, the lowest
// bits of each word first.  Any place of the stream can be computed at once.
#pragma once

#include <cstdint>

namespace unstuck::ISA {

constexpr int PER_BLOCK = 16;  // draws of one block
constexpr int IN_FLIGHT = 2;   // blocks that are computed side by side: one alone waits for its multiplications

// Blocks first ... first + IN_FLIGHT - 1 of the stream of a key, four words each.
inline void philox(const uint64_t key[2], uint64_t first, uint64_t* words) {
    uint64_t a[IN_FLIGHT], b[IN_FLIGHT] = {}, c[IN_FLIGHT] = {}, d[IN_FLIGHT] = {};
    for (int i = 0; i < IN_FLIGHT; ++i) a[i] = first + i + 1;
    uint64_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < IN_FLIGHT; ++i) {
            unsigned __int128 p = (unsigned __int128)0xD2E7470EE14C6C93u * a[i];
            unsigned __int128 q = (unsigned __int128)0xCA5A826395121157u * c[i];
            a[i] = (uint64_t)(q >> 64) ^ b[i] ^ k0;
            c[i] = (uint64_t)(p >> 64) ^ d[i] ^ k1;
            b[i] = (uint64_t)q;
            d[i] = (uint64_t)p;
        }
        k0 += 0x9E3779B97F4A7C15u;
        k1 += 0xBB67AE8584CAA73Bu;
    }
    for (int i = 0; i < IN_FLIGHT; ++i) {
        *words++ = a[i];
        *words++ = b[i];
        *words++ = c[i];
        *words++ = d[i];
    }
}

// Words that `uniform` may write for n draws: whole blocks, IN_FLIGHT at a time.
constexpr int64_t room_for(int64_t n) { return n / 4 + 4 * (IN_FLIGHT + 2); }

// Draws start ... start + n - 1 of a stream, in a row; they are written to `room`.
inline const uint16_t* uniform(const uint64_t key[2], int64_t start, int64_t n, uint64_t* room) {
    const int64_t skipped = start % PER_BLOCK;
    for (int64_t i = 0; i < skipped + n; i += PER_BLOCK * IN_FLIGHT)
        philox(key, (uint64_t)(start + i) / PER_BLOCK, room + i / 4);
    return (const uint16_t*)room + skipped;
}

}  // namespace unstuck::ISA
