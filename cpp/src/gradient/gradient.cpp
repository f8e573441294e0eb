#include "entroprod/gradient.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "gradient/checkpoints.hpp"
#include "gradient/gradient_leaps.hpp"
#include "numbers/large_products.hpp"
#include "production/geometric_sum.hpp"
#include "production/recursion.hpp"
#include "production/totals.hpp"
#include "runtime/work.hpp"

namespace entroprod {
namespace {

using Dynamic = Extent<0>;

// More steps than any stable recursion needs to settle.
constexpr std::int64_t forever = std::int64_t{1} << 60;
// From so many steps on the way back is worth the making of maps of many steps at once.
constexpr std::int64_t worth_leaps = 2048;

template <class Real>
bool all_finite(const std::vector<Real>& values) {
    return std::all_of(values.begin(), values.end(),
                       [](const Real& value) { return std::isfinite(to_double(value)); });
}

// The whitened machine's parameters have these gradients.
template <class Real>
struct WhitenedGradient {
    std::vector<Real> filter;    // of F (n, n)
    std::vector<Real> input;     // of G (n, m)
    std::vector<Real> emission;  // of C (m, n)
    std::vector<Real> rotation;  // of Phi (m, m) in G -> G (I + Phi), C -> (I - Phi) C: symmetric
};

// Runs the adjoint recursion from the last step to the first.
template <class Real>
class Adjoint {
public:
    explicit Adjoint(const WhitenedMachine<Real>& machine)
        : machine_(machine),
          n_(machine.n_states),
          m_(machine.n_outputs),
          kernels_(gradient_kernels<Real>().of_size(n_, m_)),
          emission_over_filter_t_(static_cast<std::size_t>(n_) * (m_ + n_)),
          transition_and_input_t_(emission_over_filter_t_.size()),
          adjoint_(3 * static_cast<std::size_t>(n_) * n_, Real(0.0)),
          adjoint_sums_(adjoint_),
          sums_(gradient_sums_size(n_, m_), Real(0.0)),
          scratch_(doubling_size(n_, m_)),
          tape_(record_size(n_, m_)) {
        transpose(m_ + n_, n_, machine.emission_over_filter, emission_over_filter_t_.data());
        transpose(n_, n_ + m_, machine.transition_and_input, transition_and_input_t_.data());
    }

    // The last n_steps, during which the forward state stays as it is.
    void pass_equal(const Real* state, std::int64_t n_steps) {
        std::vector<Real> now(state, state + adjoint_.size());
        kernels_.record_steps(machine_, now.data(), 1, tape_.data());
        double_steps(n_steps);
        kernels_.add_equal_steps(view(), tape_.data(), static_cast<double>(n_steps),
                                 adjoint_sums_.data(), sums_.data(), scratch_.data());
    }

    // One of infinitely many steps during which nothing changes.
    void pass_fixed_point(const Real* state) {
        std::vector<Real> now(state, state + adjoint_.size());
        kernels_.record_steps(machine_, now.data(), 1, tape_.data());
        double_steps(forever);
        kernels_.add_equal_steps(view(), tape_.data(), 1.0, adjoint_.data(), sums_.data(),
                                 scratch_.data());
    }

    // Lets long passes go by segments, several side by side, where there is a kernel for it.
    void use_segments() {
        if constexpr (std::is_same_v<Real, double>) {
            segments_ = gradient_kernels<Real>().segments(n_, m_);
            if (segments_.reverse_segments != nullptr) leap_.emplace(machine_, most_index);
        }
    }

    // n_steps from the state before them, which are run again.
    void pass(const Real* state, std::int64_t n_steps) {
        if (!leap_) return pass_singly(state, n_steps);
        const int width = gradient_kernels<Real>().n_segments;
        int index = most_index;
        while (index >= least_index && (std::int64_t{width} << index) > n_steps) --index;
        const auto n_segments = static_cast<int>((n_steps >> index) / width * width);
        if (index < least_index || !pass_segments(state, index, n_segments, n_steps)) {
            pass_singly(state, n_steps);
        }
    }

    WhitenedGradient<Real> result() const;

private:
    // Interruption points come after no more work than that.
    static constexpr double most_work = 1e7;
    static constexpr double largest_piece = 4096.0;
    // A round of doubling has about as many products as so many steps.
    static constexpr int steps_per_round = 6;
    // Segments have 2^index steps.
    static constexpr int least_index = 4, most_index = 6;

    // The first steps by n_segments segments, the rest as it comes; false, with nothing done, where
    // a leap goes beyond the range of double.
    bool pass_segments(const Real* state, int index, int n_segments, std::int64_t n_steps) {
        if constexpr (std::is_same_v<Real, double>) {
            const std::vector<Real> adjoint_before(adjoint_), sums_before(sums_);
            const GradientMaps<Real> maps = leap_->maps(index);
            const std::int64_t side_by_side = std::int64_t{n_segments} << index;
            std::vector<Real> states((static_cast<std::size_t>(n_segments) + 1) * adjoint_.size());
            std::copy_n(state, adjoint_.size(), states.begin());
            segments_.leap_states(maps, n_segments, states.data());
            const bool finite = all_finite(states);
            if (finite && side_by_side < n_steps) {
                pass(states.data() + n_segments * adjoint_.size(), n_steps - side_by_side);
            }
            // The rest may have given up the leaps.
            if (finite && leap_) {
                segments_.reverse_segments(view(), maps, 1 << index, n_segments, states.data(),
                                           adjoint_.data(), sums_.data());
                interruption_point(3.0 * static_cast<double>(side_by_side) * work_of_step());
                if (all_finite(adjoint_) && all_finite(sums_)) return true;
            }
            adjoint_ = adjoint_before;
            sums_ = sums_before;
            leap_.reset();
        }
        return false;
    }

    void pass_singly(const Real* state, std::int64_t n_steps) {
        const std::size_t record = record_size(n_, m_);
        const auto steps = static_cast<std::size_t>(n_steps);
        if (tape_.size() < steps * record) tape_.resize(steps * record);
        std::vector<Real> now(state, state + adjoint_.size());
        const auto at_once =
            static_cast<std::size_t>(std::clamp(most_work / work_of_step(), 1.0, largest_piece));
        for (std::size_t done = 0; done < steps; done += at_once) {
            const auto piece = static_cast<int>(std::min(at_once, steps - done));
            kernels_.record_steps(machine_, now.data(), piece, tape_.data() + done * record);
            interruption_point(piece * work_of_step());
        }
        for (std::size_t left = steps; left > 0;) {
            const std::size_t piece = std::min(at_once, left);
            left -= piece;
            kernels_.reverse_steps(view(), tape_.data() + left * record, static_cast<int>(piece),
                                   adjoint_.data(), sums_.data(), scratch_.data());
            interruption_point(2.0 * static_cast<double>(piece) * work_of_step());
        }
    }

    void double_steps(std::int64_t n_steps) {
        kernels_.double_steps(view(), tape_.data(), n_steps, unit_roundoff<Real>, adjoint_.data(),
                              adjoint_sums_.data(), scratch_.data(),
                              steps_per_round * work_of_step());
    }

    double work_of_step() const { return work_per_step<Real>(n_, m_); }

    AdjointMachine<Real> view() const {
        return {machine_, emission_over_filter_t_.data(), transition_and_input_t_.data()};
    }

    WhitenedMachine<Real> machine_;
    Dynamic n_, m_;
    typename GradientKernels<Real>::OfSize kernels_;
    std::vector<Real> emission_over_filter_t_, transition_and_input_t_;
    std::vector<Real> adjoint_, adjoint_sums_, sums_, scratch_, tape_;
    GradientSegments<Real> segments_{};
    std::optional<GradientLeaps> leap_;
};

// The sums hold each parameter where it stands for itself; here what stands for products of
// parameters is added: A = F + G C, G C, G G^T and C^T C.
template <class Real>
WhitenedGradient<Real> Adjoint<Real>::result() const {
    const int n = n_, m = m_, width = n_ + m_;
    std::vector<Real> all(sums_);
    const GradientSums<Real> sums(all.data(), n, m);
    WhitenedGradient<Real> result{std::vector<Real>(n * n), std::vector<Real>(n * m),
                                  std::vector<Real>(m * n), std::vector<Real>(m * m, Real(0.0))};
    std::vector<Real> product(n * n);  // of G C
    for (int i = 0; i < n; ++i) {
        const Real* of_products = sums.products + (m + i) * width;
        for (int j = 0; j < n; ++j) {
            const int at = i * n + j;
            const Real transition = sums.right[i * width + j] + sums.transition[at];
            product[at] = transition + of_products[j];
            result.filter[at] = sums.left[m * n + at] + sums.filter[at] + transition;
        }
        for (int j = 0; j < m; ++j) {
            result.input[i * m + j] = sums.right[i * width + n + j] + of_products[n + j];
        }
    }
    for (int i = 0; i < m; ++i) {
        for (int j = 0; j < n; ++j) {
            result.emission[i * n + j] = sums.left[i * n + j] - sums.products[i * width + j];
        }
    }
    std::vector<Real> input_t(m * n), emission_t(n * m), part(m * m);
    transpose(n_, m_, machine_.input, input_t.data());
    transpose(m_, n_, machine_.emission(), emission_t.data());
    multiply_into<true>(n_, n_, m_, sums.dual, machine_.input, result.input.data());
    multiply_into<true>(n_, n_, m_, product.data(), emission_t.data(), result.input.data());
    multiply_into<true>(m_, n_, n_, machine_.emission(), sums.omega, result.emission.data());
    multiply_into<true>(m_, n_, n_, input_t.data(), product.data(), result.emission.data());

    multiply(m_, n_, m_, result.emission.data(), emission_t.data(), part.data());
    multiply(m_, n_, m_, input_t.data(), result.input.data(), result.rotation.data());
    for (int i = 0; i < m * m; ++i) result.rotation[i] -= part[i];
    return result;
}

template <class Real>
std::vector<double> rounded(const std::vector<Real>& values) {
    std::vector<double> result(values.size());
    std::transform(values.begin(), values.end(), result.begin(),
                   [](Real value) { return to_double(value); });
    return result;
}

// From the whitened machine back to the caller's parameters. L^-1 dS L^-T is Phi + Phi^T with
// Phi = L^-1 dL, and no rotation of the noise changes the value: the gradient with respect to Phi
// is symmetric, and L need not be differentiated.
template <class Real>
void write(const LinearGaussian& machine, const WhitenedGradient<Real>& whitened,
           const ParameterGradient& gradient) {
    const Dynamic n(machine.n_states()), m(machine.n_outputs());
    const std::vector<double>& units = machine.memory_units();
    const std::vector<double>& inverse = machine.inverse_cholesky();
    std::vector<double> cholesky_t(inverse.size()), inverse_t(inverse.size());
    std::vector<double> product(inverse.size());
    transpose(m, m, machine.cholesky().data(), cholesky_t.data());
    transpose(m, m, inverse.data(), inverse_t.data());

    std::vector<double> rotation = rounded(whitened.rotation);
    for (int i = 0; i < m; ++i) {
        for (int j = 0; j <= i; ++j) {
            const double mean = 0.25 * (rotation[i * m + j] + rotation[j * m + i]);
            rotation[i * m + j] = rotation[j * m + i] = mean;
        }
    }
    multiply(m, m, m, inverse_t.data(), rotation.data(), product.data());
    multiply(m, m, m, product.data(), inverse.data(), gradient.innovation_cov);
    for (int i = 0; i < m; ++i) {
        for (int j = 0; j < i; ++j) {
            double& below = gradient.innovation_cov[i * m + j];
            double& above = gradient.innovation_cov[j * m + i];
            below = above = 0.5 * (below + above);
        }
    }
    multiply(n, m, m, rounded(whitened.input).data(), cholesky_t.data(), gradient.input_matrix);
    multiply(m, m, n, inverse_t.data(), rounded(whitened.emission).data(), gradient.output_matrix);
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
            gradient.state_matrix[i * n + j] =
                to_double(whitened.filter[i * n + j]) * (units[j] / units[i]);
        }
        for (int j = 0; j < m; ++j) {
            gradient.input_matrix[i * m + j] /= units[i];
            gradient.output_matrix[j * n + i] *= units[i];
        }
    }
}

bool all_finite(const LinearGaussian& machine, const ParameterGradient& gradient) {
    const auto n = static_cast<std::size_t>(machine.n_states());
    const auto m = static_cast<std::size_t>(machine.n_outputs());
    const auto finite = [](const double* values, std::size_t size) {
        return std::all_of(values, values + size, [](double x) { return std::isfinite(x); });
    };
    return finite(gradient.state_matrix, n * n) && finite(gradient.input_matrix, n * m) &&
           finite(gradient.output_matrix, m * n) && finite(gradient.innovation_cov, m * m);
}

// False, and no gradient, where the total is less accurate than `needed` (relative).
template <class Real>
bool run_gradient(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                  double needed, double memory_limit, const Poll& poll, ProductionValue& total,
                  const ParameterGradient& gradient) {
    PollWatch watch(poll);
    const auto view = whitened<Real>(machine);
    Recursion<Real> recursion(view, watch);
    Checkpoints<Real> checkpoints(3 * static_cast<std::size_t>(view.n_states) * view.n_states,
                                  record_size(view.n_states, view.n_outputs), memory_limit);
    total = total_of_steps(machine, recursion, n_steps, shortcuts, false, false, nullptr,
                           [&] { checkpoints.offer(recursion.n_done(), recursion.numbers()); });
    if (total.rounding_error > needed * total.value) return false;
    checkpoints.finish(recursion.n_done());
    Adjoint<Real> adjoint(view);
    if (recursion.n_done() >= worth_leaps) adjoint.use_segments();
    if (n_steps > recursion.n_done()) {
        adjoint.pass_equal(recursion.numbers(), n_steps - recursion.n_done());
    }
    for (std::size_t i = checkpoints.size(); i-- > 0;) {
        adjoint.pass(checkpoints.state(i), checkpoints.n_steps(i));
    }
    write(machine, adjoint.result(), gradient);
    if (!all_finite(machine, gradient)) throw Overflow(n_steps);
    return true;
}

template <class Real>
void run_rate_gradient(const LinearGaussian& machine, const Poll& poll,
                       const ParameterGradient& gradient) {
    const PollWatch watch(poll);
    const auto view = whitened<Real>(machine);
    const int n = view.n_states, m = view.n_outputs;
    const GeometricSum<Real> gamma(n, view.filter(), view.transition, view.input_emission);
    // One step from Omega = E = 0 leaves what drives them.
    const std::size_t size = static_cast<std::size_t>(n) * n;
    std::vector<Real> state(3 * size, Real(0.0));
    std::copy_n(gamma.sum(), size, state.begin());
    std::vector<Real> driven(state), tape(record_size(n, m));
    gradient_kernels<Real>().of_size(n, m).record_steps(view, driven.data(), 1, tape.data());
    const GeometricSum<Real> omega(n, view.filter(), view.filter_t, driven.data() + size);
    const GeometricSum<Real> dual(n, view.transition_t, view.transition, driven.data() + 2 * size);
    std::copy_n(omega.sum(), size, state.data() + size);
    std::copy_n(dual.sum(), size, state.data() + 2 * size);
    Adjoint<Real> adjoint(view);
    adjoint.pass_fixed_point(state.data());
    write(machine, adjoint.result(), gradient);
    if (!all_finite(machine, gradient)) {
        throw Overflow(static_cast<std::int64_t>(gamma.n_terms()));
    }
}

std::string mebibytes(double bytes) {
    return std::to_string(std::llround(std::ceil(bytes / 0x1p20))) + " MiB";
}

}  // namespace

MemoryLimit::MemoryLimit(double needed, double available)
    : std::runtime_error("n_steps is too large: the states that the adjoint recursion keeps need " +
                         mebibytes(needed) + ", and " + mebibytes(available) +
                         " of memory is available") {}

ProductionValue entropy_production_gradient(const LinearGaussian& machine, std::int64_t n_steps,
                                            const ProductionOptions& options, double memory_limit,
                                            const Poll& poll, const ParameterGradient& gradient) {
    ProductionValue total{};
    const auto run = [&](auto real, double needed) {
        return run_gradient<decltype(real)>(machine, n_steps, options.shortcuts, needed,
                                            memory_limit, poll, total, gradient);
    };
    constexpr double any = std::numeric_limits<double>::infinity();
    const bool automatic = options.precision == Precision::automatic;
    if (options.precision == Precision::extended ||
        !run(double{}, automatic ? accepted_error : any)) {
        run(Extended{}, any);
    }
    // What the adjoint makes of a state that drifts below rounding is no worse than its own
    // rounding, but the drift adds up in the total.
    const PollWatch watch(poll);
    const bool drifts = options.shortcuts && !forgets(lean<double>(machine), n_steps);
    return drifts ? entropy_production(machine, n_steps, options, poll) : total;
}

ProductionValue entropy_production_rate_gradient(const LinearGaussian& machine,
                                                 const ProductionOptions& options, const Poll& poll,
                                                 const ParameterGradient& gradient) {
    const ProductionValue rate = entropy_production_rate(machine, options, poll);
    if (rate.extended) {
        run_rate_gradient<Extended>(machine, poll, gradient);
    } else {
        run_rate_gradient<double>(machine, poll, gradient);
    }
    return rate;
}

}  // namespace entroprod
