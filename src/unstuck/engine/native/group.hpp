// A group: as many networks as the register has lanes, with what each of them has of its own.
#pragma once

#include "abi.hpp"
#include "memory.hpp"
#include "vector.hpp"

namespace unstuck::ISA {

// Lanes that show and judge their outputs by the same rule.
struct OutputRule {
    int32_t output;
    bool canonical;
    I lanes;
};

inline I lanes_equal(const int32_t* values, int32_t wanted) {
    I lanes{};
    for (int lane = 0; lane < WIDTH; ++lane) lanes[lane] = values[lane] == wanted ? -1 : 0;
    return lanes;
}

inline bool any(I lanes) {
    int found = 0;
    for (int lane = 0; lane < WIDTH; ++lane) found |= lanes[lane];
    return found != 0;
}

struct Group {
    const Population& population;
    int matrices, inputs, outputs, units;  // units: of all hidden layers together
    int layers[MOST_MATRICES + 1];
    V* weights[MOST_MATRICES];
    V *velocity[MOST_MATRICES], *square[MOST_MATRICES], *powers;
    V rate[MOST_MATRICES];  // of the epoch at hand
    V momentum, memory, epsilon, coupled, decoupled, most, most_norm, scale;
    I has_bias;
    const int32_t *least_kept, *seed;

    bool plain;   // nothing but rate times gradient is taken from a weight
    bool drops;   // some lane drops units
    bool biased;  // some lane has biases

    OutputRule rules[WIDTH];
    int rule_count = 0;

    bool faulty;  // some lane has a wrong backward pass
    I one, squared, of_output;

    Group(const Population& p, int index) : population(p) {
        const int64_t at = (int64_t)index * WIDTH;
        shape(p, index);
        momentum = *(const V*)(p.momentum + at);
        memory = *(const V*)(p.memory + at);
        epsilon = *(const V*)(p.epsilon + at);
        coupled = *(const V*)(p.coupled + at);
        decoupled = *(const V*)(p.decoupled + at);
        most = *(const V*)(p.most + at);
        most_norm = *(const V*)(p.most_norm + at);
        powers = p.powers ? (V*)p.powers + 2 * index : nullptr;
        plain = p.optimiser == SGD && !p.decays && !p.clips;
        has_bias = *(const V*)(p.has_bias + at) != 0.0f;
        scale = *(const V*)(p.scale + at);
        least_kept = p.least_kept + at;
        seed = p.seed + at;
        biased = any(has_bias);
        drops = false;
        for (int lane = 0; lane < WIDTH; ++lane) drops |= least_kept[lane] > 0;
        one = lanes_equal(p.backward + at, ONE);
        squared = lanes_equal(p.backward + at, SQUARED);
        of_output = lanes_equal(p.backward + at, OF_OUTPUT);
        faulty = any(one | squared | of_output);
        for (int lane = 0; lane < WIDTH; ++lane) add_rule(p.output[at + lane], p.canonical[at + lane] != 0, lane);
    }

    // All lanes belong to the same seed, and so see the same rows.
    bool one_seed() const {
        for (int lane = 1; lane < WIDTH; ++lane)
            if (seed[lane] != seed[0]) return false;
        return true;
    }

    // Set the rates of an epoch; `factor` is what the schedule multiplies them by, null: 1.
    void set_rates(int index, const float* factor) {
        for (int l = 0; l < matrices; ++l) {
            rate[l] = ((const V*)population.rates)[index * matrices + l];
            if (factor) rate[l] = rate[l] * *(const V*)factor;
        }
    }

    // The step that a bias takes: none in the lanes without biases, not even if their numbers are NaN.
    V for_bias(V step) const { return where(has_bias, step, V{}); }

  private:
    void shape(const Population& p, int index) {
        matrices = p.matrices;
        int64_t size = 0;
        for (int l = 0; l <= matrices; ++l) layers[l] = p.layers[l];
        for (int l = 0; l < matrices; ++l) size += (int64_t)(layers[l] + 1) * layers[l + 1];
        V* weight = (V*)p.weights + index * size;
        V* speed = p.velocity ? (V*)p.velocity + index * size : nullptr;
        V* squares = p.square ? (V*)p.square + index * size : nullptr;
        units = 0;
        for (int l = 0; l < matrices; ++l) {
            weights[l] = weight;
            velocity[l] = speed;
            square[l] = squares;
            const int64_t numbers = (int64_t)(layers[l] + 1) * layers[l + 1];
            weight += numbers;
            if (speed) speed += numbers;
            if (squares) squares += numbers;
            if (l > 0) units += layers[l];
        }
        inputs = layers[0];
        outputs = layers[matrices];
    }

    void add_rule(int32_t output, bool canonical, int lane) {
        int i = 0;
        while (i < rule_count && (rules[i].output != output || rules[i].canonical != canonical)) ++i;
        if (i == rule_count) rules[rule_count++] = {output, canonical, I{}};
        rules[i].lanes[lane] = -1;
    }
};

}  // namespace unstuck::ISA
