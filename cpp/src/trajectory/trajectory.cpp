#include "entroprod/trajectory.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <vector>

#include "runtime/work.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"
#include "trajectory/path_steps.hpp"
#include "trajectory/path_tasks.hpp"

namespace entroprod {
namespace {

double step_work(const LinearGaussian& machine) {
    return path_step_work(machine.n_states(), machine.n_outputs());
}

std::int64_t steps_per_block(const LinearGaussian& machine) {
    return block_of_steps(step_work(machine));
}

// One thread's view of the machine, with room for some steps of one group of paths.
class Group : public PathSteps {
public:
    Group(const LinearGaussian& machine, std::int64_t n_steps)
        : PathSteps(trajectory_kernels(), machine.n_outputs(), n_steps),
          machine_(machine.lean()),
          n_(machine.n_states()),
          m_(machine.n_outputs()),
          work_per_step_(step_work(machine)),
          memory_size_(static_cast<std::size_t>(n_) * lanes()),
          memory_(memory_size_),
          scratch_(static_cast<std::size_t>(2 * (n_ + m_)) * lanes()),
          squares_(static_cast<std::size_t>(lanes())),
          step_squares_(static_cast<std::size_t>(steps_per_block(machine)) * lanes()),
          generate_(machine_.bands.diagonal != nullptr ? trajectory_kernels().generate_structured
                                                       : trajectory_kernels().generate(n_, m_)),
          filter_(machine_.bands.diagonal != nullptr ? trajectory_kernels().filter_structured
                                                     : trajectory_kernels().filter(n_, m_)),
          apply_lower_(trajectory_kernels().apply_lower(m_)) {}

    // Sums of squared innovations since the last restart.
    const double* squares() const { return squares_.get(); }
    const double* step_squares() const { return step_squares_.get(); }

    void restart() {
        std::fill_n(memory_.get(), memory_size_, 0.0);
        std::fill_n(squares_.get(), lanes(), 0.0);
    }

    void generate(std::int64_t n_steps, std::int64_t first = 0) {
        generate_(machine_, n_steps, at(first), memory_.get(), squares_.get(), scratch_.get());
        interruption_point(static_cast<double>(n_steps * lanes()) * work_per_step_);
    }

    void filter(std::int64_t n_steps, int direction, std::int64_t first = 0,
                bool keep_steps = false) {
        filter_(machine_, n_steps, direction, at(first), memory_.get(), squares_.get(),
                keep_steps ? step_squares_.get() : nullptr, scratch_.get());
        interruption_point(static_cast<double>(n_steps * lanes()) * work_per_step_);
    }

    void apply_lower(const std::vector<double>& lower, std::int64_t n_steps) {
        apply_lower_(m_, lower.data(), n_steps, at(0));
    }

private:
    WhitenedMachine<double> machine_;
    int n_, m_;
    double work_per_step_;
    std::size_t memory_size_;
    PackMemory memory_, scratch_, squares_, step_squares_;
    TrajectoryKernels::Generate generate_;
    TrajectoryKernels::Filter filter_;
    TrajectoryKernels::ApplyLower apply_lower_;
};

// As in path_tasks.hpp, each thread with a group that holds `steps_held` steps.
template <class Work, class TaskDone>
void for_each_group(const LinearGaussian& machine, Batch batch, std::int64_t steps_held,
                    int n_threads, const Poll& poll, const Work& work, const TaskDone& task_done) {
    for_each_group(
        step_work(machine), trajectory_kernels().lanes, batch, n_threads, poll,
        [&] { return std::make_unique<Group>(machine, steps_held); }, work, task_done);
}

// Log-density of whitened innovations: minus this, minus half their squared norm.
double normalisation(const LinearGaussian& machine) {
    return 0.5 * (machine.n_outputs() * std::log(2.0 * std::numbers::pi) + machine.log_det());
}

}  // namespace

SigmaMoments moments_of(const double* sigma, std::int64_t count) {
    SigmaMoments result;
    result.count = count;
    const auto [low, high] = std::minmax_element(sigma, sigma + count);
    result.minimum = *low;
    result.maximum = *high;
    result.log_scale = -result.minimum;
    for (std::int64_t i = 0; i < count; ++i) result.mean += sigma[i];
    result.mean /= static_cast<double>(count);
    for (std::int64_t i = 0; i < count; ++i) {
        const double deviation = sigma[i] - result.mean;
        result.sum_of_squares += deviation * deviation;
        const double weight = std::exp(result.minimum - sigma[i]);
        result.weight_sum += weight;
        result.square_sum += weight * weight;
    }
    return result;
}

void SigmaMoments::merge(const SigmaMoments& other) {
    if (other.count == 0) return;
    if (count == 0) {
        *this = other;
        return;
    }
    const auto total = static_cast<double>(count + other.count);
    const double share = static_cast<double>(other.count) / total;
    const double difference = other.mean - mean;
    mean += difference * share;
    sum_of_squares +=
        other.sum_of_squares + difference * difference * static_cast<double>(count) * share;
    count += other.count;
    minimum = std::min(minimum, other.minimum);
    maximum = std::max(maximum, other.maximum);
    const double scale = std::max(log_scale, other.log_scale);
    const double mine = std::exp(log_scale - scale);
    const double theirs = std::exp(other.log_scale - scale);
    weight_sum = weight_sum * mine + other.weight_sum * theirs;
    square_sum = square_sum * mine * mine + other.square_sum * theirs * theirs;
    log_scale = scale;
}

std::int64_t paths_per_task(const LinearGaussian& machine, std::int64_t n_steps) {
    return task_of_paths(step_work(machine), n_steps);
}

void sample(const LinearGaussian& machine, Batch batch, std::uint64_t key, int n_threads,
            const Poll& poll, double* y) {
    const std::int64_t path_size = batch.n_steps * machine.n_outputs();
    const std::int64_t block = steps_per_block(machine);
    const auto work = [&](Group& group, std::int64_t path, std::int64_t count) {
        group.restart();
        for (std::int64_t t = 0; t < batch.n_steps; t += block) {
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            group.draw(key, path, t, steps);
            group.generate(steps);
            group.apply_lower(machine.cholesky(), steps);
            group.write(y + path * path_size, batch.n_steps, t, steps, count);
        }
    };
    for_each_group(machine, batch, block, n_threads, poll, work, nothing_more);
}

void log_prob(const LinearGaussian& machine, Batch batch, const double* y, int n_threads,
              const Poll& poll, double* log_prob) {
    const std::int64_t path_size = batch.n_steps * machine.n_outputs();
    const std::int64_t block = steps_per_block(machine);
    const double constant = normalisation(machine);
    const auto work = [&](Group& group, std::int64_t path, std::int64_t count) {
        group.restart();
        for (std::int64_t t = 0; t < batch.n_steps; t += block) {
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            group.read(y + path * path_size, batch.n_steps, t, steps, count);
            group.apply_lower(machine.inverse_cholesky(), steps);
            group.filter(steps, 1, 0, true);
            for (std::int64_t lane = 0; lane < count; ++lane) {
                double* out = log_prob + (path + lane) * batch.n_steps + t;
                for (std::int64_t k = 0; k < steps; ++k) {
                    out[k] = -constant - 0.5 * group.step_squares()[k * group.lanes() + lane];
                }
            }
        }
    };
    for_each_group(machine, batch, block, n_threads, poll, work, nothing_more);
}

void log_prob_both_ways(const LinearGaussian& machine, Batch batch, const double* y, int n_threads,
                        const Poll& poll, double* forward, double* backward) {
    const std::int64_t path_size = batch.n_steps * machine.n_outputs();
    const std::int64_t block_size = steps_per_block(machine);
    const std::int64_t n_blocks = (batch.n_steps + block_size - 1) / block_size;
    const double constant = static_cast<double>(batch.n_steps) * normalisation(machine);
    const auto work = [&](Group& group, std::int64_t path, std::int64_t count) {
        for (const int direction : {1, -1}) {
            group.restart();
            for (std::int64_t k = 0; k < n_blocks; ++k) {
                const std::int64_t block = direction > 0 ? k : n_blocks - 1 - k;
                const std::int64_t t = block * block_size;
                const std::int64_t steps = std::min(block_size, batch.n_steps - t);
                group.read(y + path * path_size, batch.n_steps, t, steps, count);
                group.apply_lower(machine.inverse_cholesky(), steps);
                group.filter(steps, direction);
            }
            double* out = (direction > 0 ? forward : backward) + path;
            for (std::int64_t lane = 0; lane < count; ++lane) {
                out[lane] = -constant - 0.5 * group.squares()[lane];
            }
        }
    };
    for_each_group(machine, batch, block_size, n_threads, poll, work, nothing_more);
}

SigmaMoments monte_carlo(const LinearGaussian& machine, Batch batch, std::uint64_t key,
                         int n_threads, const Poll& poll, double* sigma) {
    const std::int64_t task_size = paths_per_task(machine, batch.n_steps);
    const std::int64_t block = steps_per_block(machine);
    std::vector<SigmaMoments> moments(
        static_cast<std::size_t>((batch.n_paths + task_size - 1) / task_size));
    // Without room for all, each thread keeps the sigma of its current task.
    thread_local std::vector<double> of_task;
    const auto work = [&](Group& group, std::int64_t path, std::int64_t count) {
        of_task.resize(static_cast<std::size_t>(task_size));
        double* out = of_task.data() + path % task_size;
        double forward[largest_pack];
        group.restart();
        std::int64_t t = 0;
        for (; t < batch.n_steps; t += block) {
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            group.draw(key, path, t, steps, t);
            group.generate(steps, t);
        }
        std::copy_n(group.squares(), group.lanes(), forward);
        group.restart();
        while (t > 0) {
            t -= block;
            group.filter(std::min(block, batch.n_steps - t), -1, t);
        }
        for (std::int64_t lane = 0; lane < count; ++lane) {
            out[lane] = 0.5 * (group.squares()[lane] - forward[lane]);
        }
    };
    const auto task_done = [&](Group&, std::int64_t task, std::int64_t first, std::int64_t count) {
        moments[static_cast<std::size_t>(task)] = moments_of(of_task.data(), count);
        if (sigma != nullptr) std::copy_n(of_task.data(), count, sigma + first);
    };
    for_each_group(machine, batch, batch.n_steps, n_threads, poll, work, task_done);
    SigmaMoments result;
    for (const SigmaMoments& part : moments) result.merge(part);
    return result;
}

std::size_t monte_carlo_memory(const LinearGaussian& machine, std::int64_t n_steps, int n_threads) {
    return static_cast<std::size_t>(n_threads) * static_cast<std::size_t>(n_steps + 1) *
           static_cast<std::size_t>(machine.n_outputs()) *
           static_cast<std::size_t>(trajectory_kernels().lanes) * sizeof(double);
}

}  // namespace entroprod
