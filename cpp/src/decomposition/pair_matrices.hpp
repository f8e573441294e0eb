// The parameters of one step of a pair as matrices, and how its backward innovation comes about.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "decomposition/pair_parameters.hpp"
#include "numbers/matrix.hpp"
#include "production/recursion.hpp"

namespace entroprod {

// Of what changed since, relative to what is now; what is now takes its place.
template <class Real>
double change_since(Matrix<Real>& before, const Matrix<Real>& now) {
    const double scale = largest(now.data(), now.size());
    const double moved = largest_difference(now.data(), before.data(), now.size());
    before = now;
    return scale > 0.0 ? moved / scale : 0.0;
}

// Symbols as in PairStep, in units of the backward innovations.
template <class Real>
struct StepMatricesOfPair {
    StepMatricesOfPair(const PairStep<Real>& step, const PairSizes& sizes)
        : transition(sizes.n, sizes.n, step.transition),
          transition_t(sizes.n, sizes.n, step.transition_t),
          input(sizes.n, sizes.m, step.input),
          input_t(transposed(input)),
          emission(sizes.m, sizes.n, step.emission),
          noise(sizes.m, sizes.m, step.noise),
          back_filter(sizes.b, sizes.b, step.back_filter),
          back_filter_t(sizes.b, sizes.b, step.back_filter_t),
          back_input(sizes.b, sizes.m, step.back_input),
          back_emission(sizes.m, sizes.b, step.back_emission),
          log_det_ratio(step.log_det_ratio) {}

    Matrix<Real> transition, transition_t, input, input_t, emission, noise;
    Matrix<Real> back_filter, back_filter_t, back_input, back_emission;
    Real log_det_ratio;
};

// The parameters, made anew only where they change.
template <class Real>
class PairMatrices {
public:
    PairMatrices(const MachineSteps& forward, const MachineSteps& backward)
        : parameters_(forward, backward) {}

    PairParameters<Real>& parameters() { return parameters_; }
    const PairSizes& sizes() const { return parameters_.sizes(); }
    bool constant() const { return parameters_.constant(); }
    const PairStep<Real>& step(std::int64_t t) { return parameters_.at(t); }

    const StepMatricesOfPair<Real>& at(std::int64_t t) {
        if (made_.empty() || (t != made_at_ && !constant())) {
            made_.clear();
            made_.emplace_back(parameters_.at(t), sizes());
            made_at_ = t;
        }
        return made_.front();
    }

private:
    PairParameters<Real> parameters_;
    std::vector<StepMatricesOfPair<Real>> made_;
    std::int64_t made_at_ = -1;
};

// With the backward memory Gamma h' + rest at the time after the step: e^B = X h + Y e - C^b rest,
// and the memory at the step's time is next_gamma h + driven e + F^b rest.
template <class Real>
struct Reading {
    Reading(const StepMatricesOfPair<Real>& step, const Matrix<Real>& gamma)
        : x(step.emission),
          y(step.noise),
          driven(step.back_input * step.noise),
          next_gamma(step.back_input * step.emission) {
        const Matrix<Real> of_memory = gamma * step.transition;
        const Matrix<Real> of_noise = gamma * step.input;
        const Matrix<Real> predicted = step.back_emission * of_memory;
        parts = norm(step.emission) + norm(predicted);
        x -= predicted;
        y -= step.back_emission * of_noise;
        driven += step.back_filter * of_noise;
        next_gamma += step.back_filter * of_memory;
    }

    Matrix<Real> x, y;        // X (m, n), Y (m, m)
    Matrix<Real> driven;      // N = F^b Gamma G + G^b D  (b, m)
    Matrix<Real> next_gamma;  // F^b Gamma A + G^b C      (b, n)
    double parts;             // the sizes of what X is the difference of
};

// Omega one step further back.
template <class Real>
Matrix<Real> next_omega(const StepMatricesOfPair<Real>& step, const Reading<Real>& reading,
                        const Matrix<Real>& omega) {
    return reading.driven * transposed(reading.driven) +
           step.back_filter * omega * step.back_filter_t;
}

template <class Real>
double pair_work(const PairSizes& sizes) {
    return 4.0 * work_per_step<Real>(std::max(sizes.n, sizes.b), sizes.m);
}

}  // namespace entroprod
