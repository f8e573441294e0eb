// One step of the recursions of a pair of machines, and of the retrospective decomposition, for any
// kind of number. Symbols as in PairStep and PairState; e^B is the backward
// innovation, h the forward memory at the step's time t, and Gamma, Omega, Lambda, offset what the
// backward reader has after reading the observations behind t.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "formulas/matrix.hpp"
#include "formulas/triangular.hpp"

namespace entroprod {

// One step of a pair of machines, the one that generates and the one that reads backwards, in units
// in which the backward machine's innovations are N(0, I):
//   y = C h + D e, h -> A h + G e with e ~ N(0, I), and h -> F h + .. given y;  g -> F^b g + G^b y.
template <class Real>
struct PairStep {
    const Real* transition;         // A        (n, n)
    const Real* transition_t;       // A^T      (n, n)
    const Real* input;              // G        (n, m)
    const Real* emission;           // C        (m, n)
    const Real* noise;              // D        (m, m), lower triangular
    const Real* filter;             // F        (n, n)
    const Real* filter_t;           // F^T      (n, n)
    const Real* whitened_emission;  // D^-1 C   (m, n)
    const Real* back_filter;        // F^b      (b, b)
    const Real* back_filter_t;      // (F^b)^T  (b, b)
    const Real* back_input;         // G^b      (b, m)
    const Real* back_emission;      // C^b      (m, b)
    Real log_det_ratio;             // ln det S^b - ln det S
};

// What the backward reader knows: g = Gamma h + offset + a rest of covariance Omega, and the
// information Lambda that the observations it has read hold about h.
template <class Real>
struct PairState {
    Real* gamma;   // (b, n)
    Real* omega;   // (b, b)
    Real* lambda;  // (n, n); nullptr: no decomposition
    Real* offset;  // (b,)
};

template <class Real>
struct PairTerms {
    Real production;        // twice the nats of per_step
    Real retrospective;     // twice D_t
    Real compression_loss;  // twice L_t
    double magnitude;       // sum of the sizes of what is added up for production
    double sensitivity;     // how much the rounding of X changes it, in units of roundoff
    int rank;
    // Part of its variance that the last direction of the memory that counts has left, over what
    // doesn't count.
    double clearance;
};

// n and b are the state sizes of the two machines, m the size of an observation.
struct PairSizes {
    int n, b, m;
};

inline namespace ENTROPROD_ISA {

constexpr std::size_t pair_scratch_size(int n_states, int back_states, int n_outputs) {
    const auto n = static_cast<std::size_t>(n_states);
    const auto b = static_cast<std::size_t>(back_states);
    const auto m = static_cast<std::size_t>(n_outputs);
    const std::size_t largest = n > b ? (n > m ? n : m) : (b > m ? b : m);
    return 2 * b * n + 2 * b * m + 5 * m * n + 4 * m * m + 3 * m * b + 2 * n * m + 4 * n * n +
           b * b + 2 * b + m + 2 * largest * largest;
}

// The parts of a block of scratch memory.
template <class Real>
struct PairScratch {
    Real* gamma_a;      // Gamma A                                (b, n)
    Real* gamma_a_pi;   // Gamma A Pi                             (b, n)
    Real* gamma_g;      // Gamma G                                (b, m)
    Real* n_noise;      // N, by which e enters g                 (b, m)
    Real* x;            // how e^B depends on h                   (m, n)
    Real* x_pi;         //                                        (m, n)
    Real* posterior;    // how y depends on h, given the future   (m, n)
    Real* pulled;       // U^-T G^T Lambda A, Q = U^T U           (m, n)
    Real* residual;     // how y - W g depends on h               (m, n)
    Real* y;            // how e^B depends on e                   (m, m)
    Real* precision;    // Q of e, given h and the future; its U  (m, m)
    Real* noise;        // D U^-1                                 (m, m)
    Real* covariance;   // V, V^g                                 (m, m)
    Real* weights;      // W                                      (m, b)
    Real* rest;         // W Omega, or C^b Omega                  (m, b)
    Real* cross;        // Cov(y, g)                              (m, b)
    Real* lambda_g;     // Lambda G                               (n, m)
    Real* lambda_g_t;   // its transpose                          (m, n)
    Real* lambda_a;     // Lambda A                               (n, n)
    Real* information;  // what the future says about h           (n, n)
    Real* root;         // of Pi = U^T U                          (n, n)
    Real* inner;        // I + U information U^T                  (n, n)
    Real* memory;       // Cov(g)                                 (b, b)
    Real* ordered;      //                                        (b,)
    Real* variances;    //                                        (b,)
    Real* mean;         // of e^B                                 (m,)
    Real* product;      // anything                               (largest, largest)
    Real* transposed;   // anything                               (largest, largest)

    PairScratch(Real* data, int n, int b, int m) {
        const auto take = [&data](int rows, int cols) {
            Real* part = data;
            data += static_cast<std::ptrdiff_t>(rows) * cols;
            return part;
        };
        gamma_a = take(b, n), gamma_a_pi = take(b, n), gamma_g = take(b, m), n_noise = take(b, m);
        x = take(m, n), x_pi = take(m, n), posterior = take(m, n), pulled = take(m, n);
        residual = take(m, n);
        y = take(m, m), precision = take(m, m), noise = take(m, m), covariance = take(m, m);
        weights = take(m, b), rest = take(m, b), cross = take(m, b);
        lambda_g = take(n, m), lambda_g_t = take(n, m), lambda_a = take(n, n);
        information = take(n, n), root = take(n, n), inner = take(n, n), memory = take(b, b);
        ordered = take(1, b), variances = take(1, b), mean = take(1, m);
        const int largest = n > b ? (n > m ? n : m) : (b > m ? b : m);
        product = take(largest, largest), transposed = take(largest, largest);
    }
};

// out = a b^T, or += : (rows, inner) (cols, inner) -> (rows, cols); transposed is scratch.
template <bool accumulate, class Real, int R, int K, int N>
ENTROPROD_INLINE void multiply_transposed(Extent<R> rows, Extent<K> inner, Extent<N> cols,
                                          const Real* a, const Real* b, Real* out,
                                          Real* transposed) {
    transpose(cols, inner, b, transposed);
    multiply_into<accumulate>(rows, inner, cols, a, transposed, out);
}

template <class Real, int N>
ENTROPROD_INLINE Real squared_norm(Extent<N> size, const Real* a) {
    return inner_product(size, a, a);
}

// V += x a x^T + r r^T for x (m, n) and a symmetric (n, n); x_a = x a is kept.
template <class Real, int N, int M>
ENTROPROD_INLINE void add_quadratic(Extent<N> n, Extent<M> m, const Real* x, const Real* a,
                                    Real* x_a, Real* out, Real* transposed) {
    multiply(m, n, n, x, a, x_a);
    multiply_transposed<true>(m, n, m, x_a, x, out, transposed);
}

// Twice the nats of production, with the sizes that a bound of its rounding error needs; X, Y and
// the mean of e^B.
template <class Real, int N, int B, int M>
ENTROPROD_INLINE Real innovation_terms(Extent<N> n, Extent<B> b, Extent<M> m,
                                       const PairStep<Real>& step, const PairState<Real>& state,
                                       const Real* pi, const Real* mean, const PairScratch<Real>& s,
                                       PairTerms<Real>& terms) {
    multiply(b, n, n, state.gamma, step.transition, s.gamma_a);
    multiply(b, n, m, state.gamma, step.input, s.gamma_g);
    multiply(m, b, n, step.back_emission, s.gamma_a, s.x);
    const double parts =
        to_double(squared_norm(m * n, s.x)) + to_double(squared_norm(m * n, step.emission));
    for (int i = 0; i < m * n; ++i) s.x[i] = step.emission[i] - s.x[i];
    multiply(m, b, m, step.back_emission, s.gamma_g, s.y);
    for (int i = 0; i < m * m; ++i) s.y[i] = step.noise[i] - s.y[i];
    multiply(m, n, n, s.x, pi, s.x_pi);
    multiply(m, b, b, step.back_emission, state.omega, s.rest);
    multiply(m, n, Extent<1>(1), s.x, mean, s.mean);
    for (int i = 0; i < m; ++i) {
        s.mean[i] -= inner_product(b, step.back_emission + i * b, state.offset);
    }
    const Real spread = inner_product(m * n, s.x_pi, s.x) + squared_norm(m * m, s.y) +
                        inner_product(m * b, s.rest, step.back_emission) + squared_norm(m, s.mean);
    Real trace(0.0);
    for (int i = 0; i < n; ++i) trace += pi[i * n + i];
    terms.magnitude =
        to_double(spread) + static_cast<double>(m) + std::abs(to_double(step.log_det_ratio));
    terms.sensitivity = std::sqrt(to_double(squared_norm(m * n, s.x)) * parts) * to_double(trace);
    terms.production = spread - Real(static_cast<double>(m)) + step.log_det_ratio;
    return spread;
}

// ln det V, V = Cov(y | all observations behind): the posterior of (h, e) by the information
// Lambda, in the order e given h, then h; sums of positive terms only.
template <class Real, int N, int M>
ENTROPROD_INLINE Real log_det_given_future(Extent<N> n, Extent<M> m, const PairStep<Real>& step,
                                           const Real* lambda, const Real* pi,
                                           const PairScratch<Real>& s) {
    multiply(n, n, m, lambda, step.input, s.lambda_g);
    multiply(n, n, n, lambda, step.transition, s.lambda_a);
    transpose(n, m, s.lambda_g, s.lambda_g_t);
    transpose(n, m, step.input, s.transposed);
    multiply(m, n, m, s.transposed, s.lambda_g, s.precision);
    for (int i = 0; i < m; ++i) s.precision[i * m + i] += Real(1.0);
    factor_definite(m, s.precision);

    // pulled = U^-T (G^T Lambda A): row by row from the top.
    multiply(m, n, n, s.lambda_g_t, step.transition, s.pulled);
    for (int i = 0; i < m; ++i) {
        Real* row = s.pulled + i * n;
        for (int k = 0; k < i; ++k) {
            const Real factor = s.precision[k * m + i];
            for (int j = 0; j < n; ++j) row[j] -= factor * s.pulled[k * n + j];
        }
        const Real inverse = s.precision[i * m + i];
        for (int j = 0; j < n; ++j) row[j] *= inverse;
    }
    multiply(n, n, n, step.transition_t, s.lambda_a, s.information);
    for (int i = 0; i < n * n; ++i) s.inner[i] = Real(0.0);
    add_gram(m, n, s.pulled, s.inner);
    for (int i = 0; i < n * n; ++i) s.information[i] -= s.inner[i];

    for (int i = 0; i < m * m; ++i) s.noise[i] = step.noise[i];
    solve_from_right(m, m, m, s.precision, s.noise);
    multiply(m, m, n, s.noise, s.pulled, s.posterior);
    for (int i = 0; i < m * n; ++i) s.posterior[i] = step.emission[i] - s.posterior[i];

    factor_semidefinite(n, pi, s.product, s.root);
    multiply(n, n, n, s.root, s.information, s.product);
    multiply_transposed<false>(n, n, n, s.product, s.root, s.inner, s.transposed);
    for (int i = 0; i < n; ++i) s.inner[i * n + i] += Real(1.0);
    factor_definite(n, s.inner);
    multiply_transposed<false>(m, n, n, s.posterior, s.root, s.product, s.transposed);
    solve_from_right(m, n, n, s.inner, s.product);

    multiply_transposed<false>(m, n, m, s.product, s.product, s.covariance, s.transposed);
    multiply_transposed<true>(m, m, m, s.noise, s.noise, s.covariance, s.transposed);
    return factor_definite(m, s.covariance);
}

// W, the regression of y on the backward memory g, from Cov(g) by its directions that count.
// Returns the number of those.
template <class Real, int N, int B, int M>
ENTROPROD_INLINE int regress_on_memory(Extent<N> n, Extent<B> b, Extent<M> m,
                                       const PairStep<Real>& step, const PairState<Real>& state,
                                       const Real* pi, int* order, const PairScratch<Real>& s) {
    multiply(b, n, n, s.gamma_a, pi, s.gamma_a_pi);
    for (int i = 0; i < b * b; ++i) s.memory[i] = state.omega[i];
    multiply_transposed<true>(b, n, b, s.gamma_a_pi, s.gamma_a, s.memory, s.transposed);
    multiply_transposed<true>(b, m, b, s.gamma_g, s.gamma_g, s.memory, s.transposed);
    multiply_transposed<false>(m, n, b, step.emission, s.gamma_a_pi, s.cross, s.transposed);
    multiply_transposed<true>(m, m, b, step.noise, s.gamma_g, s.cross, s.transposed);

    const int rank = factor_pivoted(b, s.memory, order, s.variances);
    for (int r = 0; r < m; ++r) {
        Real* row = s.weights + r * b;
        for (int i = 0; i < b; ++i) s.ordered[i] = s.cross[r * b + order[i]];
        solve_from_right(Extent<1>(1), b, rank, s.memory, s.ordered);
        solve_transposed_from_right(Extent<1>(1), b, rank, s.memory, s.ordered);
        for (int i = 0; i < b; ++i) row[order[i]] = i < rank ? s.ordered[i] : Real(0.0);
    }
    return rank;
}

// D and L of the step; M is their difference. V^g = Cov(y - W g) is a sum of positive terms, which
// an error of W changes in second order only.
template <class Real, int N, int B, int M>
ENTROPROD_INLINE void decompose_step(Extent<N> n, Extent<B> b, Extent<M> m,
                                     const PairStep<Real>& step, const PairState<Real>& state,
                                     const Real* pi, Real spread, int* order,
                                     const PairScratch<Real>& s, PairTerms<Real>& terms) {
    const Real by_future = log_det_given_future(n, m, step, state.lambda, pi, s);
    terms.rank = regress_on_memory(n, b, m, step, state, pi, order, s);
    double least = 1.0;
    for (int i = 0; i < terms.rank; ++i) {
        const double inverse = to_double(s.memory[i * b + i]);
        least = std::min(least, 1.0 / (inverse * inverse * to_double(s.variances[i])));
    }
    terms.clearance = least / rank_threshold<Real>(b);

    multiply(m, b, n, s.weights, s.gamma_a, s.residual);
    for (int i = 0; i < m * n; ++i) s.residual[i] = step.emission[i] - s.residual[i];
    multiply(m, b, m, s.weights, s.gamma_g, s.noise);
    for (int i = 0; i < m * m; ++i) s.noise[i] = step.noise[i] - s.noise[i];
    multiply_transposed<false>(m, m, m, s.noise, s.noise, s.covariance, s.transposed);
    add_quadratic(n, m, s.residual, pi, s.posterior, s.covariance, s.transposed);
    add_quadratic(b, m, s.weights, state.omega, s.rest, s.covariance, s.transposed);
    const Real by_memory = factor_definite(m, s.covariance);
    terms.retrospective = spread - Real(static_cast<double>(m)) - by_future;
    terms.compression_loss = by_memory - by_future;
}

// Gamma, Omega, Lambda and the offset take in the step's observation.
template <class Real, int N, int B, int M>
ENTROPROD_INLINE void absorb_step(Extent<N> n, Extent<B> b, Extent<M> m, const PairStep<Real>& step,
                                  const PairState<Real>& state, const PairScratch<Real>& s) {
    multiply(b, b, n, step.back_filter, s.gamma_a, state.gamma);
    multiply_into<true>(b, m, n, step.back_input, step.emission, state.gamma);
    multiply(b, b, m, step.back_filter, s.gamma_g, s.n_noise);
    multiply_into<true>(b, m, m, step.back_input, step.noise, s.n_noise);
    multiply(b, b, b, step.back_filter, state.omega, s.product);
    multiply(b, b, b, s.product, step.back_filter_t, state.omega);
    multiply_transposed<true>(b, m, b, s.n_noise, s.n_noise, state.omega, s.transposed);
    for (int i = 0; i < b; ++i) {
        s.product[i] = inner_product(b, step.back_filter + i * b, state.offset);
    }
    for (int i = 0; i < b; ++i) state.offset[i] = s.product[i];
    if (state.lambda == nullptr) return;
    multiply(n, n, n, step.filter_t, state.lambda, s.product);
    multiply(n, n, n, s.product, step.filter, state.lambda);
    add_gram(m, n, step.whitened_emission, state.lambda);
}

template <class Real, int N, int B, int M>
ENTROPROD_INLINE void advance_pair_with(Extent<N> n, Extent<B> b, Extent<M> m,
                                        const PairStep<Real>& step, const PairState<Real>& state,
                                        const Real* pi, const Real* mean, Real* scratch, int* order,
                                        PairTerms<Real>& terms) {
    const PairScratch<Real> parts(scratch, n, b, m);
    const Real spread = innovation_terms(n, b, m, step, state, pi, mean, parts, terms);
    if (state.lambda != nullptr) {
        decompose_step(n, b, m, step, state, pi, spread, order, parts, terms);
    }
    absorb_step(n, b, m, step, state, parts);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
