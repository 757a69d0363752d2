// Matrix products in lanes: c[m, n] = start + sum over k of a[m, k] b[k, n], in every lane for itself.
//
// Forward pass, backward pass and gradient are the same product with other strides.  Each sum runs over k in
// turn, whatever the tile, so that tiles cannot change a result.
#pragma once

#include <cstdint>

#include "vector.hpp"

namespace unstuck::ISA {

// A matrix with any strides.
struct Strided {
    const V* at;
    int64_t row, column;
    V operator()(int64_t i, int64_t j) const { return at[i * row + j * column]; }
};

constexpr int TALL = WIDTH == 16 ? 4 : 2;  // rows of a tile: TALL * 4 sums must fit into the registers
constexpr int WIDE = 4;

// One tile, with its upper left corner at (m, n).
template <int R, int T, class A, class B, class Start, class Done>
inline void tile(A a, B b, int64_t m, int64_t n, int64_t depth, Start start, Done done) {
    V sum[R][T];
    for (int r = 0; r < R; ++r)
        for (int t = 0; t < T; ++t) sum[r][t] = start(m + r, n + t);
    for (int64_t k = 0; k < depth; ++k) {
        V left[R], right[T];
        for (int r = 0; r < R; ++r) left[r] = a(m + r, k);
        for (int t = 0; t < T; ++t) right[t] = b(k, n + t);
        for (int r = 0; r < R; ++r)
            for (int t = 0; t < T; ++t) sum[r][t] = sum[r][t] + left[r] * right[t];
    }
    for (int r = 0; r < R; ++r)
        for (int t = 0; t < T; ++t) done(m + r, n + t, sum[r][t]);
}

template <int R, class A, class B, class Start, class Done>
inline void row_of_tiles(A a, B b, int64_t m, int64_t columns, int64_t depth, Start start, Done done) {
    int64_t n = 0;
    for (; n + WIDE <= columns; n += WIDE) tile<R, WIDE>(a, b, m, n, depth, start, done);
    for (; n < columns; ++n) tile<R, 1>(a, b, m, n, depth, start, done);
}

// The whole product; start(m, n) is where a sum begins, done(m, n, sum) takes it.
template <class A, class B, class Start, class Done>
inline void contract(A a, B b, int64_t rows, int64_t columns, int64_t depth, Start start, Done done) {
    int64_t m = 0;
    for (; m + TALL <= rows; m += TALL) row_of_tiles<TALL>(a, b, m, columns, depth, start, done);
    for (; m < rows; ++m) row_of_tiles<1>(a, b, m, columns, depth, start, done);
}

}  // namespace unstuck::ISA
