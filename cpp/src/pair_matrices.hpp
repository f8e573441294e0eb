// The parameters of one step of a pair as matrices, and how its backward innovation comes about.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "entroprod/matrix.hpp"
#include "pair_parameters.hpp"
#include "recursion.hpp"

namespace entroprod {

template <class Real>
struct Matrix {
    Matrix(int n_rows, int n_cols)
        : rows(n_rows),
          cols(n_cols),
          values(static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(n_cols), Real(0.0)) {}
    template <class Number>
    Matrix(int n_rows, int n_cols, const Number* from) : Matrix(n_rows, n_cols) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = Real(from[i]);
    }

    Real& operator()(int i, int j) { return values[static_cast<std::size_t>(i) * cols + j]; }
    const Real& operator()(int i, int j) const {
        return values[static_cast<std::size_t>(i) * cols + j];
    }
    const Real* data() const { return values.data(); }
    Real* data() { return values.data(); }
    std::size_t size() const { return values.size(); }

    Matrix& operator+=(const Matrix& other) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += other.values[i];
        return *this;
    }
    Matrix& operator-=(const Matrix& other) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] -= other.values[i];
        return *this;
    }

    int rows, cols;
    std::vector<Real> values;
};

template <class Real>
Matrix<Real> operator*(const Matrix<Real>& a, const Matrix<Real>& b) {
    Matrix<Real> result(a.rows, b.cols);
    production_kernels<Real>().multiply(a.rows, a.cols, b.cols, a.data(), b.data(), result.data());
    return result;
}

template <class Real>
Matrix<Real> operator+(Matrix<Real> a, const Matrix<Real>& b) {
    return a += b;
}

template <class Real>
Matrix<Real> operator-(Matrix<Real> a, const Matrix<Real>& b) {
    return a -= b;
}

template <class Real>
Matrix<Real> transposed(const Matrix<Real>& a) {
    Matrix<Real> result(a.cols, a.rows);
    transpose(Extent<0>(a.rows), Extent<0>(a.cols), a.data(), result.data());
    return result;
}

template <class Real>
Real inner(const Matrix<Real>& a, const Matrix<Real>& b) {
    return inner_product(Extent<0>(a.rows * a.cols), a.data(), b.data());
}

// The sum of the sizes of the terms of an inner product.
template <class Real>
double inner_size(const Matrix<Real>& a, const Matrix<Real>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        sum += std::abs(to_double(a.values[i]) * to_double(b.values[i]));
    }
    return sum;
}

template <class Real>
double norm(const Matrix<Real>& a) {
    return std::sqrt(inner_size(a, a));
}

template <class Real>
double trace(const Matrix<Real>& a) {
    double sum = 0.0;
    for (int i = 0; i < a.rows; ++i) sum += to_double(a(i, i));
    return sum;
}

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
