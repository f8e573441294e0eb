// Paths of a linear-Gaussian machine: sampling, likelihood, stochastic entropy production and its
// Monte Carlo average. Batches are (n_paths, n_steps, m), row-major.
//
// Random numbers are indexed by path and step, and sums run in a fixed order: results don't depend
// on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "entroprod/interruption.hpp"
#include "entroprod/linear_gaussian.hpp"

namespace entroprod {

struct Batch {
    std::int64_t n_paths;
    std::int64_t n_steps;
};

// y (n_paths, n_steps, m).
void sample(const LinearGaussian& machine, Batch batch, std::uint64_t key, int n_threads,
            const Poll& poll, double* y);

// log_prob (n_paths, n_steps): ln p(y_t | y_1 .. y_{t-1}) in nats.
void log_prob(const LinearGaussian& machine, Batch batch, const double* y, int n_threads,
              const Poll& poll, double* log_prob);

// forward, backward (n_paths,): ln P(y) and ln P_b(y reversed) in nats, [S26 eqs 7-13].
void log_prob_both_ways(const LinearGaussian& machine, Batch batch, const double* y, int n_threads,
                        const Poll& poll, double* forward, double* backward);

// Moments of sigma = ln P - ln P_b over sampled paths. Sums of weights w = e^-sigma are kept
// relative to their largest term: sum w = weight_sum e^log_scale, sum w^2 = square_sum
// e^(2 log_scale).
struct SigmaMoments {
    std::int64_t count = 0;
    double mean = 0.0;
    double sum_of_squares = 0.0;  // of deviations from the mean
    double minimum = 0.0;
    double maximum = 0.0;
    double log_scale = 0.0;
    double weight_sum = 0.0;
    double square_sum = 0.0;

    // The moments of both sets of paths together (Chan, Golub and LeVeque 1983).
    void merge(const SigmaMoments& other);
};
SigmaMoments moments_of(const double* sigma, std::int64_t count);

// sigma (n_paths,) is filled in unless it is nullptr.
SigmaMoments monte_carlo(const LinearGaussian& machine, Batch batch, std::uint64_t key,
                         int n_threads, const Poll& poll, double* sigma);

// Work is shared out in tasks of so many paths. It depends on nothing but the machine's size and
// the steps, so that results don't either.
std::int64_t paths_per_task(const LinearGaussian& machine, std::int64_t n_steps);

// Bytes of working memory of monte_carlo, besides the moments of each task; the other functions
// need a small constant amount.
std::size_t monte_carlo_memory(const LinearGaussian& machine, std::int64_t n_steps, int n_threads);

}  // namespace entroprod
