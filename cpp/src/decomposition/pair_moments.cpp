// Symbols as in PairStep; X, Y, N, Gamma and Omega as in Reading. h is the forward memory, g that
// of the backward machine, g_0 where the latter starts.
#include "entroprod/pair_moments.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "decomposition/error_memory.hpp"
#include "decomposition/forward_pair.hpp"
#include "decomposition/pair_matrices.hpp"
#include "production/geometric_sum.hpp"
#include "production/precision.hpp"
#include "production/recursion.hpp"
#include "runtime/work.hpp"

namespace entroprod {
namespace {

bool all_zero(const double* values, int size) {
    return std::all_of(values, values + size, [](double value) { return value == 0.0; });
}

// Twice the entropy production, and its error in roundoffs.
struct Twice {
    Extended value;
    double error;
};

// S(t) of machines that change. In terms of where the reader starts, the sum of the squares of its
// innovations at the times 1 .. t is
//   g_0^T Lambda g_0 - 2 l^T g_0 + c,
// where l and c are a linear and a quadratic form of the observations. One more observation y,
// which it reads first, takes g_0 to F g_0 + G y and adds |y - C g_0|^2 (F, G, C of the reader):
//   c -> c + y^T (I + G^T Lambda G) y - 2 l^T G y,   l -> F^T l + (C^T - F^T Lambda G) y,
//   Lambda -> C^T C + F^T Lambda F.
// Their expectations need those of h h^T, h and l h^T, which go on by the forward machine.
template <class Real>
class ChangingCurve {
public:
    ChangingCurve(PairMatrices<Real>& pair, const double* forward_mean, const double* back_mean)
        : pair_(pair),
          start_(pair.sizes().b, 1, back_mean),
          mean_(pair.sizes().n, 1, forward_mean),
          moment_(mean_ * transposed(mean_)),
          cross_(pair.sizes().b, pair.sizes().n),
          information_(pair.sizes().b, pair.sizes().b),
          linear_(pair.sizes().b, 1),
          memory_(pair.sizes()) {}

    Twice advance(std::int64_t t) {
        const StepMatricesOfPair<Real>& step = pair_.at(t);
        memory_.pass(pair_.step(t));
        const Matrix<Real> seen = step.emission * moment_;
        const Matrix<Real> noise_t = transposed(step.noise);
        const Matrix<Real> square = seen * transposed(step.emission) + step.noise * noise_t;
        const Matrix<Real> onward = seen * step.transition_t + step.noise * step.input_t;
        const Matrix<Real> informed = information_ * step.back_input;
        Matrix<Real> judged = transposed(step.back_input) * informed;
        for (int i = 0; i < judged.rows; ++i) judged(i, i) += Real(1.0);
        const Matrix<Real> lost = step.back_filter_t * informed;
        const Matrix<Real> emission_t = transposed(step.back_emission);
        const Matrix<Real> pulled = emission_t - lost;
        const Matrix<Real> expected = cross_ * transposed(step.emission);

        const int m = pair_.sizes().m;
        total_ += Extended(inner(judged, square)) -
                  Extended(2.0) * Extended(inner(step.back_input, expected)) +
                  Extended(step.log_det_ratio) - Extended(static_cast<double>(m));
        const double magnitude = inner_size(judged, square) +
                                 2.0 * inner_size(step.back_input, expected) + m +
                                 std::abs(to_double(step.log_det_ratio));
        // What l h^T has lost, as the next y sees it.
        const double in_cross = norm(cross_) + (norm(emission_t) + norm(lost)) * norm(onward);
        const double reach = 2.0 * norm(step.back_input) * norm(step.emission);
        error_ +=
            magnitude * (4.0 + memory_.length()) + reach * in_cross * (1.0 + memory_.length());

        linear_ = step.back_filter_t * linear_ + pulled * (step.emission * mean_);
        cross_ = step.back_filter_t * cross_ * step.transition_t + pulled * onward;
        information_ =
            emission_t * step.back_emission + step.back_filter_t * information_ * step.back_filter;
        moment_ = step.transition * moment_ * step.transition_t + step.input * step.input_t;
        mean_ = step.transition * mean_;
        return with_start();
    }

    bool repeats() { return false; }

private:
    Twice with_start() const {
        const Matrix<Real> informed = information_ * start_;
        const double size = inner_size(start_, informed) + 2.0 * inner_size(start_, linear_);
        return {total_ + Extended(inner(start_, informed)) -
                    Extended(2.0) * Extended(inner(start_, linear_)),
                error_ + size * (4.0 + memory_.length())};
    }

    PairMatrices<Real>& pair_;
    Matrix<Real> start_, mean_;
    Matrix<Real> moment_;       // E[h h^T]
    Matrix<Real> cross_;        // E[l h^T]
    Matrix<Real> information_;  // Lambda
    Matrix<Real> linear_;       // E[l]
    ErrorMemory<Real> memory_;
    Extended total_;
    double error_ = 0.0;
};

// S(t) of constant machines: the dual recursion. With W_k = X_k^T X_k after k observations read,
// E -> A^T E A + W, each length adds <G G^T, E> + |Y|^2 + tr(C^b Omega C^bT), sums of squares. The
// initial means add sum_k |X_k A^(t-1-k) h_1 - C^b (F^b)^k g_0|^2.
template <class Real>
class ConstantCurve {
public:
    ConstantCurve(PairMatrices<Real>& pair, const double* forward_mean, const double* back_mean)
        : step_(pair.at(0)),
          first_(pair.step(0)),
          n_(pair.sizes().n),
          m_(pair.sizes().m),
          without_means_(all_zero(forward_mean, n_) && all_zero(back_mean, pair.sizes().b)),
          start_(n_, 1, forward_mean),
          offset_(pair.sizes().b, 1, back_mean),
          pulled_(n_, 1),
          gamma_(pair.sizes().b, n_),
          omega_(pair.sizes().b, pair.sizes().b),
          dual_(n_, n_),
          covariance_(n_, n_),
          before_{gamma_, omega_, dual_},
          memory_(pair.sizes()),
          converged_(unit_roundoff<Real>, std::max(n_, pair.sizes().b)) {}

    Twice advance(std::int64_t t) {
        if (!repeats_) {
            step();
            memory_.pass(first_);
            if (without_means_ && (t + 1) % block_steps == 0) {
                repeats_ = converged_(
                    std::max({change_since(before_[0], gamma_), change_since(before_[1], omega_),
                              change_since(before_[2], dual_)}));
            }
        }
        total_ += added_;
        error_ += magnitude_ * (4.0 + memory_.length());
        lost_ += lost_in_step_;
        const double of_difference =
            8.0 * lost_ * (trace(covariance_) + inner_size(start_, start_));
        if (without_means_) return {total_, error_ + of_difference};
        const Matrix<Real> carried = dual_ * start_;
        const double size =
            inner_size(start_, carried) + 2.0 * inner_size(start_, pulled_) + to_double(offsets_);
        return {total_ + Extended(inner(start_, carried)) -
                    Extended(2.0) * Extended(inner(start_, pulled_)) + offsets_,
                error_ + of_difference + size * (4.0 + memory_.length())};
    }

    // Whether all further steps add the same.
    bool repeats() const { return repeats_; }

private:
    void step() {
        const Reading<Real> reading(step_, gamma_);
        const Matrix<Real> dragged = dual_ * step_.input;
        const Matrix<Real> read = step_.back_emission * omega_;
        const Real squares = inner(step_.input, dragged) + inner(reading.y, reading.y) +
                             inner(read, step_.back_emission);
        added_ =
            Extended(squares) + Extended(step_.log_det_ratio) - Extended(static_cast<double>(m_));
        magnitude_ = to_double(squares) + m_ + std::abs(to_double(step_.log_det_ratio));
        lost_in_step_ = norm(reading.x) * reading.parts;
        const Matrix<Real> x_t = transposed(reading.x);
        if (!without_means_) {
            const Matrix<Real> predicted = step_.back_emission * offset_;
            pulled_ = step_.transition_t * pulled_ + x_t * predicted;
            offsets_ += Extended(inner(predicted, predicted));
            offset_ = step_.back_filter * offset_;
        }
        dual_ = step_.transition_t * dual_ * step_.transition + x_t * reading.x;
        omega_ = next_omega(step_, reading, omega_);
        gamma_ = reading.next_gamma;
        covariance_ =
            step_.transition * covariance_ * step_.transition_t + step_.input * step_.input_t;
    }

    const StepMatricesOfPair<Real>& step_;
    const PairStep<Real>& first_;
    int n_, m_;
    bool without_means_;
    Matrix<Real> start_, offset_;
    Matrix<Real> pulled_;  // sum_k (A^T)^(t-1-k) X_k^T C^b (F^b)^k g_0
    Matrix<Real> gamma_, omega_, dual_, covariance_;
    Matrix<Real> before_[3];
    ErrorMemory<Real> memory_;
    ConvergenceTest converged_;
    bool repeats_ = false;
    Extended total_, added_, offsets_;
    double magnitude_ = 0.0, error_ = 0.0, lost_in_step_ = 0.0, lost_ = 0.0;
};

template <class Real, class Curve>
ProductionValue fill_curve(PairMatrices<Real>& pair, Curve curve, std::int64_t n_steps,
                           const Poll& poll, double* values, double* rounding_errors) {
    PollWatch watch(poll);
    const double work = pair_work<Real>(pair.sizes());
    for (std::int64_t t = 0; t < n_steps; ++t) {
        const Twice twice = curve.advance(t);
        if (!std::isfinite(twice.value.high)) throw Overflow(t + 1);
        // A divergence below 0 can only be rounding.
        values[t] = std::max(half(twice.value).high, 0.0);
        const double error = 0.5 * unit_roundoff<Real> * twice.error;
        // The value itself is rounded to a double.
        rounding_errors[t] = std::isfinite(error) ? error + unit_roundoff<double> * values[t]
                                                  : std::numeric_limits<double>::infinity();
        interruption_point(curve.repeats() ? 1.0 : work);
        watch.done(t + 1);
    }
    return {values[n_steps - 1], rounding_errors[n_steps - 1], std::is_same_v<Real, Extended>};
}

template <class Real>
ProductionValue run_curve(const MachineSteps& forward, const MachineSteps& backward,
                          std::int64_t n_steps, const Poll& poll, double* values,
                          double* rounding_errors) {
    PairMatrices<Real> pair(forward, backward);
    const double *mean = forward.initial_mean, *back_mean = backward.initial_mean;
    if (pair.constant()) {
        return fill_curve<Real>(pair, ConstantCurve<Real>(pair, mean, back_mean), n_steps, poll,
                                values, rounding_errors);
    }
    return fill_curve<Real>(pair, ChangingCurve<Real>(pair, mean, back_mean), n_steps, poll, values,
                            rounding_errors);
}

// sum_j left^j first right^j, whatever the shape of first.
template <class Real>
Matrix<Real> geometric_sum(const Matrix<Real>& left, const Matrix<Real>& first,
                           const Matrix<Real>& right, double& n_terms) {
    const int size = std::max(left.rows, right.rows);
    const auto padded = [size](const Matrix<Real>& matrix) {
        Matrix<Real> result(size, size);
        for (int i = 0; i < matrix.rows; ++i) {
            for (int j = 0; j < matrix.cols; ++j) result(i, j) = matrix(i, j);
        }
        return result;
    };
    const Matrix<Real> a = padded(left), b = padded(right), c = padded(first);
    const GeometricSum<Real> sum(size, a.data(), b.data(), c.data());
    n_terms = std::max(n_terms, sum.n_terms());
    Matrix<Real> result(first.rows, first.cols);
    for (int i = 0; i < result.rows; ++i) {
        for (int j = 0; j < result.cols; ++j) {
            result(i, j) = sum.sum()[static_cast<std::size_t>(i) * size + j];
        }
    }
    return result;
}

template <class Real>
ProductionValue run_rate(const MachineSteps& forward, const MachineSteps& backward,
                         const Poll& poll) {
    const PollWatch watch(poll);
    PairMatrices<Real> pair(forward, backward);
    const StepMatricesOfPair<Real>& step = pair.at(0);
    double n_terms = 1.0;
    const Matrix<Real> gamma =
        geometric_sum(step.back_filter, step.back_input * step.emission, step.transition, n_terms);
    const Matrix<Real> covariance =
        geometric_sum(step.transition, step.input * step.input_t, step.transition_t, n_terms);
    const Reading<Real> reading(step, gamma);
    const Matrix<Real> omega = geometric_sum(
        step.back_filter, reading.driven * transposed(reading.driven), step.back_filter_t, n_terms);

    const double m = pair.sizes().m;
    const Real squares = inner(reading.x * covariance, reading.x) + inner(reading.y, reading.y) +
                         inner(step.back_emission * omega, step.back_emission);
    const Extended twice = Extended(squares) + Extended(step.log_det_ratio) - Extended(m);
    if (!std::isfinite(twice.high)) throw Overflow(static_cast<std::int64_t>(n_terms));
    const double magnitude = to_double(squares) + m + std::abs(to_double(step.log_det_ratio));
    const double error = magnitude * (4.0 + n_terms / block_steps) +
                         8.0 * norm(reading.x) * reading.parts * trace(covariance);
    const double value = std::max(half(twice).high, 0.0);
    return {value, 0.5 * unit_roundoff<Real> * error + unit_roundoff<double> * value,
            std::is_same_v<Real, Extended>};
}

// What one step adds to twice the variance, and its error in roundoffs.
struct VarianceTerms {
    Extended twice;
    double magnitude, lost;
};

// Of sigma = 1/2 (|e^B|^2 - |e|^2) + const with e^B of covariance R R^T and mean beta,
//   Var sigma = 1/2 |R R^T - I|^2 + beta^T R R^T beta,
// a sum over pairs of times s < t. Cov(e^B_s, e^B_t) = rho_{s,t} B_t with
//   rho_{s,s+1} = [X_s Pi_s A^T + Y_s G^T, C^b],  rho_{s,t+1} = rho_{s,t} T_t,
//   B_t = [X_t^T; F^b Omega C^bT - N Y^T],  T_t = [[A^T, 0], [-N G^T, F^b]],
// so Z_t = B_t B_t^T + T_t Z_{t+1} T_t^T and z_t = B_t beta_t + T_t z_{t+1}, backward in time, add
// up all t beyond s.
template <class Real>
class VarianceRecursion {
public:
    VarianceRecursion(PairMatrices<Real>& pair, const double* back_mean)
        : pair_(pair),
          n_(pair.sizes().n),
          b_(pair.sizes().b),
          m_(pair.sizes().m),
          gamma_(b_, n_),
          omega_(b_, b_),
          offset_(b_, 1, back_mean),
          squares_(n_ + b_, n_ + b_),
          sums_(n_ + b_, 1),
          before_{gamma_, omega_, squares_},
          converged_(unit_roundoff<Real>, std::max(n_, b_)),
          memory_(pair.sizes()) {}

    VarianceTerms step(std::int64_t t, const Matrix<Real>& covariance, const Matrix<Real>& mean) {
        const StepMatricesOfPair<Real>& step = pair_.at(t);
        memory_.pass(pair_.step(t));
        const Reading<Real> reading(step, gamma_);
        const Matrix<Real> filtered = reading.x * covariance;
        const Matrix<Real> read = omega_ * transposed(step.back_emission);
        const Matrix<Real> noise_t = transposed(reading.y);
        Matrix<Real> now =
            filtered * transposed(reading.x) + reading.y * noise_t + step.back_emission * read;
        const Matrix<Real> later = filtered * step.transition_t + reading.y * step.input_t;
        const Matrix<Real> rho = beside(later, step.back_emission);
        const Matrix<Real> beta = reading.x * mean - step.back_emission * offset_;
        const Matrix<Real> squared = rho * squares_;
        const Matrix<Real> summed = rho * sums_;

        const Extended of_means = Extended(2.0) * Extended(inner(beta, now * beta)) +
                                  Extended(4.0) * Extended(inner(beta, summed));
        VarianceTerms terms{};
        terms.magnitude = 2.0 * inner_size(beta, now * beta) + 4.0 * norm(beta) * norm(summed);
        const double size = trace(now) + m_;
        for (int i = 0; i < m_; ++i) now(i, i) -= Real(1.0);
        terms.twice =
            Extended(inner(now, now)) + Extended(2.0) * Extended(inner(rho, squared)) + of_means;
        estimate(reading, step, filtered, covariance, now, rho, squared, size, terms);
        // A mean is a difference too.
        const double lost_mean =
            reading.parts * norm(mean) + norm(step.back_emission) * norm(offset_);
        terms.lost += 4.0 * lost_mean * (norm(now) * norm(beta) + norm(beta) + norm(summed));

        const Matrix<Real> basis =
            above(transposed(reading.x), step.back_filter * read - reading.driven * noise_t);
        Matrix<Real> carry(n_ + b_, n_ + b_);
        const Matrix<Real> noise = reading.driven * step.input_t;
        for (int i = 0; i < n_; ++i) {
            for (int j = 0; j < n_; ++j) carry(i, j) = step.transition_t(i, j);
        }
        for (int i = 0; i < b_; ++i) {
            for (int j = 0; j < n_; ++j) carry(n_ + i, j) = Real(0.0) - noise(i, j);
            for (int j = 0; j < b_; ++j) carry(n_ + i, n_ + j) = step.back_filter(i, j);
        }
        squares_ = basis * transposed(basis) + carry * squares_ * transposed(carry);
        sums_ = basis * beta + carry * sums_;
        offset_ = step.back_filter * offset_;
        omega_ = next_omega(step, reading, omega_);
        gamma_ = reading.next_gamma;
        return terms;
    }

    // Whether further steps repeat the last one, as long as there are no means; to be asked after
    // each block of steps.
    bool converged() {
        return converged_(
            std::max({change_since(before_[0], gamma_), change_since(before_[1], omega_),
                      change_since(before_[2], squares_)}));
    }

    double memory_length() const { return memory_.length(); }

private:
    static Matrix<Real> beside(const Matrix<Real>& left, const Matrix<Real>& right) {
        Matrix<Real> result(left.rows, left.cols + right.cols);
        for (int i = 0; i < left.rows; ++i) {
            for (int j = 0; j < left.cols; ++j) result(i, j) = left(i, j);
            for (int j = 0; j < right.cols; ++j) result(i, left.cols + j) = right(i, j);
        }
        return result;
    }

    static Matrix<Real> above(const Matrix<Real>& top, const Matrix<Real>& bottom) {
        Matrix<Real> result(top.rows + bottom.rows, top.cols);
        std::copy(top.values.begin(), top.values.end(), result.values.begin());
        std::copy(bottom.values.begin(), bottom.values.end(),
                  result.values.begin() + static_cast<std::ptrdiff_t>(top.size()));
        return result;
    }

    // X is a difference and loses roundoffs of its parts, which the covariance amplifies.
    void estimate(const Reading<Real>& reading, const StepMatricesOfPair<Real>& step,
                  const Matrix<Real>& filtered, const Matrix<Real>& covariance,
                  const Matrix<Real>& excess, const Matrix<Real>& rho, const Matrix<Real>& squared,
                  double size, VarianceTerms& terms) const {
        const double roundoff = unit_roundoff<Real>;
        const double in_excess = 4.0 * size + 2.0 * norm(filtered) * reading.parts;
        const double in_rho =
            4.0 * (norm(filtered) * norm(step.transition) + norm(reading.y) * norm(step.input) +
                   norm(step.back_emission)) +
            reading.parts * norm(covariance) * norm(step.transition);
        const double of_excess = norm(excess), of_squares = norm(squares_), of_rho = norm(rho);
        terms.magnitude += of_excess * of_excess + 2.0 * of_rho * of_rho * of_squares;
        terms.lost = 2.0 * of_excess * in_excess + roundoff * in_excess * in_excess +
                     4.0 * norm(squared) * in_rho + 2.0 * roundoff * in_rho * in_rho * of_squares;
    }

    PairMatrices<Real>& pair_;
    int n_, b_, m_;
    Matrix<Real> gamma_, omega_, offset_;
    Matrix<Real> squares_;  // Z
    Matrix<Real> sums_;     // z
    Matrix<Real> before_[3];
    ConvergenceTest converged_;
    ErrorMemory<Real> memory_;
};

template <class Real>
ProductionValue run_variance(const MachineSteps& forward, const MachineSteps& backward,
                             std::int64_t n_steps, bool shortcuts, const Poll& poll) {
    PollWatch watch(poll);
    PairMatrices<Real> pair(forward, backward);
    const PairSizes& sizes = pair.sizes();
    ForwardOfPair<Real> source(pair.parameters());
    ForwardMoments<Real, ForwardOfPair<Real>> moments(source, source.start(forward.initial_mean),
                                                      n_steps, steps_between_kept(n_steps), sizes.n,
                                                      shortcuts);
    VarianceRecursion<Real> recursion(pair, backward.initial_mean);
    const bool may_repeat = shortcuts && pair.constant() &&
                            all_zero(forward.initial_mean, sizes.n) &&
                            all_zero(backward.initial_mean, sizes.b);
    const double work = 8.0 * pair_work<Real>(sizes);
    Extended total;
    double error = 0.0;
    bool converged = false;
    VarianceTerms terms{};
    const auto add = [&](std::int64_t count) {
        total += half(terms.twice) * Extended(static_cast<double>(count));
        error += 0.5 * static_cast<double>(count) *
                 (terms.magnitude * (4.0 + recursion.memory_length()) + terms.lost);
    };
    for (std::int64_t left = n_steps, done = 0; left > 0;) {
        if (converged && left > moments.settled()) {
            add(left - moments.settled());
            left = moments.settled();
            converged = false;
            continue;
        }
        const Real* now = moments.at(--left);
        terms = recursion.step(left, {sizes.n, sizes.n, now},
                               {sizes.n, 1, now + static_cast<std::ptrdiff_t>(sizes.n) * sizes.n});
        if (!std::isfinite(terms.magnitude)) throw Overflow(done + 1);
        add(1);
        interruption_point(work);
        watch.done(++done);
        // Once the first steps are reached, in which the forward memory still changes, all go.
        if (may_repeat && left > moments.settled() && done % block_steps == 0) {
            converged = recursion.converged();
        }
    }
    if (!std::isfinite(total.high)) throw Overflow(n_steps);
    const double bound = std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
    const double value = std::max(total.high, 0.0);
    return {value, unit_roundoff<Real> * bound + unit_roundoff<double> * value,
            std::is_same_v<Real, Extended>};
}

}  // namespace

ProductionValue pair_curve(const MachineSteps& forward, const MachineSteps& backward,
                           std::int64_t n_steps, const ProductionOptions& options, const Poll& poll,
                           double* curve, double* rounding_errors) {
    return with_precision(options.precision, [&](auto real) {
        return run_curve<decltype(real)>(forward, backward, n_steps, poll, curve, rounding_errors);
    });
}

ProductionValue pair_rate(const MachineSteps& forward, const MachineSteps& backward,
                          const ProductionOptions& options, const Poll& poll) {
    return with_precision(options.precision, [&](auto real) {
        return run_rate<decltype(real)>(forward, backward, poll);
    });
}

ProductionValue pair_variance(const MachineSteps& forward, const MachineSteps& backward,
                              std::int64_t n_steps, const ProductionOptions& options,
                              const Poll& poll) {
    return with_precision(options.precision, [&](auto real) {
        return run_variance<decltype(real)>(forward, backward, n_steps, options.shortcuts, poll);
    });
}

}  // namespace entroprod
