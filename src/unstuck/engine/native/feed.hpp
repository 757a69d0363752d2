// Rows and dropout draws for a group, a block of steps at a time, so that a block stays in the nearest cache.
//
// Where all lanes see the same row it is read where it lies and each number is broadcast; where they do not,
// the rows of all lanes are first copied side by side.
#pragma once

#include "draws.hpp"
#include "group.hpp"

namespace unstuck::ISA {

constexpr int64_t BLOCK_BYTES = 16 * 1024;

// Rows that all lanes share.
struct SharedRows {
    const float* x;
    const float* y;
    const int32_t* order;  // null: as they lie
    int inputs, outputs;

    int64_t place(int64_t row) const { return order ? order[row] : row; }
    auto input(int64_t row) const {
        const float* at = x + place(row) * inputs;
        return [at](int i) { return all(at[i]); };
    }
    auto target(int64_t row) const {
        const float* at = y + place(row) * outputs;
        return [at](int j) { return all(at[j]); };
    }
};

// Rows of which each lane has its own.
struct OwnRows {
    const V* rows;  // inputs, then targets
    int inputs, outputs;

    auto input(int64_t row) const {
        const V* at = rows + row * (inputs + outputs);
        return [at](int i) { return at[i]; };
    }
    auto target(int64_t row) const {
        const V* at = rows + row * (inputs + outputs) + inputs;
        return [at](int j) { return at[j]; };
    }
};

// Copies what the lanes see in a block, and notes which units they keep.
class Feed {
  public:
    Feed(const Group& group, Arena& arena) : group_(group) {
        const Population& p = group.population;
        shared_ = group.one_seed();
        int width = group.inputs + group.outputs;
        int64_t each = 4 * group.units + width * (int64_t)sizeof(V);
        int64_t steps = BLOCK_BYTES / (each * p.batch);
        block_ = (steps < 1 ? 1 : steps > 64 ? 64 : steps) * p.batch;
        if (block_ > p.rows) block_ = p.rows;
        rows_ = arena.take<V>(block_ * width);
        kept_ = arena.take<uint32_t>(block_ * group.units);
        draws_ = arena.take<uint64_t>(room_for(block_ * group.units));
    }

    int64_t block() const { return block_; }

    // Start an epoch; the pointers are those of its orders (seeds, rows) and keys (hidden layers, seeds, 2).
    void start(const int32_t* orders, const uint64_t* keys) {
        orders_ = orders;
        keys_ = keys;
    }

    // Call `use` with the rows from `first` on, and a function that gives the units of layer l that are kept
    // in a row of the block.
    template <class Use>
    void block(int64_t first, int64_t count, Use use) {
        const Population& p = group_.population;
        bool drops = group_.drops && keys_;
        if (drops) draw(first, count);
        auto kept = [&](int l, int64_t row) -> const uint32_t* {
            return drops && l < group_.matrices ? kept_ + block_ * offset(l) + row * group_.layers[l] : nullptr;
        };
        if (!orders_ || shared_) {
            const int32_t* order = orders_ ? orders_ + group_.seed[0] * p.rows + first : nullptr;
            const float* x = order ? p.x : p.x + first * group_.inputs;
            const float* y = order ? p.y : p.y + first * group_.outputs;
            use(SharedRows{x, y, order, group_.inputs, group_.outputs}, kept);
        } else {
            copy(first, count);
            use(OwnRows{rows_, group_.inputs, group_.outputs}, kept);
        }
    }

  private:
    // Hidden units before layer l.
    int offset(int l) const {
        int sum = 0;
        for (int k = 1; k < l; ++k) sum += group_.layers[k];
        return sum;
    }

    void copy(int64_t first, int64_t count) {
        const Population& p = group_.population;
        const int inputs = group_.inputs, outputs = group_.outputs;
        float* to = (float*)rows_;
        for (int64_t row = 0; row < count; ++row, to += (inputs + outputs) * WIDTH)
            for (int lane = 0; lane < WIDTH; ++lane) {
                const int64_t from = orders_[group_.seed[lane] * p.rows + first + row];
                const float *x = p.x + from * inputs, *y = p.y + from * outputs;
                for (int i = 0; i < inputs; ++i) to[i * WIDTH + lane] = x[i];
                for (int j = 0; j < outputs; ++j) to[(inputs + j) * WIDTH + lane] = y[j];
            }
    }

    // Set, in a word for every unit and row of the block, the bits of the lanes that keep it.
    void draw(int64_t first, int64_t count) {
        const int seeds = group_.population.seeds;
        for (int l = 1; l < group_.matrices; ++l) {
            const int64_t units = group_.layers[l], n = count * units;
            uint32_t* kept = kept_ + block_ * offset(l);
            uint32_t done = lanes_of([&](int lane) { return group_.least_kept[lane] == 0; });
            for (int64_t k = 0; k < n; ++k) kept[k] = done;
            for (int lane = 0; lane < WIDTH; ++lane) {
                if (done >> lane & 1) continue;
                const int seed = group_.seed[lane];
                const uint64_t* key = keys_ + 2 * ((l - 1) * seeds + seed);
                const uint16_t* draws = uniform(key, first * units, n, draws_);
                for (int other = lane; other < WIDTH; ++other)  // every dropout that occurs with this seed
                    if (group_.seed[other] == seed && !(done >> other & 1))
                        done |= keep(draws, n, seed, group_.least_kept[other], kept);
            }
        }
    }

    // Set the bits of the lanes of one seed and one dropout where a draw keeps the unit; returns these lanes.
    uint32_t keep(const uint16_t* draws, int64_t n, int seed, int32_t least, uint32_t* kept) const {
        const uint32_t lanes = lanes_of(
            [&](int lane) { return group_.seed[lane] == seed && group_.least_kept[lane] == least; });
        for (int64_t k = 0; k < n; ++k) kept[k] |= draws[k] >= least ? lanes : 0;
        return lanes;
    }

    template <class Condition>
    static uint32_t lanes_of(Condition condition) {
        uint32_t lanes = 0;
        for (int lane = 0; lane < WIDTH; ++lane) lanes |= (uint32_t)condition(lane) << lane;
        return lanes;
    }

    const Group& group_;
    bool shared_;
    int64_t block_;
    V* rows_;
    uint32_t* kept_;
    uint64_t* draws_;
    const int32_t* orders_ = nullptr;
    const uint64_t* keys_ = nullptr;
};

}  // namespace unstuck::ISA
