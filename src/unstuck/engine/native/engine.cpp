// The way in from Python: which instruction sets this machine has, and the threads.
#include <atomic>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "abi.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace unstuck {

extern const Backend baseline;
#if defined(__x86_64__)
extern const Backend avx2, avx512;
#endif

namespace {

// What this processor can run, the fastest first.
std::vector<const Backend*> backends() {
    std::vector<const Backend*> found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        found.push_back(&avx512);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) found.push_back(&avx2);
#endif
    found.push_back(&baseline);
    return found;
}

// Numbers below 1e-38 count as 0 while this lives: dying networks are full of them, and they are slow.
class FlushToZero {
#if defined(__x86_64__)
  public:
    FlushToZero() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~FlushToZero() { _mm_setcsr(before_); }

  private:
    unsigned before_;
#endif
};

// Call work(group, workspace) for all groups, shared among the threads; 0, or 1 where memory is short.
template <class Work>
int for_all_groups(const Population& p, Work work) {
    const size_t bytes = (backends()[p.backend]->workspace(p) + 63) / 64 * 64;
    std::atomic<int> next{0}, failed{0};
    auto share = [&] {
        FlushToZero guard;
        void* block = std::aligned_alloc(64, bytes);
        if (!block) {
            failed = 1;
            return;
        }
        for (int group = next++; group < p.groups; group = next++) work(group, block);
        std::free(block);
    };
    std::vector<std::thread> helpers;
    try {
        for (int i = 1; i < p.threads && i < p.groups; ++i) helpers.emplace_back(share);
    } catch (const std::system_error&) {
        // fewer threads than asked for: the rest of us does the work
    }
    share();
    for (std::thread& helper : helpers) helper.join();
    return next >= p.groups ? 0 : failed.load();
}

}  // namespace
}  // namespace unstuck

#pragma GCC visibility push(default)
extern "C" {

using unstuck::Epochs;
using unstuck::Population;

// The name of a backend of this machine, and how many lanes it has; null beyond the last.
const char* unstuck_backend(int index, int* lanes) {
    auto found = unstuck::backends();
    if (index < 0 || index >= (int)found.size()) return nullptr;
    *lanes = found[index]->lanes;
    return found[index]->name;
}

// Size of the struct that Python must hand over: a difference means another version of the library.
int unstuck_layout() { return (int)sizeof(Population); }

int unstuck_train(const Population* p, const Epochs* epochs) {
    const unstuck::Backend& backend = *unstuck::backends()[p->backend];
    return unstuck::for_all_groups(*p, [&](int group, void* block) { backend.train(*p, *epochs, group, block); });
}

// Right answers, or sums of squared errors, of all lanes: (groups, lanes).
int unstuck_score(const Population* p, double* scores) {
    const unstuck::Backend& backend = *unstuck::backends()[p->backend];
    return unstuck::for_all_groups(
        *p, [&](int group, void* block) { backend.score(*p, group, block, scores + group * backend.lanes); });
}

}  // extern "C"
#pragma GCC visibility pop
