// The rules of calculus, lane by lane: activations, their derivatives (right and wrong), outputs and losses.
//
// The same rules as rules.py.  They are applied to whole layers in passes of their own, so that the loops over
// weights need not know them.
#pragma once

#include "group.hpp"

namespace unstuck::ISA {

// ----- Activations: the value from z, the slope from the value -------------------------------------------

struct Linear {
    static V value(V z) { return z; }
    static V slope(V) { return all(1.0f); }
};

struct Relu {  // "z < 0", not "z > 0": NaN must stay NaN
    static V value(V z) { return where(z < 0.0f, V{}, z); }
    static V slope(V h) { return where(h > 0.0f, all(1.0f), V{}); }
};

struct LeakyRelu {
    static V value(V z) { return where(z < 0.0f, z * 0.01f, z); }
    static V slope(V h) { return where(h > 0.0f, all(1.0f), all(0.01f)); }
};

struct Tanh {
    static V value(V z) { return hyperbolic_tangent(z); }
    static V slope(V h) { return 1.0f - h * h; }
};

struct Sigmoid {
    static V value(V z) { return hyperbolic_tangent(z * 0.5f) * 0.5f + 0.5f; }
    static V slope(V h) { return h * (1.0f - h); }
};

// Call `use` with the activation of this number.
template <class Use>
inline void with_activation(int32_t activation, Use use) {
    switch (activation) {
        case RELU: return use(Relu{});
        case LEAKY_RELU: return use(LeakyRelu{});
        case TANH: return use(Tanh{});
        case SIGMOID: return use(Sigmoid{});
        default: return use(Linear{});
    }
}

// The slope that each lane's backward pass uses.
template <class F>
inline V written_slope(const Group& group, V h) {
    V slope = F::slope(h);
    slope = where(group.squared, slope * slope, slope);
    slope = where(group.of_output, F::slope(F::value(h)), slope);
    return where(group.one, all(1.0f), slope);
}

// ----- A hidden layer ------------------------------------------------------------------------------------

// What survives dropout in one unit is multiplied by: 0 in the lanes that drop it.  `kept` has a bit per lane.
inline V keep(const Group& group, uint32_t kept) {
    return where((all((int)kept) & bit_of_lane()) != 0, group.scale, V{});
}

// From n pre-activations z: what goes on, `a`, and what the error is multiplied by on its way back, `gain`.
// `kept` has a word for each unit; null where nothing is dropped.
template <class F, bool FAULTY>
inline void activate(const Group& group, const V* z, const uint32_t* kept, int n, V* a, V* gain) {
    for (int j = 0; j < n; ++j) {
        const V h = F::value(z[j]), slope = FAULTY ? written_slope<F>(group, h) : F::slope(h);
        const V factor = kept ? keep(group, kept[j]) : all(1.0f);
        a[j] = h * factor;
        gain[j] = slope * factor;
    }
}

__attribute__((noinline)) inline void activate_any(const Group& group, const V* z, const uint32_t* kept, int n,
                                                   V* a, V* gain) {
    with_activation(group.population.activation, [&](auto f) {
        if (group.faulty)
            activate<decltype(f), true>(group, z, kept, n, a, gain);
        else
            activate<decltype(f), false>(group, z, kept, n, a, gain);
    });
}

// The same for N units whose pre-activations are in registers, where relu can leave them.
template <int N>
ALWAYS_INLINE inline void activate(const Group& group, const V (&z)[N], const uint32_t* kept, V* a, V* gain) {
    if (group.population.activation != RELU) {
        V stored[N];
        for (int t = 0; t < N; ++t) stored[t] = z[t];
        return activate_any(group, stored, kept, N, a, gain);
    }
    for (int t = 0; t < N; ++t) {  // squared, or taken of its own output, relu's slope stays what it is
        const V h = Relu::value(z[t]), factor = kept ? keep(group, kept[t]) : all(1.0f);
        a[t] = h * factor;
        gain[t] = where(group.one | (h > 0.0f), factor, V{});
    }
}

// ----- The outputs ---------------------------------------------------------------------------------------

inline void softmax(const V* z, int n, V* shown) {
    V most = z[0], sum{};
    for (int j = 1; j < n; ++j) most = maximum(most, z[j]);
    for (int j = 0; j < n; ++j) {
        shown[j] = exponential(z[j] - most);
        sum = sum + shown[j];
    }
    const V share = 1.0f / sum;
    for (int j = 0; j < n; ++j) shown[j] = shown[j] * share;
}

inline void show(int32_t output, const V* z, int n, V* shown) {
    if (output == SOFTMAX) return softmax(z, n, shown);
    with_activation(output, [&](auto f) {
        for (int j = 0; j < n; ++j) shown[j] = decltype(f)::value(z[j]);
    });
}

// What the last layer shows in every lane; `room` for n vectors.
inline void show(const Group& group, const V* z, int n, V* shown, V* room) {
    show(group.rules[0].output, z, n, shown);
    for (int i = 1; i < group.rule_count; ++i) {
        show(group.rules[i].output, z, n, room);
        for (int j = 0; j < n; ++j) shown[j] = where(group.rules[i].lanes, room[j], shown[j]);
    }
}

// Derivative of one row's loss with respect to z, by one rule; y(j) is the target, `shown` room for n vectors.
template <class Target>
inline void output_delta(const OutputRule& rule, const V* z, Target y, int n, V* delta, V* shown) {
    if (rule.output == LINEAR) {
        for (int j = 0; j < n; ++j) delta[j] = z[j] - y(j);
        return;
    }
    show(rule.output, z, n, shown);
    for (int j = 0; j < n; ++j) delta[j] = shown[j] - y(j);
    if (rule.canonical) return;
    if (rule.output == SOFTMAX) {
        V common{};
        for (int j = 0; j < n; ++j) common = common + delta[j] * shown[j];
        for (int j = 0; j < n; ++j) delta[j] = (delta[j] - common) * shown[j];
        return;
    }
    with_activation(rule.output, [&](auto f) {
        for (int j = 0; j < n; ++j) delta[j] = delta[j] * decltype(f)::slope(shown[j]);
    });
}

// The same for every lane by its own rule; `room` for 2 n vectors.
template <class Target>
inline void output_delta(const Group& group, const V* z, Target y, int n, V* delta, V* room) {
    output_delta(group.rules[0], z, y, n, delta, room);
    for (int i = 1; i < group.rule_count; ++i) {
        output_delta(group.rules[i], z, y, n, room + n, room);
        for (int j = 0; j < n; ++j) delta[j] = where(group.rules[i].lanes, room[n + j], delta[j]);
    }
}

}  // namespace unstuck::ISA
