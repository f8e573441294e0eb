// How work on paths of time-varying machines is cut into tasks and blocks of steps.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "entroprod/parallel.hpp"
#include "entroprod/time_varying.hpp"

namespace entroprod {

// No instruction set has more lanes in a pack, and each has a divisor of it.
inline constexpr std::int64_t largest_pack = 16;

// Rough multiplications of one step of one path.
inline double path_step_work(int n_states, int n_outputs) {
    constexpr double work_per_normal = 20.0;
    const double n = n_states, m = n_outputs;
    return work_per_normal * m + n * (n + 2.0 * m) + m * m;
}

// Paths are worked on in blocks of steps, between which a run can be stopped. Even, so that blocks
// of normals begin with an even index.
inline std::int64_t block_of_steps(double step_work) {
    constexpr std::int64_t fewest = 2, most = 256;
    constexpr double block_work = 4e6;
    const double steps = block_work / (static_cast<double>(largest_pack) * step_work);
    return std::clamp(static_cast<std::int64_t>(steps) / 2 * 2, fewest, most);
}

// As many paths as make a fraction of a second's work; the number depends on nothing but sizes, so
// that results don't either.
inline std::int64_t task_of_paths(double step_work, std::int64_t n_steps) {
    constexpr std::int64_t most = 512;
    constexpr double task_work = 6e7;
    const double paths = task_work / (step_work * static_cast<double>(n_steps));
    const auto whole_packs = static_cast<std::int64_t>(paths) / largest_pack * largest_pack;
    return std::clamp(whole_packs, largest_pack, most);
}

// The sum of a step's number over the first n_steps, in short sums for little rounding.
inline double sum_over_steps(const StepMatrices& numbers, std::int64_t n_steps) {
    constexpr std::int64_t terms = 64;
    if (numbers.stride == 0) return static_cast<double>(n_steps) * *numbers.data;
    double total = 0.0;
    for (std::int64_t t = 0; t < n_steps; t += terms) {
        double sum = 0.0;
        for (std::int64_t k = t; k < std::min(t + terms, n_steps); ++k) sum += *numbers.at(k);
        total += sum;
    }
    return total;
}

// A poll that reaches into tasks: the calling thread, which is worker 0, asks it between blocks,
// and the other workers stop there once it has said so.
class TaskPoll {
public:
    TaskPoll(const Poll& poll, std::int64_t task_size, std::int64_t n_paths)
        : poll_(poll), task_size_(task_size), n_paths_(n_paths) {}

    // For parallel_for.
    Poll between_tasks() {
        return [this](std::int64_t tasks) {
            done_ = std::min(tasks * task_size_, n_paths_);
            return ask();
        };
    }

    void between_blocks(int worker) {
        if (stopped_.load(std::memory_order_relaxed)) throw Interrupted();
        if (worker != 0) return;
        constexpr std::chrono::milliseconds interval{50};
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ < interval) return;
        last_ = now;
        if (!ask()) throw Interrupted();
    }

private:
    bool ask() {
        if (!poll_ || poll_(done_)) return true;
        stopped_ = true;
        return false;
    }

    const Poll& poll_;
    const std::int64_t task_size_, n_paths_;
    std::int64_t done_ = 0;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    std::atomic<bool> stopped_{false};
};

}  // namespace entroprod
