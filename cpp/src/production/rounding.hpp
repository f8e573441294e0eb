// Estimates of the rounding error of entropy production in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "numbers/large_products.hpp"
#include "production/recursion.hpp"

namespace entroprod {

// Trace of Pi after n_steps steps, or of its limit: Pi_{2k} = Pi_k + A^k Pi_k (A^k)^T by the binary
// digits of n_steps, and one plain step where a digit is 1.
class CovarianceTrace {
public:
    explicit CovarianceTrace(const WhitenedMachine<double>& machine)
        : machine_(machine),
          n_(machine.n_states),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          sum_(machine.noise, machine.noise + size_),
          power_(machine.transition, machine.transition + size_),
          product_(size_),
          transposed_(size_),
          added_(size_) {}

    double after(std::int64_t n_steps) {
        int digit = 62;
        while (digit > 0 && (n_steps >> digit) == 0) --digit;
        while (--digit >= 0 && !doubled()) {
            if ((n_steps >> digit) & 1) stepped();
        }
        double trace = 0.0;
        for (int i = 0; i < n_; ++i) trace += sum_[static_cast<std::size_t>(i) * (n_ + 1)];
        return trace;
    }

private:
    // True where that has changed little: then more steps wouldn't change the estimate.
    bool doubled() {
        image_plus(power_.data(), sum_.data());
        const bool settled = largest(added_.data(), size_) <= 1e-3 * largest(sum_.data(), size_);
        multiply(n_, n_, n_, power_.data(), power_.data(), product_.data());
        power_.swap(product_);
        return settled;
    }

    void stepped() {
        image_plus(machine_.transition, machine_.noise);
        multiply(n_, n_, n_, power_.data(), machine_.transition, product_.data());
        power_.swap(product_);
    }

    // sum -> first + a sum a^T
    void image_plus(const double* a, const double* first) {
        transpose(n_, n_, a, transposed_.data());
        multiply(n_, n_, n_, a, sum_.data(), product_.data());
        multiply(n_, n_, n_, product_.data(), transposed_.data(), added_.data());
        for (std::size_t i = 0; i < size_; ++i) sum_[i] = first[i] + added_[i];
    }

    WhitenedMachine<double> machine_;
    Extent<0> n_;
    std::size_t size_;
    std::vector<double> sum_, power_, product_, transposed_, added_;
};

// The same for a machine with bands, as the sum of squares of its responses, |A^k G|^2: O(n m) work
// a step. A memory that is still growing after many steps is taken to go on as it did last.
inline double covariance_trace_of_bands(const WhitenedMachine<double>& machine,
                                        std::int64_t n_steps) {
    constexpr std::int64_t most_steps = 1 << 16;
    const Extent<0> n(machine.n_states), m(machine.n_outputs);
    const std::size_t wide = static_cast<std::size_t>(n) * m;
    std::vector<double> response(machine.input, machine.input + wide), next(wide);
    std::vector<double> seen(static_cast<std::size_t>(m) * m);
    double trace = 0.0, at_half = 0.0;
    std::int64_t done = 0, half = 0;
    while (done < n_steps) {
        trace += inner_product(n * m, response.data(), response.data());
        ++done;
        if (done == 2 * half || half == 0) {
            const bool settled = trace - at_half <= 1e-3 * trace;
            if (settled || !std::isfinite(trace)) return trace;
            if (done >= most_steps) break;
            half = done;
            at_half = trace;
        }
        multiply(m, n, m, machine.emission(), response.data(), seen.data());
        multiply(n, m, m, machine.input, seen.data(), next.data());
        interruption_point(2.0 * static_cast<double>(wide) * (m + 1));
        for (int i = 0; i < n; ++i) {
            const int other = (i ^ 1) < n ? i ^ 1 : i;
            for (int j = 0; j < m; ++j) {
                next[i * m + j] += machine.bands.diagonal[i] * response[i * m + j] +
                                   machine.bands.partner[i] * response[other * m + j];
            }
        }
        response.swap(next);
    }
    if (done == n_steps) return trace;
    const double doublings = std::log2(static_cast<double>(n_steps) / static_cast<double>(done));
    return trace * std::pow(trace / at_half, doublings);
}

// Estimate of the rounding error of a sum of steps. A step's own error is a few roundoffs of its
// terms, more after a long memory; besides, X is a difference, and what it loses is amplified by
// the covariance of the memory that it multiplies.
class ErrorBound {
public:
    ErrorBound(const WhitenedMachine<double>& machine, double roundoff)
        : machine_(machine),
          roundoff_(roundoff),
          emission_squared_(
              inner_product(Extent<0>(machine.n_outputs) * Extent<0>(machine.n_states),
                            machine.emission(), machine.emission())) {}

    // sums: of the terms of n_steps. memory_length: over how many steps rounding errors pile up.
    template <class Real>
    void add(const StepTerms<Real>& sums, double n_steps, double memory_length) {
        const double parts_squared = sums.parts_squared + n_steps * emission_squared_;
        magnitude_ += sums.magnitude * (4.0 + memory_length);
        sensitivity_ += std::sqrt(sums.x_squared * parts_squared);
    }

    double nats(std::int64_t n_steps) const {
        double error = magnitude_;
        if (sensitivity_ > 0.0) {
            const double trace = machine_.bands.diagonal != nullptr
                                     ? covariance_trace_of_bands(machine_, n_steps)
                                     : CovarianceTrace(machine_).after(n_steps);
            error += 8.0 * sensitivity_ * trace;
        }
        // Nothing is known where the estimate itself overflows.
        return std::isfinite(error) ? roundoff_ * error : std::numeric_limits<double>::infinity();
    }

private:
    WhitenedMachine<double> machine_;
    double roundoff_;
    double emission_squared_;
    double magnitude_ = 0.0;
    double sensitivity_ = 0.0;
};

}  // namespace entroprod
