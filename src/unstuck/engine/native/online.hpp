// One row per step, plain gradient descent: the case that scripts by hand train in, and the fastest form.
//
// The first layer's update by one row and its forward pass on the next are one sweep over its weights, and the
// backward pass through another layer is one sweep with that layer's update.  Each weight is so loaded and stored
// as rarely as the order of operations allows: stores, not arithmetic, are the limit.
#pragma once

#include "feed.hpp"
#include "rules.hpp"

namespace unstuck::ISA {

constexpr int TILE = WIDTH == 16 ? 5 : 4;  // columns at a time: the fastest of those tried, for these registers

template <int N>
struct Count {
    static constexpr int value = N;
};

// Call f(Count<T>, j) for the last columns, from j to n: T of them, at most MOST.
template <int MOST, class F>
inline ALWAYS_INLINE void last_tile(int n, int j, F f) {
    if (n - j == MOST) return f(Count<MOST>{}, j);
    if constexpr (MOST > 1) last_tile<MOST - 1>(n, j, f);
}

// Call f(Count<T>, j) for pieces of T of the n columns, so that T sums live in registers.
template <class F>
inline ALWAYS_INLINE void in_tiles(int n, F f) {
    int j = 0;
    for (; j + TILE < n; j += TILE) f(Count<TILE>{}, j);
    last_tile<TILE>(n, j, f);
}

class Online {
  public:
    Online(const Group& group, Arena& arena) : group_(group) {
        int widest = 1;
        for (int l = 1; l <= group.matrices; ++l) {
            a_[l] = arena.take<V>(group.layers[l]);
            gain_[l] = arena.take<V>(group.layers[l]);
            if (group.layers[l] > widest) widest = group.layers[l];
        }
        z_ = arena.take<V>(widest);
        delta_ = arena.take<V>(widest);
        next_ = arena.take<V>(widest);
        step_ = arena.take<V>(widest);
        room_ = arena.take<V>(2 * group.outputs);
    }

    // One step for each row of a block.
    template <class Rows, class Kept>
    void train(Rows rows, Kept kept, int64_t count) {
        const int last = group_.matrices;
        for (int j = 0; j < group_.layers[1]; ++j) step_[j] = V{};  // the first sweep only looks forward
        first_layer(rows.input(0), rows.input(0), kept(1, 0));
        for (int64_t row = 0; row < count; ++row) {
            for (int l = 1; l < last; ++l) forward(l, kept(l + 1, row));
            output_delta(group_, z_, rows.target(row), group_.outputs, delta_, room_);
            if (last == 1)
                for (int j = 0; j < group_.outputs; ++j) step_[j] = delta_[j] * group_.rate[0];
            for (int l = last - 1; l >= 1; --l) backward(l);
            const int64_t next = row + 1 < count ? row + 1 : row;
            first_layer(rows.input(row), rows.input(next), kept(1, next));
        }
    }

  private:
    // Take the step of row x from the first matrix, and send the row `next` through it.
    template <class Row>
    ALWAYS_INLINE void first_layer(Row x, Row next, const uint32_t* kept) {
        const int inputs = group_.inputs, outputs = group_.layers[1];
        V* weights = group_.weights[0];
        in_tiles(outputs, [&](auto tile, int j) ALWAYS_INLINE {
            constexpr int T = decltype(tile)::value;
            V step[T], z[T];
            V* bias = weights + inputs * outputs + j;
            for (int t = 0; t < T; ++t) {
                step[t] = step_[j + t];
                z[t] = bias[t];
            }
            if (group_.biased)
                for (int t = 0; t < T; ++t) bias[t] = z[t] = z[t] - group_.for_bias(step[t]);
            for (int i = 0; i < inputs; ++i) {
                V* w = weights + i * outputs + j;
                const V now = x(i), then = next(i);
                for (int t = 0; t < T; ++t) {
                    V updated = w[t] - now * step[t];
                    w[t] = updated;
                    z[t] = z[t] + then * updated;
                }
            }
            arrive(1, j, z, kept);
        });
    }

    // Send a[l] through matrix l.
    ALWAYS_INLINE void forward(int l, const uint32_t* kept) {
        const int inputs = group_.layers[l], outputs = group_.layers[l + 1];
        const V *weights = group_.weights[l], *a = a_[l];
        in_tiles(outputs, [&](auto tile, int j) ALWAYS_INLINE {
            constexpr int T = decltype(tile)::value;
            V z[T];
            for (int t = 0; t < T; ++t) z[t] = weights[inputs * outputs + j + t];
            for (int i = 0; i < inputs; ++i)
                for (int t = 0; t < T; ++t) z[t] = z[t] + a[i] * weights[i * outputs + j + t];
            arrive(l + 1, j, z, kept);
        });
    }

    // Pre-activations of some units of layer l, from j on: activate them, or leave them in z at the output.
    template <int T>
    ALWAYS_INLINE void arrive(int l, int j, const V (&z)[T], const uint32_t* kept) {
        if (l < group_.matrices)
            return activate(group_, z, kept ? kept + j : nullptr, a_[l] + j, gain_[l] + j);
        for (int t = 0; t < T; ++t) z_[j + t] = z[t];
    }

    // Send delta back through matrix l, and take its step from it on the way.
    ALWAYS_INLINE void backward(int l) {
        const int inputs = group_.layers[l], outputs = group_.layers[l + 1];
        V* weights = group_.weights[l];
        const V *a = a_[l], *gain = gain_[l];
        V *from = delta_, *to = l > 1 ? next_ : step_;
        const V rate = l > 1 ? all(1.0f) : group_.rate[0];
        in_tiles(outputs, [&](auto tile, int j) ALWAYS_INLINE {
            constexpr int T = decltype(tile)::value;
            V delta[T], step[T];
            V* bias = weights + inputs * outputs + j;
            for (int t = 0; t < T; ++t) {
                delta[t] = from[j + t];
                step[t] = delta[t] * group_.rate[l];
            }
            if (group_.biased)
                for (int t = 0; t < T; ++t) bias[t] = bias[t] - group_.for_bias(step[t]);
            for (int i = 0; i < inputs; ++i) {
                V* w = weights + i * outputs + j;
                V sum = j == 0 ? V{} : to[i];
                for (int t = 0; t < T; ++t) {
                    sum = sum + delta[t] * w[t];
                    w[t] = w[t] - a[i] * step[t];
                }
                to[i] = j + T == outputs ? sum * gain[i] * rate : sum;
            }
        });
        if (l > 1) delta_ = next_, next_ = from;
    }

    const Group& group_;
    V *a_[MOST_MATRICES + 1], *gain_[MOST_MATRICES + 1];
    V *z_, *delta_, *next_, *step_, *room_;
};

}  // namespace unstuck::ISA
