// Any batch, with any optimiser; and the forward pass over many rows with which networks are scored.
#pragma once

#include "contract.hpp"
#include "feed.hpp"
#include "optimisers.hpp"
#include "rules.hpp"

namespace unstuck::ISA {

class Batches {
  public:
    Batches(const Group& group, int64_t most_rows, Arena& arena)
        : group_(group), gathers_(group.population.optimiser != SGD || group.population.clips) {
        for (int l = 1; l <= group.matrices; ++l) {
            z_[l] = arena.take<V>(most_rows * group.layers[l]);
            a_[l] = arena.take<V>(most_rows * group.layers[l]);
            gain_[l] = arena.take<V>(most_rows * group.layers[l]);
            delta_[l] = arena.take<V>(most_rows * group.layers[l]);
        }
        room_ = arena.take<V>(2 * group.outputs);
        for (int l = 0; gathers_ && l < group.matrices; ++l)
            gradient_[l] = arena.take<V>((int64_t)(group.layers[l] + 1) * group.layers[l + 1]);
    }

    // One step on the rows from `first` on.
    template <class Rows, class Kept>
    void train(Rows rows, Kept kept, int64_t first, int64_t count) {
        auto x = [&](int64_t row, int64_t i) { return rows.input(first + row)((int)i); };
        forward(x, count, [&](int l, int64_t row) { return kept(l, first + row); });
        const int last = group_.matrices, outputs = group_.outputs;
        const V share = all(1.0f / (float)count);
        for (int64_t row = 0; row < count; ++row) {
            V* delta = delta_[last] + row * outputs;
            output_delta(group_, z_[last] + row * outputs, rows.target(first + row), outputs, delta, room_);
            if (count > 1)
                for (int j = 0; j < outputs; ++j) delta[j] = delta[j] * share;
        }
        for (int l = last - 1; l >= 1; --l) backward(l, count);
        if (!gathers_) return descend(x, count);
        gradients(x, count, [&](int l, int64_t k, V sum, bool) { gradient_[l][k] = sum; });
        if (group_.population.clips) bound();
        switch (group_.population.optimiser) {
            case SGD: return optimise<SGD>();
            case MOMENTUM: return optimise<MOMENTUM>();
            case NESTEROV: return optimise<NESTEROV>();
            case ADAGRAD: return optimise<ADAGRAD>();
            case RMSPROP: return optimise<RMSPROP>();
            case ADAM: return optimise<ADAM>();
        }
    }

    // What the networks show for `count` rows of x, (count, inputs): (count, outputs).
    const V* show_rows(const float* x, int64_t count) {
        const int last = group_.matrices, inputs = group_.inputs, outputs = group_.outputs;
        forward([&](int64_t row, int64_t i) { return all(x[row * inputs + i]); }, count,
                [](int, int64_t) { return (const uint32_t*)nullptr; });
        for (int64_t row = 0; row < count; ++row)
            show(group_, z_[last] + row * outputs, outputs, delta_[last] + row * outputs, room_);
        return delta_[last];
    }

  private:
    template <class X, class Kept>
    void forward(X x, int64_t count, Kept kept) {
        through(0, x, count);
        for (int l = 1; l < group_.matrices; ++l) {
            const int units = group_.layers[l];
            for (int64_t row = 0; row < count; ++row)
                activate_any(group_, z_[l] + row * units, kept(l, row), units, a_[l] + row * units,
                             gain_[l] + row * units);
            through(l, Strided{a_[l], units, 1}, count);
        }
    }

    // z = a W + bias through matrix l.
    template <class A>
    void through(int l, A a, int64_t count) {
        const int inputs = group_.layers[l], outputs = group_.layers[l + 1];
        const V* bias = group_.weights[l] + (int64_t)inputs * outputs;
        V* z = z_[l + 1];
        contract(a, Strided{group_.weights[l], outputs, 1}, count, outputs, inputs,
                 [=](int64_t, int64_t j) { return bias[j]; },
                 [=](int64_t row, int64_t j, V sum) { z[row * outputs + j] = sum; });
    }

    // Send delta back through matrix l.
    void backward(int l, int64_t count) {
        const int inputs = group_.layers[l], outputs = group_.layers[l + 1];
        const V* gain = gain_[l];
        V* delta = delta_[l];
        contract(Strided{delta_[l + 1], outputs, 1}, Strided{group_.weights[l], 1, outputs}, count, inputs,
                 outputs, [](int64_t, int64_t) { return V{}; },
                 [=](int64_t row, int64_t i, V sum) {
                     delta[row * inputs + i] = sum * gain[row * inputs + i];
                 });
    }

    // Call gradient(l, a, count, take) for all matrices.
    template <class X, class Take>
    void gradients(X x, int64_t count, Take take) {
        for (int l = group_.matrices - 1; l >= 1; --l)
            gradient(l, Strided{a_[l], 1, group_.layers[l]}, count, take);
        gradient(0, [&](int64_t i, int64_t row) { return x(row, i); }, count, take);
    }

    // Take rate times gradient from all weights, as it is summed: the rate is the factor of fewer numbers in delta.
    template <class X>
    void descend(X x, int64_t count) {
        for (int l = 0; l < group_.matrices; ++l)
            for (int64_t k = 0; k < count * group_.layers[l + 1]; ++k)
                delta_[l + 1][k] = delta_[l + 1][k] * group_.rate[l];
        const Optimise<SGD> optimise(group_);
        gradients(x, count, [&](int l, int64_t k, V sum, bool is_weight) { optimise(l, k, sum, is_weight); });
    }

    // Take a step of an optimiser from all weights, along their whole gradient.
    template <int KIND>
    void optimise() {
        const Optimise<KIND> optimise(group_);
        for (int l = 0; l < group_.matrices; ++l) {
            const int64_t weights = (int64_t)group_.layers[l] * group_.layers[l + 1];
            for (int64_t k = 0; k < weights + group_.layers[l + 1]; ++k) {
                const V number = gradient_[l][k];
                optimise(l, k, optimise.LINEAR ? number * group_.rate[l] : number, k < weights);
            }
        }
    }

    // Call take(l, k, number, whether it belongs to a weight) for the gradient of matrix l and its biases, a' delta;
    // `a` is (inputs, rows).
    template <class A, class Take>
    void gradient(int l, A a, int64_t count, Take take) {
        const int inputs = group_.layers[l], outputs = group_.layers[l + 1];
        const V* delta = delta_[l + 1];
        contract(a, Strided{delta, outputs, 1}, inputs, outputs, count,
                 [](int64_t, int64_t) { return V{}; },
                 [&](int64_t i, int64_t j, V sum) { take(l, i * outputs + j, sum, true); });
        for (int j = 0; j < outputs; ++j) {
            V sum{};
            for (int64_t row = 0; row < count; ++row) sum = sum + delta[row * outputs + j];
            take(l, (int64_t)inputs * outputs + j, group_.for_bias(sum), false);
        }
    }

    // Bound every number of the gradient, and then its norm.
    void bound() {
        V squares{};
        for (int l = 0; l < group_.matrices; ++l)
            for (int64_t k = 0; k < (int64_t)(group_.layers[l] + 1) * group_.layers[l + 1]; ++k) {
                V number = gradient_[l][k];  // NaN stays NaN
                number = where(number > group_.most, group_.most, number);
                number = where(number < -group_.most, -group_.most, number);
                gradient_[l][k] = number;
                squares = squares + number * number;
            }
        const V norm = square_root(squares);
        const V factor = where(norm > group_.most_norm, group_.most_norm / norm, all(1.0f));
        for (int l = 0; l < group_.matrices; ++l)
            for (int64_t k = 0; k < (int64_t)(group_.layers[l] + 1) * group_.layers[l + 1]; ++k)
                gradient_[l][k] = gradient_[l][k] * factor;
    }

    const Group& group_;
    const bool gathers_;  // the whole gradient, before any weight is moved
    V *z_[MOST_MATRICES + 1], *a_[MOST_MATRICES + 1], *gain_[MOST_MATRICES + 1], *delta_[MOST_MATRICES + 1];
    V* gradient_[MOST_MATRICES];
    V* room_;
};

}  // namespace unstuck::ISA
