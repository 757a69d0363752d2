// The engine for one instruction set; this file is compiled once for each, with LANES and ISA set to match.
//
// Nothing here may call functions of the standard library that are compiled along (std::vector, std::min, ...):
// the linker keeps one copy of those, and it must not be the one with instructions that a machine lacks.
#include "batches.hpp"
#include "online.hpp"

namespace unstuck {
namespace ISA {

constexpr int64_t SCORED = 32;  // test rows that go through the networks at once

// Everything that a thread needs; without a block of memory it measures how much that is.
struct Worker {
    Group group;
    Arena arena;
    Feed feed;
    Online online;
    Batches batches;

    Worker(const Population& p, int index, void* block)
        : group(p, index), arena(block), feed(group, arena), online(group, arena),
          batches(group, p.batch > SCORED ? p.batch : SCORED, arena) {}

    void epoch(const int32_t* orders, const uint64_t* keys, int64_t first, int64_t last) {
        const Population& p = group.population;
        const bool one_by_one = p.batch == 1 && group.plain;
        feed.start(orders, keys);
        for (; first < last; first += feed.block()) {
            const int64_t left = last - first, count = left < feed.block() ? left : feed.block();
            feed.block(first, count, [&](auto rows, auto kept) {
                if (one_by_one) return online.train(rows, kept, count);
                for (int64_t at = 0; at < count; at += p.batch)
                    batches.train(rows, kept, at, count - at < p.batch ? count - at : p.batch);
            });
        }
    }
};

size_t workspace(const Population& p) { return Worker(p, 0, nullptr).arena.used(); }

void train(const Population& p, const Epochs& epochs, int index, void* block) {
    Worker worker(p, index, block);
    for (int32_t e = 0; e < epochs.count; ++e) {
        worker.group.set_rates(
            index, epochs.schedule ? epochs.schedule + ((int64_t)e * p.groups + index) * WIDTH : nullptr);
        worker.epoch(epochs.orders ? epochs.orders + e * p.seeds * p.rows : nullptr,
                     epochs.keys ? epochs.keys + (int64_t)e * (p.matrices - 1) * p.seeds * 2 : nullptr,
                     epochs.first_row, epochs.last_row);
    }
}

// The class that a row is given in each lane.  Outputs that are not finite count as the first class.
inline I chosen(const V* shown, int outputs) {
    if (outputs == 1) return (shown[0] > 0.5f) & (shown[0] - shown[0] == 0.0f) & 1;
    V most = shown[0], zero = shown[0] - shown[0];
    I best{};
    for (int j = 1; j < outputs; ++j) {
        I better = shown[j] > most;
        most = where(better, shown[j], most);
        best = (better & j) | (~better & best);
        zero = zero + (shown[j] - shown[j]);  // infinity - infinity is not 0
    }
    return best & (zero == 0.0f);
}

// Right answers per lane, or the sum of squared errors.
void score(const Population& p, int index, void* block, double* scores) {
    Worker worker(p, index, block);
    const int outputs = worker.group.outputs;
    for (int lane = 0; lane < WIDTH; ++lane) scores[lane] = 0;
    for (int64_t first = 0; first < p.test_rows; first += SCORED) {
        const int64_t count = p.test_rows - first < SCORED ? p.test_rows - first : SCORED;
        const V* shown = worker.batches.show_rows(p.x_test + first * worker.group.inputs, count);
        for (int64_t row = 0; row < count; ++row, shown += outputs) {
            if (p.classes) {
                const I right = chosen(shown, outputs) == (int)p.y_test[first + row];
                for (int lane = 0; lane < WIDTH; ++lane) scores[lane] -= right[lane];
                continue;
            }
            for (int j = 0; j < outputs; ++j) {
                const V error = shown[j] - p.y_test[(first + row) * outputs + j];
                for (int lane = 0; lane < WIDTH; ++lane) scores[lane] += (double)error[lane] * error[lane];
            }
        }
    }
}

}  // namespace ISA

extern const Backend BACKEND;
const Backend BACKEND = {LABEL, ISA::WIDTH, ISA::workspace, ISA::train, ISA::score};

}  // namespace unstuck
