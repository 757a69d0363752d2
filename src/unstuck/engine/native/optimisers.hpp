// What optimisers make of a gradient, weight by weight.
//
// Plain descent and momentum are linear in the gradient, so that the rate may be multiplied into it beforehand; the
// others divide by the size of past gradients first.  Momentum as in Sutskever et al. (ICML 2013), with the look-ahead
// in Nesterov's form; Adagrad: Duchi, Hazan, Singer (JMLR 2011); RMSprop: Tieleman and Hinton (2012); Adam: Kingma and
// Ba (ICLR 2015); decoupled weight decay: Loshchilov and Hutter (ICLR 2019).
#pragma once

#include "group.hpp"

namespace unstuck::ISA {

template <int KIND>
class Optimise {
  public:
    static constexpr bool LINEAR = KIND == SGD || KIND == MOMENTUM || KIND == NESTEROV;

    // Begin a step of all weights.
    explicit Optimise(const Group& group) : group_(group), decays_(group.population.decays) {
        if constexpr (KIND == ADAM) {
            group.powers[0] = group.powers[0] * group.momentum;
            group.powers[1] = group.powers[1] * group.memory;
            mean_ = 1.0f / (1.0f - group.powers[0]);
            square_ = 1.0f / (1.0f - group.powers[1]);
        }
    }

    // Move weight (or bias) k of matrix l along its gradient, which comes times the rate where that is linear.
    inline void operator()(int l, int64_t k, V gradient, bool is_weight) const {
        V* weight = group_.weights[l] + k;
        if (decays_ < (is_weight ? 1 : 2)) {
            *weight = *weight - step(l, k, gradient);
            return;
        }
        const V decay = *weight * group_.coupled;
        const V apart = *weight * group_.decoupled * group_.rate[l];
        *weight = *weight - step(l, k, gradient + (LINEAR ? decay * group_.rate[l] : decay)) - apart;
    }

  private:
    inline V step(int l, int64_t k, V gradient) const {
        if constexpr (KIND == SGD) return gradient;
        if constexpr (KIND == MOMENTUM || KIND == NESTEROV) {
            V* velocity = group_.velocity[l] + k;
            *velocity = *velocity * group_.momentum + gradient;
            return KIND == MOMENTUM ? *velocity : *velocity * group_.momentum + gradient;
        }
        if constexpr (!LINEAR) {
            V* square = group_.square[l] + k;
            if constexpr (KIND == ADAGRAD) {
                *square = *square + gradient * gradient;
            } else {
                *square = *square * group_.memory + gradient * gradient * (1.0f - group_.memory);
            }
            if constexpr (KIND != ADAM)
                return gradient * group_.rate[l] / (square_root(*square) + group_.epsilon);
            V* mean = group_.velocity[l] + k;
            *mean = *mean * group_.momentum + gradient * (1.0f - group_.momentum);
            return *mean * mean_ * group_.rate[l] / (square_root(*square * square_) + group_.epsilon);
        }
    }

    const Group& group_;
    const int decays_;  // 1: weights, 2: biases as well
    V mean_, square_;  // what undoes that memories begin at 0
};

}  // namespace unstuck::ISA
