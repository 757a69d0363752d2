// A vector register as a value, and the two functions that are not one instruction: exp and tanh.
//
// Compiled once per instruction set with LANES equal to the register: a wider type would be split into pieces
// that live on the stack.  Every lane is one network, so that no operation ever crosses lanes, and a network's
// numbers are the same bits for any number of lanes.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ALWAYS_INLINE __attribute__((always_inline))

namespace unstuck::ISA {

constexpr int WIDTH = LANES;

typedef float V __attribute__((vector_size(4 * WIDTH)));
typedef int I __attribute__((vector_size(4 * WIDTH)));  // also the result of a comparison: 0 or all ones

inline V all(float value) { return V{} + value; }  // x + 0 is x, but for -0
inline I all(int value) { return I{} + value; }

inline V where(I condition, V yes, V no) { return condition ? yes : no; }
inline V maximum(V a, V b) { return where(a > b, a, b); }
inline V magnitude(V a) { return (V)((I)a & 0x7fffffff); }

// One instruction where the compiler has no operator for it; exactly rounded everywhere.
inline V square_root(V a) {
#if defined(__AVX512F__) && LANES == 16
    return (V)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX__) && LANES == 8
    return (V)_mm256_sqrt_ps((__m256)a);
#elif defined(__SSE__) && LANES == 4
    return (V)_mm_sqrt_ps((__m128)a);
#else
    for (int lane = 0; lane < WIDTH; ++lane) a[lane] = __builtin_sqrtf(a[lane]);
    return a;
#endif
}

// 1, 2, 4, ...: the bit that stands for each lane in a word of lanes.
inline I bit_of_lane() {
    I bits{};
    for (int lane = 0; lane < WIDTH; ++lane) bits[lane] = 1 << lane;
    return bits;
}

// exp(x) = scale (1 + rest), with scale a power of two: the two halves serve exp and exp - 1 alike.
//
// Cody and Waite's reduction x = n ln 2 + r, |r| <= ln(2)/2, then exp(r) - 1 = r + r^2 q(r) with q of degree 4,
// fitted to the least relative error (2e-8).  x is clamped to the range of float32; NaN stays NaN.
struct Exponential {
    V scale, rest;

    explicit Exponential(V x) {
        x = where(x < -87.0f, all(-87.0f), x);
        x = where(x > 88.0f, all(88.0f), x);
        const float shifter = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
        V shifted = x * 1.44269504f + shifter;
        V n = shifted - shifter;
        V r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts; the first product is exact
        V q = r * 1.3882521307095885e-3f + 8.366520516574383e-3f;
        q = q * r + 4.166720062494278e-2f;
        q = q * r + 1.666654348373413e-1f;
        q = q * r + 4.999999701976776e-1f;
        rest = r * r * q + r;
        scale = (V)(((I)shifted << 23) + 0x3f800000);  // n into the exponent
    }
};

inline V exponential(V x) {
    Exponential e(x);
    return e.scale * e.rest + e.scale;
}

// -(exp(-2|x|) - 1) / (exp(-2|x|) + 1) with the sign of x: no cancellation near 0, no overflow far away.
inline V hyperbolic_tangent(V x) {
    Exponential e(magnitude(x) * -2.0f);
    V minus_one = e.scale * e.rest + (e.scale - 1.0f);
    V positive = -minus_one / (minus_one + 2.0f);
    return (V)((I)positive | ((I)x & (int)0x80000000));
}

}  // namespace unstuck::ISA
