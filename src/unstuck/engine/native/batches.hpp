// Any batch, with or without momentum; and the forward pass over many rows with which networks are scored.
#pragma once

#include "contract.hpp"
#include "feed.hpp"
#include "rules.hpp"

namespace unstuck::ISA {

class Batches {
  public:
    Batches(const Group& group, int64_t most_rows, Arena& arena) : group_(group) {
        for (int l = 1; l <= group.matrices; ++l) {
            z_[l] = arena.take<V>(most_rows * group.layers[l]);
            a_[l] = arena.take<V>(most_rows * group.layers[l]);
            gain_[l] = arena.take<V>(most_rows * group.layers[l]);
            delta_[l] = arena.take<V>(most_rows * group.layers[l]);
        }
        room_ = arena.take<V>(2 * group.outputs);
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
        for (int l = last - 1; l >= 1; --l) update(l, Strided{a_[l], 1, group_.layers[l]}, count);
        update(0, [&](int64_t i, int64_t row) { return x(row, i); }, count);
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

    // Take the rate times the gradient, a' delta, from matrix l; `a` is (inputs, rows).
    template <class A>
    void update(int l, A a, int64_t count) {
        const int inputs = group_.layers[l], outputs = group_.layers[l + 1];
        V* step = delta_[l + 1];
        for (int64_t k = 0; k < count * outputs; ++k) step[k] = step[k] * group_.rate[l];
        contract(a, Strided{step, outputs, 1}, inputs, outputs, count,
                 [](int64_t, int64_t) { return V{}; },
                 [&](int64_t i, int64_t j, V sum) { move(l, i * outputs + j, sum); });
        for (int j = 0; j < outputs; ++j) {
            V sum{};
            for (int64_t row = 0; row < count; ++row) sum = sum + step[row * outputs + j];
            move(l, (int64_t)inputs * outputs + j, group_.for_bias(sum));
        }
    }

    // One weight's step, with its momentum where there is one.
    void move(int l, int64_t k, V step) {
        if (group_.velocity[l]) {
            step = group_.velocity[l][k] * group_.momentum + step;
            group_.velocity[l][k] = step;
        }
        group_.weights[l][k] = group_.weights[l][k] - step;
    }

    const Group& group_;
    V *z_[MOST_MATRICES + 1], *a_[MOST_MATRICES + 1], *gain_[MOST_MATRICES + 1], *delta_[MOST_MATRICES + 1];
    V* room_;
};

}  // namespace unstuck::ISA
