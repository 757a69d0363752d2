// What crosses the border between Python and C++: one plain struct, mirrored field by field in binding.py.
//
// All arrays belong to the caller.  "Lanes" are the float32 slots of one vector register; networks come in
// groups of that many, padded with copies.  Arrays "per lane" have shape (groups, ..., lanes), lanes last.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unstuck {

constexpr int MOST_MATRICES = 8;  // weight matrices of the deepest network

enum Activation : int32_t { LINEAR, RELU, LEAKY_RELU, TANH, SIGMOID, SOFTMAX };
enum Backward : int32_t { EXACT, ONE, SQUARED, OF_OUTPUT };
enum Optimiser : int32_t { SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM };

// Networks of one shape, their data, and what each lane has of its own.
struct Population {
    int32_t matrices;    // weight matrices
    int32_t activation;  // of every hidden layer
    int32_t batch;       // rows of a step
    int32_t classes;     // 0: regression
    int32_t groups;
    int32_t seeds;
    int32_t threads;
    int32_t backend;    // which of the instruction sets, from the fastest
    int32_t optimiser;  // an Optimiser
    int32_t decays;     // 0: nothing; 1: weights; 2: biases as well
    int32_t clips;      // 1: some network bounds its gradient
    int32_t unused;     // keeps the pointers aligned
    int64_t rows;
    int64_t test_rows;
    const int32_t* layers;   // units per layer, matrices + 1 of them
    const float* x;          // (rows, inputs)
    const float* y;          // (rows, outputs)
    const float* x_test;     // (test_rows, inputs)
    const float* y_test;     // (test_rows, 1): labels, or (test_rows, outputs): targets
    float* weights;          // per lane: the matrices one after the other, (inputs + 1, outputs), bias last
    float* velocity;         // per lane, like weights: the last step, or the mean of the gradient; null: none is kept
    float* square;           // per lane, like weights: mean or sum of the squared gradient; null: none is kept
    float* powers;           // per lane: momentum and memory to the power of the steps taken; null: not needed
    const float* rates;      // per lane: one for each matrix
    const float* momentum;   // per lane: the share of `velocity` that stays
    const float* memory;     // per lane: the share of `square` that stays
    const float* epsilon;    // per lane: what is added to the root of `square`
    const float* coupled;    // per lane: weight decay that joins the gradient
    const float* decoupled;  // per lane: weight decay beside what the optimiser makes of the gradient
    const float* most;       // per lane: bound of each number of the gradient; infinity: none
    const float* most_norm;  // per lane: bound of its norm, over all weights and biases; infinity: none
    const float* has_bias;   // per lane: 0 or 1
    const float* scale;      // per lane: what survivors are multiplied by
    const int32_t* output;   // per lane: an Activation
    const int32_t* canonical;  // per lane: 1 where the loss's derivative is shown - target
    const int32_t* backward;   // per lane: a Backward
    const int32_t* least_kept;  // per lane: a hidden unit is kept where its 16-bit draw is at least this
    const int32_t* seed;       // per lane: an index below `seeds`
};

// Some whole epochs to train, or some rows of one.
struct Epochs {
    int32_t count;
    int64_t first_row, last_row;  // of every epoch: from first_row up to, but without, last_row
    const int32_t* orders;  // (count, seeds, rows): which row comes when; null: as they lie
    const uint64_t* keys;   // (count, hidden layers, seeds, 2): Philox keys of the dropout draws; null: none
    const float* schedule;  // (count, groups, lanes): what all rates are multiplied by; null: 1
};

// The engine for one instruction set.
struct Backend {
    const char* name;
    int lanes;
    size_t (*workspace)(const Population&);  // bytes that a thread needs, aligned to 64
    void (*train)(const Population&, const Epochs&, int group, void* workspace);
    void (*score)(const Population&, int group, void* workspace, double* scores);  // scores: one per lane
};

}  // namespace unstuck
