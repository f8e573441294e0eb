// Paths of linear-Gaussian machines whose parameters may change from step to step, read forwards or
// backwards: sampling, likelihood, and Monte Carlo for a pair of machines.
//
// Parameters are indexed by the time t of the observation that they read or emit, in both
// directions: a machine that reads y_T first begins with its parameters of time T.
#pragma once

#include <cstdint>
#include <vector>

#include "entroprod/steps.hpp"
#include "entroprod/trajectory.hpp"

namespace entroprod {

enum class Direction : int { forward = 1, backward = -1 };

class TimeVaryingMachine {
public:
    // Copies the matrices. Each S must be symmetric; throws std::invalid_argument if one isn't
    // positive definite, std::length_error if (n + m)^2 exceeds an int. With all strides 0 the
    // machine serves any number of steps.
    TimeVaryingMachine(const MachineSteps& steps, std::int64_t n_steps, const Poll& poll = nullptr);

    // Copies would point into the original.
    TimeVaryingMachine(const TimeVaryingMachine&) = delete;
    TimeVaryingMachine& operator=(const TimeVaryingMachine&) = delete;
    TimeVaryingMachine(TimeVaryingMachine&&) = default;
    TimeVaryingMachine& operator=(TimeVaryingMachine&&) = default;

    int n_states() const { return parameters_.machine.n_states; }
    int n_outputs() const { return parameters_.machine.n_outputs; }
    bool is_constant() const;
    // Views that live as long as the machine.
    const StepParameters& parameters() const { return parameters_; }

private:
    std::vector<double> state_, input_, output_, innovation_cov_, initial_mean_;
    std::vector<double> cholesky_, inverse_cholesky_, normalisation_;
    StepParameters parameters_;
};

// In all of these, batch.n_steps is at most the machine's. With the same key and path, a constant
// machine's samples are those of trajectory.hpp up to rounding.

// y (n_paths, n_steps, m).
void sample(const TimeVaryingMachine& machine, Batch batch, std::uint64_t key, int n_threads,
            const Poll& poll, double* y);

// log_prob (n_paths, n_steps): ln p(y_t | what has been read before y_t) in nats, in the order of
// time; total (n_paths,): their sums. Either may be nullptr.
struct LogDensities {
    double* per_step;
    double* total;
};
void log_prob(const TimeVaryingMachine& machine, Batch batch, const double* y, Direction direction,
              int n_threads, const Poll& poll, LogDensities out);

// sigma = ln P(y) - ln P_b(y), y drawn from `forward`, P_b the reading of `backward` from the end.
// sigma (n_paths,) is filled in unless it is nullptr.
SigmaMoments monte_carlo(const TimeVaryingMachine& forward, const TimeVaryingMachine& backward,
                         Batch batch, std::uint64_t key, int n_threads, const Poll& poll,
                         double* sigma);

// Bytes that monte_carlo needs: a group of whole paths for each thread, and moments of each task.
double pair_monte_carlo_memory(const TimeVaryingMachine& forward,
                               const TimeVaryingMachine& backward, Batch batch, int n_threads);

}  // namespace entroprod
