// How work on paths is cut into tasks, groups of a path in each lane, and blocks of steps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "entroprod/interruption.hpp"
#include "entroprod/parallel.hpp"
#include "entroprod/trajectory.hpp"
#include "runtime/work.hpp"

namespace entroprod {

// No instruction set has more lanes in a pack, and each has a divisor of it.
inline constexpr std::int64_t largest_pack = 16;

// Rough multiplications of one step of one path: drawing the innovation, and the products of a
// recursion.
inline double path_step_work(int n_states, int n_outputs) {
    constexpr double work_per_normal = 20.0;
    const double n = n_states, m = n_outputs;
    return work_per_normal * m + n * (n + 2.0 * m) + m * m;
}

// Paths are worked on in blocks of steps, with interruption points in between. The number is even,
// so that blocks of normals begin with an even index.
inline std::int64_t block_of_steps(double step_work) {
    constexpr std::int64_t fewest = 2, most = 256;
    constexpr double block_work = 4e6;
    const double steps = block_work / (static_cast<double>(largest_pack) * step_work);
    return std::clamp(static_cast<std::int64_t>(steps) / 2 * 2, fewest, most);
}

// As many paths as make a fraction of a second's work, so that a run can be watched, and threads
// finish at about the same time; the number depends on nothing but sizes, so that results don't
// either.
inline std::int64_t task_of_paths(double step_work, std::int64_t n_steps) {
    constexpr std::int64_t most = 512;
    constexpr double task_work = 6e7;
    const double paths = task_work / (step_work * static_cast<double>(n_steps));
    const auto whole_packs = static_cast<std::int64_t>(paths) / largest_pack * largest_pack;
    return std::clamp(whole_packs, largest_pack, most);
}

// Aligned, zeroed memory for packs.
class PackMemory {
public:
    explicit PackMemory(std::size_t size)
        : data_(static_cast<double*>(::operator new[](size * sizeof(double), alignment))) {
        constexpr std::size_t piece = 1 << 16;
        for (std::size_t done = 0; done < size; done += piece) {
            std::fill_n(data_.get() + done, std::min(piece, size - done), 0.0);
            interruption_point(piece);
        }
    }
    double* get() const { return data_.get(); }

private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(double* data) const { ::operator delete[](data, alignment); }
    };
    std::unique_ptr<double[], Free> data_;
};

// Calls work(room, path, count) for all groups of at most `lanes` paths, in tasks spread over the
// threads, with a room of the thread's own; task_done(room, task, first, count) follows each task.
template <class MakeRoom, class Work, class TaskDone>
void for_each_group(double step_work, std::int64_t lanes, Batch batch, int n_threads,
                    const Poll& poll, const MakeRoom& make_room, const Work& work,
                    const TaskDone& task_done) {
    const std::int64_t task_size = task_of_paths(step_work, batch.n_steps);
    const std::int64_t n_tasks = (batch.n_paths + task_size - 1) / task_size;
    n_threads = static_cast<int>(std::clamp<std::int64_t>(n_threads, 1, n_tasks));
    std::vector<decltype(make_room())> rooms(static_cast<std::size_t>(n_threads));
    const Poll paths_poll = [&](std::int64_t tasks) {
        return !poll || poll(std::min(tasks * task_size, batch.n_paths));
    };
    parallel_for(
        n_tasks, n_threads,
        [&](std::int64_t task, int worker) {
            auto& room = rooms[static_cast<std::size_t>(worker)];
            if (!room) room = make_room();
            const std::int64_t first = task * task_size;
            const std::int64_t end = std::min(first + task_size, batch.n_paths);
            for (std::int64_t path = first; path < end; path += lanes) {
                work(*room, path, std::min(lanes, end - path));
            }
            task_done(*room, task, first, end - first);
        },
        paths_poll);
}

inline constexpr auto nothing_more = [](auto&, std::int64_t, std::int64_t, std::int64_t) {};

}  // namespace entroprod
