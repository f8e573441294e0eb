#include "entroprod/missing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "entroprod/interruption.hpp"
#include "numbers/large_products.hpp"
#include "runtime/work.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"
#include "trajectory/path_tasks.hpp"

namespace entroprod {
namespace {

using Dynamic = Extent<0>;

// Lambda, what complete observations still to come say about the memory: after reading step t,
// Lambda = C^T S^-1 C + F^T Lambda' F with the parameters of the step read next.
class Information {
public:
    Information(const TimeVaryingMachine& machine, std::int64_t n_steps, Direction direction,
                const Poll& poll)
        : parameters_(machine.parameters()),
          n_(machine.n_states()),
          size_(static_cast<std::size_t>(n_) * n_),
          white_(static_cast<std::size_t>(machine.n_outputs()) * n_),
          product_(size_),
          filter_t_(size_) {
        const PollWatch watch(poll);
        if (machine.is_constant()) {
            settle(n_steps);
            return;
        }
        values_.assign(static_cast<std::size_t>(n_steps) * size_, 0.0);
        const std::int64_t last = direction == Direction::forward ? n_steps - 1 : 0;
        const std::int64_t towards = direction == Direction::forward ? -1 : 1;
        for (std::int64_t k = 1; k < n_steps; ++k) {
            const std::int64_t next = last + towards * (k - 1);
            step(next, at(next), at(next + towards));
        }
    }

    StepMatrices view() const {
        return {values_.data(), values_.size() == size_ ? 0 : static_cast<std::ptrdiff_t>(size_)};
    }

private:
    double* at(std::int64_t t) { return values_.data() + static_cast<std::size_t>(t) * size_; }

    // Of a constant machine, before the first step: an upper bound for all later ones.
    void settle(std::int64_t n_steps) {
        values_.assign(size_, 0.0);
        std::vector<double> next(size_);
        for (std::int64_t k = 0; k < n_steps; ++k) {
            step(0, values_.data(), next.data());
            values_.swap(next);
            double largest = 0.0, change = 0.0;
            for (std::size_t i = 0; i < size_; ++i) {
                largest = std::max(largest, std::abs(values_[i]));
                change = std::max(change, std::abs(values_[i] - next[i]));
            }
            if (change <= std::numeric_limits<double>::epsilon() * largest) break;
        }
    }

    void step(std::int64_t t, const double* from, double* to) {
        const MachineSteps& machine = parameters_.machine;
        const Dynamic n(n_), m(machine.n_outputs);
        multiply(m, m, n, parameters_.inverse_cholesky.at(t), machine.output.at(t), white_.data());
        multiply(n, n, n, from, machine.state.at(t), product_.data());
        transpose(n, n, machine.state.at(t), filter_t_.data());
        multiply(n, n, n, filter_t_.data(), product_.data(), to);
        add_gram(m, n, white_.data(), to);
        interruption_point(static_cast<double>(size_) * (2.0 * n_ + 2.0 * machine.n_outputs));
    }

    const StepParameters& parameters_;
    int n_;
    std::size_t size_;
    std::vector<double> values_, white_, product_, filter_t_;
};

// One thread's room for a path.
struct Room {
    std::vector<double> mean, root, scratch, log_prob;

    Room(const TimeVaryingMachine& machine, std::int64_t block)
        : mean(static_cast<std::size_t>(machine.n_states())),
          root(mean.size() * mean.size()),
          scratch(missing_scratch_size(machine.n_states(), machine.n_outputs())),
          log_prob(static_cast<std::size_t>(block)) {}
};

// Rough multiplications of a step with an uncertain memory: the reflections of (m + n) rows.
double step_work(const TimeVaryingMachine& machine) {
    const double rows = static_cast<double>(machine.n_states()) + machine.n_outputs();
    return 3.0 * rows * rows * rows + 100.0;
}

}  // namespace

void log_prob_missing(const TimeVaryingMachine& machine, Batch batch, const double* y,
                      Direction direction, int n_threads, const Poll& poll, LogDensities out) {
    const std::int64_t m = machine.n_outputs();
    const double path_work = path_step_work(machine.n_states(), machine.n_outputs());
    const std::int64_t block = block_of_steps(step_work(machine));
    const std::int64_t n_blocks = (batch.n_steps + block - 1) / block;
    const Information information(machine, batch.n_steps, direction, poll);
    const auto filter =
        time_varying_kernels().filter_missing(machine.n_states(), static_cast<int>(m));
    const auto work = [&](Room& room, std::int64_t path, std::int64_t) {
        UncertainMemory state{room.mean.data(), room.root.data(), true};
        std::copy_n(machine.parameters().machine.initial_mean, room.mean.size(), state.mean);
        std::fill(room.root.begin(), room.root.end(), 0.0);
        double total = 0.0;
        for (std::int64_t k = 0; k < n_blocks; ++k) {
            const std::int64_t t = (direction == Direction::forward ? k : n_blocks - 1 - k) * block;
            const std::int64_t steps = std::min(block, batch.n_steps - t);
            filter(machine.parameters(), t, steps, static_cast<int>(direction),
                   y + (path * batch.n_steps + t) * m, information.view(), state,
                   room.scratch.data(), room.log_prob.data());
            double sum = 0.0;
            for (std::int64_t i = 0; i < steps; ++i)
                sum += room.log_prob[static_cast<std::size_t>(i)];
            total += sum;
            if (out.per_step != nullptr) {
                std::copy_n(room.log_prob.data(), steps, out.per_step + path * batch.n_steps + t);
            }
            interruption_point(static_cast<double>(steps) * path_work);
        }
        if (out.total != nullptr) out.total[path] = total;
    };
    const auto make_room = [&] { return std::make_unique<Room>(machine, block); };
    for_each_group(step_work(machine), 1, batch, n_threads, poll, make_room, work, nothing_more);
}

}  // namespace entroprod
