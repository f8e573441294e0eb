#include "entroprod/time_varying.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <stdexcept>
#include <string>

#include "numbers/cholesky.hpp"
#include "runtime/work.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"
#include "trajectory/path_steps.hpp"
#include "trajectory/path_tasks.hpp"

namespace entroprod {
namespace {

double step_work(const TimeVaryingMachine& machine) {
    return path_step_work(machine.n_states(), machine.n_outputs());
}

// One machine reading or writing one group of paths, a path in each lane.
class Reader {
public:
    explicit Reader(const TimeVaryingMachine& machine)
        : parameters_(machine.parameters()),
          n_(machine.n_states()),
          lanes_(time_varying_kernels().lanes),
          step_work_(step_work(machine)),
          memory_(static_cast<std::size_t>(n_) * lanes_),
          squares_(static_cast<std::size_t>(lanes_)),
          scratch_(2 * (static_cast<std::size_t>(n_) + machine.n_outputs()) * lanes_),
          generate_(time_varying_kernels().generate(n_, machine.n_outputs())),
          filter_(time_varying_kernels().filter(n_, machine.n_outputs())) {}

    // Sums of squared innovations since the last restart.
    const double* squares() const { return squares_.get(); }

    void restart() {
        for (int i = 0; i < n_; ++i) {
            std::fill_n(memory_.get() + i * lanes_, lanes_, parameters_.machine.initial_mean[i]);
        }
        std::fill_n(squares_.get(), lanes_, 0.0);
    }

    void generate(std::int64_t first_step, std::int64_t n_steps, double* steps) {
        generate_(parameters_, first_step, n_steps, steps, memory_.get(), squares_.get(),
                  scratch_.get());
        interruption_point(static_cast<double>(n_steps * lanes_) * step_work_);
    }

    void filter(std::int64_t first_step, std::int64_t n_steps, Direction direction,
                const double* steps, double* step_squares = nullptr) {
        filter_(parameters_, first_step, n_steps, static_cast<int>(direction), steps, memory_.get(),
                squares_.get(), step_squares, scratch_.get());
        interruption_point(static_cast<double>(n_steps * lanes_) * step_work_);
    }

private:
    const StepParameters& parameters_;
    int n_, lanes_;
    double step_work_;
    PackMemory memory_, squares_, scratch_;
    TimeVaryingKernels::Generate generate_;
    TimeVaryingKernels::Filter filter_;
};

// The sum of a step's number over the first n_steps, in short sums for little rounding.
double sum_over_steps(const StepMatrices& numbers, std::int64_t n_steps) {
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

std::vector<double> copied(const StepMatrices& matrices, std::int64_t n_steps, std::size_t size) {
    const std::size_t count = matrices.stride == 0 ? 1 : static_cast<std::size_t>(n_steps);
    std::vector<double> result(count * size);
    for (std::size_t t = 0; t < count; ++t) {
        std::copy_n(matrices.at(static_cast<std::int64_t>(t)), size, result.data() + t * size);
    }
    return result;
}

StepMatrices view(const std::vector<double>& values, std::size_t size) {
    return {values.data(), values.size() == size ? 0 : static_cast<std::ptrdiff_t>(size)};
}

}  // namespace

TimeVaryingMachine::TimeVaryingMachine(const MachineSteps& steps, std::int64_t n_steps,
                                       const Poll& poll) {
    const PollWatch watch(poll);
    const auto n = static_cast<std::size_t>(steps.n_states);
    const auto m = static_cast<std::size_t>(steps.n_outputs);
    if ((n + m) * (n + m) > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw std::length_error("the machine's matrices have more entries than an int can count");
    }
    state_ = copied(steps.state, n_steps, n * n);
    input_ = copied(steps.input, n_steps, n * m);
    output_ = copied(steps.output, n_steps, m * n);
    innovation_cov_ = copied(steps.innovation_cov, n_steps, m * m);
    initial_mean_.assign(steps.initial_mean, steps.initial_mean + n);
    cholesky_.resize(innovation_cov_.size());
    inverse_cholesky_.resize(innovation_cov_.size());
    normalisation_.resize(innovation_cov_.size() / (m * m));
    const double constant = 0.5 * static_cast<double>(m) * std::log(2.0 * std::numbers::pi);
    for (std::size_t t = 0; t < normalisation_.size(); ++t) {
        const std::size_t at = t * m * m;
        const auto lower = factor_cholesky(steps.n_outputs, innovation_cov_.data() + at);
        const auto inverse = invert_lower(steps.n_outputs, lower);
        normalisation_[t] = constant;
        for (std::size_t i = 0; i < m * m; ++i) {
            cholesky_[at + i] = static_cast<double>(lower[i]);
            inverse_cholesky_[at + i] = static_cast<double>(inverse[i]);
        }
        for (std::size_t i = 0; i < m; ++i) {
            normalisation_[t] += std::log(cholesky_[at + i * (m + 1)]);
        }
    }
    parameters_ = {{steps.n_states, steps.n_outputs, view(state_, n * n), view(input_, n * m),
                    view(output_, m * n), view(innovation_cov_, m * m), initial_mean_.data()},
                   view(cholesky_, m * m),
                   view(inverse_cholesky_, m * m),
                   view(normalisation_, 1)};
}

bool TimeVaryingMachine::is_constant() const {
    const MachineSteps& machine = parameters_.machine;
    return machine.state.stride == 0 && machine.input.stride == 0 && machine.output.stride == 0 &&
           machine.innovation_cov.stride == 0;
}

void sample(const TimeVaryingMachine& machine, Batch batch, std::uint64_t key, int n_threads,
            const Poll& poll, double* y) {
    struct Room {
        Reader reader;
        PathSteps steps;
    };
    const std::int64_t path_size = batch.n_steps * machine.n_outputs();
    const std::int64_t block = block_of_steps(step_work(machine));
    const auto make_room = [&] {
        return std::make_unique<Room>(
            Room{Reader(machine), PathSteps(time_varying_kernels(), machine.n_outputs(), block)});
    };
    const auto work = [&](Room& room, std::int64_t path, std::int64_t count) {
        room.reader.restart();
        for (std::int64_t t = 0; t < batch.n_steps; t += block) {
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            room.steps.draw(key, path, t, steps);
            room.reader.generate(t, steps, room.steps.at(0));
            room.steps.write(y + path * path_size, batch.n_steps, t, steps, count);
        }
    };
    for_each_group(step_work(machine), time_varying_kernels().lanes, batch, n_threads, poll,
                   make_room, work, nothing_more);
}

void log_prob(const TimeVaryingMachine& machine, Batch batch, const double* y, Direction direction,
              int n_threads, const Poll& poll, LogDensities out) {
    struct Room {
        Reader reader;
        PathSteps steps;
        PackMemory step_squares;
    };
    const std::int64_t path_size = batch.n_steps * machine.n_outputs();
    const std::int64_t block = block_of_steps(step_work(machine));
    const std::int64_t n_blocks = (batch.n_steps + block - 1) / block;
    const std::int64_t lanes = time_varying_kernels().lanes;
    const StepMatrices& normalisation = machine.parameters().normalisation;
    const double constant = sum_over_steps(normalisation, batch.n_steps);
    const auto make_room = [&] {
        return std::make_unique<Room>(
            Room{Reader(machine), PathSteps(time_varying_kernels(), machine.n_outputs(), block),
                 PackMemory(static_cast<std::size_t>(block * lanes))});
    };
    const auto work = [&](Room& room, std::int64_t path, std::int64_t count) {
        const double* squares = room.step_squares.get();
        room.reader.restart();
        for (std::int64_t k = 0; k < n_blocks; ++k) {
            const std::int64_t t = (direction == Direction::forward ? k : n_blocks - 1 - k) * block;
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            room.steps.read(y + path * path_size, batch.n_steps, t, steps, count);
            room.reader.filter(t, steps, direction, room.steps.at(0), room.step_squares.get());
            for (std::int64_t lane = 0; out.per_step != nullptr && lane < count; ++lane) {
                double* to = out.per_step + (path + lane) * batch.n_steps + t;
                for (std::int64_t i = 0; i < steps; ++i) {
                    to[i] = -*normalisation.at(t + i) - 0.5 * squares[i * lanes + lane];
                }
            }
        }
        for (std::int64_t lane = 0; out.total != nullptr && lane < count; ++lane) {
            out.total[path + lane] = -constant - 0.5 * room.reader.squares()[lane];
        }
    };
    for_each_group(step_work(machine), time_varying_kernels().lanes, batch, n_threads, poll,
                   make_room, work, nothing_more);
}

SigmaMoments monte_carlo(const TimeVaryingMachine& forward, const TimeVaryingMachine& backward,
                         Batch batch, std::uint64_t key, int n_threads, const Poll& poll,
                         double* sigma) {
    struct Room {
        Reader ahead, back;
        PathSteps steps;
        std::vector<double> sigma;
    };
    const double pair_work = step_work(forward) + step_work(backward);
    const std::int64_t task_size = task_of_paths(pair_work, batch.n_steps);
    const std::int64_t block = block_of_steps(pair_work);
    const double constant = sum_over_steps(backward.parameters().normalisation, batch.n_steps) -
                            sum_over_steps(forward.parameters().normalisation, batch.n_steps);
    std::vector<SigmaMoments> moments(
        static_cast<std::size_t>((batch.n_paths + task_size - 1) / task_size));
    const auto make_room = [&] {
        return std::make_unique<Room>(
            Room{Reader(forward), Reader(backward),
                 PathSteps(time_varying_kernels(), forward.n_outputs(), batch.n_steps),
                 std::vector<double>(static_cast<std::size_t>(task_size))});
    };
    const auto work = [&](Room& room, std::int64_t path, std::int64_t count) {
        room.ahead.restart();
        std::int64_t t = 0;
        for (; t < batch.n_steps; t += block) {
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            room.steps.draw(key, path, t, steps, t);
            room.ahead.generate(t, steps, room.steps.at(t));
        }
        room.back.restart();
        while (t > 0) {
            t -= block;
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            room.back.filter(t, steps, Direction::backward, room.steps.at(t));
        }
        double* out = room.sigma.data() + path % task_size;
        for (std::int64_t lane = 0; lane < count; ++lane) {
            out[lane] = constant + 0.5 * (room.back.squares()[lane] - room.ahead.squares()[lane]);
        }
    };
    const auto task_done = [&](Room& room, std::int64_t task, std::int64_t first,
                               std::int64_t count) {
        moments[static_cast<std::size_t>(task)] = moments_of(room.sigma.data(), count);
        if (sigma != nullptr) std::copy_n(room.sigma.data(), count, sigma + first);
    };
    for_each_group(pair_work, time_varying_kernels().lanes, batch, n_threads, poll, make_room, work,
                   task_done);
    SigmaMoments result;
    for (const SigmaMoments& part : moments) result.merge(part);
    return result;
}

double pair_monte_carlo_memory(const TimeVaryingMachine& forward,
                               const TimeVaryingMachine& backward, Batch batch, int n_threads) {
    const double pair_work = step_work(forward) + step_work(backward);
    const double step = static_cast<double>(time_varying_kernels().lanes) * forward.n_outputs();
    const double tasks = static_cast<double>(batch.n_paths) /
                         static_cast<double>(task_of_paths(pair_work, batch.n_steps));
    return sizeof(double) * step * n_threads * (static_cast<double>(batch.n_steps) + 1.0) +
           2.0 * sizeof(SigmaMoments) * (tasks + 1.0);
}

}  // namespace entroprod
