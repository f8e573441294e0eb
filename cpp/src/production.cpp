#include "entroprod/production.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "entroprod/matrix.hpp"
#include "simd/kernels.hpp"

namespace entroprod {
namespace {

// The recursions advance by blocks of this many steps and are examined in between.
constexpr int block_steps = 16;

// A relative rounding error that automatic precision accepts.
constexpr double accepted_error = 1e-12;

template <class Real>
const ProductionKernels<Real>& production_kernels();
template <>
const ProductionKernels<double>& production_kernels() {
    return kernels().production;
}
template <>
const ProductionKernels<Extended>& production_kernels() {
    return kernels().production_extended;
}

template <class Real>
WhitenedMachine<Real> whitened(const LinearGaussian& machine);
template <>
WhitenedMachine<double> whitened(const LinearGaussian& machine) {
    return machine.whitened();
}
template <>
WhitenedMachine<Extended> whitened(const LinearGaussian& machine) {
    return machine.whitened_extended();
}

// Calls the poll about every 50 ms of work, whatever a step costs.
class Meter {
public:
    Meter(const Poll& poll, double work_per_step)
        : poll_(poll), steps_between_(std::max(1.0, 1e8 / work_per_step)) {}

    void spend(int steps, std::int64_t done) {
        spent_ += steps;
        if (spent_ < steps_between_) return;
        spent_ = 0.0;
        if (poll_ && !poll_(done)) throw Interrupted();
    }

private:
    const Poll& poll_;
    double steps_between_;
    double spent_ = 0.0;
};

// Rough number of multiplications of one step; double-double ones count for twenty.
template <class Real>
double work_per_step(int n, int m) {
    const double weight = std::is_same_v<Real, double> ? 1.0 : 20.0;
    return weight * (n + m) * n * (5.0 * n + 2.0 * m);
}

template <class Real>
double largest(const Real* values, std::size_t size) {
    double result = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
        result = std::max(result, std::abs(to_double(values[i])));
    }
    return result;
}

template <class Real>
double largest_difference(const Real* a, const Real* b, std::size_t size) {
    double result = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
        result = std::max(result, std::abs(to_double(a[i] - b[i])));
    }
    return result;
}

// Has a sequence of matrices stopped changing? It has if its changes over a block stay at rounding
// level for as many blocks as a delay in the machine could hide a change, or if they are small and
// have stopped falling, as rounding noise does.
class ConvergenceTest {
public:
    ConvergenceTest(double roundoff, int n_states)
        : tolerance_(16.0 * roundoff), blocks_needed_(1 + (n_states + block_steps - 1) / block_steps) {}

    // change: over the last block of steps, relative.
    bool operator()(double change) {
        quiet_blocks_ = change <= tolerance_ ? quiet_blocks_ + 1 : 0;
        if (change < 0.5 * smallest_) {
            smallest_ = change;
            blocks_since_ = 0;
        } else {
            ++blocks_since_;
        }
        const bool stagnant = change <= 1e4 * tolerance_ && blocks_since_ >= 4 * patience_;
        return quiet_blocks_ >= blocks_needed_ || stagnant;
    }

private:
    static constexpr int patience_ = 64;
    double tolerance_;
    int blocks_needed_;
    int quiet_blocks_ = 0;
    double smallest_ = std::numeric_limits<double>::infinity();
    int blocks_since_ = 0;
};

// Gamma, Omega and the dual covariance, and the terms of the last block of steps.
template <class Real>
class Recursion {
public:
    explicit Recursion(const WhitenedMachine<Real>& machine)
        : machine_(machine),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          now_(3 * size_, Real(0.0)),
          before_(3 * size_),
          scratch_(scratch_size(machine.n_states, machine.n_outputs)),
          advance_(production_kernels<Real>().advance(machine.n_states, machine.n_outputs)),
          converged_(unit_roundoff<Real>, machine.n_states) {}

    // At most block_steps. With covariances: see ProductionKernels.
    const StepTerms<Real>* advance(int n_steps, const Real* covariances = nullptr,
                                   std::ptrdiff_t stride = 0) {
        before_ = now_;
        const BackwardState<Real> state{now_.data(), now_.data() + size_,
                                        now_.data() + 2 * size_};
        advance_(machine_, state, n_steps, covariances, stride, scratch_.data(), terms_);
        for (int k = 0; k < n_steps; ++k) {
            if (!std::isfinite(terms_[k].magnitude)) throw Overflow(n_done_ + k + 1);
        }
        n_done_ += n_steps;
        return terms_;
    }

    // Whether further steps repeat the last one; to be asked once after each block.
    bool converged() {
        double change = 0.0;
        for (int part = 0; part < 3; ++part) {
            const Real* now = now_.data() + part * size_;
            const double scale = largest(now, size_);
            if (scale == 0.0) continue;
            change = std::max(
                change, largest_difference(now, before_.data() + part * size_, size_) / scale);
        }
        return converged_(change);
    }

private:
    WhitenedMachine<Real> machine_;
    std::size_t size_;
    std::vector<Real> now_, before_, scratch_;
    typename ProductionKernels<Real>::Advance advance_;
    StepTerms<Real> terms_[block_steps];
    ConvergenceTest converged_;
    std::int64_t n_done_ = 0;
};

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

// Estimate of the rounding error of a sum of steps. A step's own error is a few roundoffs of its
// terms, more after a long memory; besides, X is a difference, and what it loses is amplified by
// the covariance of the memory that it multiplies.
class ErrorBound {
public:
    ErrorBound(const WhitenedMachine<double>& machine, double roundoff)
        : machine_(machine),
          roundoff_(roundoff),
          emission_squared_(inner_product(
              Extent<0>(machine.n_outputs) * Extent<0>(machine.n_states), machine.emission(),
              machine.emission())) {}

    // memory_length: over how many steps rounding errors pile up.
    template <class Real>
    void add(const StepTerms<Real>* terms, int n_steps, double memory_length, double times = 1.0) {
        double magnitude = 0.0;
        double x_squared = 0.0;
        double parts_squared = 0.0;
        for (int k = 0; k < n_steps; ++k) {
            magnitude += terms[k].magnitude;
            x_squared += terms[k].x_squared;
            parts_squared += terms[k].parts_squared + emission_squared_;
        }
        magnitude_ += times * magnitude * (4.0 + memory_length);
        sensitivity_ += times * std::sqrt(x_squared * parts_squared);
    }

    double nats(std::int64_t n_steps) const {
        return roundoff_ *
               (magnitude_ + 8.0 * sensitivity_ * CovarianceTrace(machine_).after(n_steps));
    }

private:
    WhitenedMachine<double> machine_;
    double roundoff_;
    double emission_squared_;
    double magnitude_ = 0.0;
    double sensitivity_ = 0.0;
};

// A negative entropy production can only be rounding, and 0 is nearer the truth.
double nonnegative(Extended value) { return std::max(value.high, 0.0); }

template <class Real>
Extended half(Real value) {
    return Extended(0.5) * Extended(value);
}

template <class Real>
ProductionValue run_curve(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                          const Poll& poll, double* curve) {
    const int n = machine.n_states();
    const int m = machine.n_outputs();
    Recursion<Real> recursion(whitened<Real>(machine));
    ErrorBound error(machine.whitened(), unit_roundoff<Real>);
    Meter meter(poll, work_per_step<Real>(n, m));
    Extended total;
    StepTerms<Real> last{};
    bool converged = false;
    double memory_length = 0.0;
    std::int64_t done = 0;
    while (done < n_steps && !(converged && shortcuts)) {
        const int steps = static_cast<int>(std::min<std::int64_t>(block_steps, n_steps - done));
        const StepTerms<Real>* terms = recursion.advance(steps);
        Real excess = Real(0.0);
        for (int k = 0; k < steps; ++k) {
            excess += terms[k].excess;
            if (curve) curve[done + k] = nonnegative(total + half(excess));
        }
        total += half(excess);
        error.add(terms, steps, memory_length);
        done += steps;
        last = terms[steps - 1];
        if (!converged) {
            memory_length = static_cast<double>(done);
            converged = recursion.converged();
            // A memory of that many steps until rounding level decays within a few of them.
            if (converged) memory_length /= block_steps;
        }
        meter.spend(steps, done);
    }
    const Extended slope = half(last.excess);
    if (curve) {
        for (std::int64_t k = 1; done + k <= n_steps; ++k) {
            curve[done + k - 1] = nonnegative(total + slope * Extended(static_cast<double>(k)));
        }
    }
    const auto rest = static_cast<double>(n_steps - done);
    total += slope * Extended(rest);
    error.add(&last, 1, memory_length, rest);
    if (!std::isfinite(total.high)) throw Overflow(n_steps);
    return {nonnegative(total), error.nats(n_steps), std::is_same_v<Real, Extended>};
}

// Runs in double, and again in double-double where the options or the error ask for it.
template <class Run>
ProductionValue with_precision(Precision precision, const Run& run) {
    if (precision != Precision::extended) {
        const ProductionValue result = run(double{});
        const bool good = result.rounding_error <= accepted_error * result.value;
        if (good || precision == Precision::double_precision) return result;
    }
    return run(Extended{});
}

// Forward covariances Pi_1 .. Pi_T, kept at the start of each block of steps until they have
// converged, and made again block by block.
template <class Real>
class ForwardCovariances {
public:
    ForwardCovariances(const WhitenedMachine<Real>& machine, std::int64_t n_steps,
                       std::int64_t block, bool shortcuts, Meter& meter)
        : machine_(machine),
          block_(block),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          buffer_(static_cast<std::size_t>(block + 1) * size_, Real(0.0)),
          product_(size_),
          advance_(production_kernels<Real>().advance_covariance(machine.n_states)) {
        ConvergenceTest converged(unit_roundoff<Real>, machine.n_states);
        const std::int64_t n_blocks = (n_steps + block - 1) / block;
        for (n_kept_ = 0; n_kept_ < n_blocks; ++n_kept_) {
            const Real* first = buffer_.data();
            kept_.insert(kept_.end(), first, first + size_);
            if (fill(meter, converged) && shortcuts) {
                ++n_kept_;
                break;
            }
            std::copy_n(buffer_.end() - static_cast<std::ptrdiff_t>(size_), size_,
                        buffer_.begin());
        }
        limit_.assign(buffer_.end() - static_cast<std::ptrdiff_t>(size_), buffer_.end());
    }

    bool is_limit(std::int64_t index) const { return index >= n_kept_; }
    const Real* limit() const { return limit_.data(); }

    // The covariances of one block of times.
    const Real* block(std::int64_t index, Meter& meter) {
        std::copy_n(kept_.begin() + static_cast<std::ptrdiff_t>(index * size_), size_,
                    buffer_.begin());
        ConvergenceTest unused(unit_roundoff<Real>, machine_.n_states);
        fill(meter, unused);
        return buffer_.data();
    }

private:
    // Fills the buffer from its first matrix; true once the covariances have converged.
    bool fill(Meter& meter, ConvergenceTest& converged) {
        bool result = false;
        for (std::int64_t at = 0; at < block_; at += block_steps) {
            const int steps = static_cast<int>(std::min<std::int64_t>(block_steps, block_ - at));
            Real* from = buffer_.data() + static_cast<std::size_t>(at) * size_;
            Real* to = from + static_cast<std::size_t>(steps) * size_;
            advance_(machine_, steps, from, product_.data());
            const double scale = largest(to, size_);
            result = converged(scale > 0.0 ? largest_difference(to, from, size_) / scale : 0.0);
            meter.spend(steps, 0);
        }
        return result;
    }

    WhitenedMachine<Real> machine_;
    std::int64_t block_;
    std::size_t size_;
    std::vector<Real> buffer_, product_, kept_, limit_;
    typename ProductionKernels<Real>::AdvanceCovariance advance_;
    std::int64_t n_kept_ = 0;
};

template <class Real>
void run_per_step(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                  const Poll& poll, double* per_step) {
    const auto view = whitened<Real>(machine);
    const auto size = static_cast<std::ptrdiff_t>(view.n_states) * view.n_states;
    const std::int64_t block = std::min(
        n_steps, std::max<std::int64_t>(
                     block_steps, std::llround(std::sqrt(static_cast<double>(n_steps)))));
    Meter meter(poll, work_per_step<Real>(view.n_states, view.n_outputs));
    ForwardCovariances<Real> forward(view, n_steps, block, shortcuts, meter);
    Recursion<Real> recursion(view);
    bool converged = false;
    double last = 0.0;
    for (std::int64_t index = (n_steps - 1) / block; index >= 0; --index) {
        const std::int64_t first = index * block;
        const std::int64_t count = std::min(block, n_steps - first);
        const bool constant = forward.is_limit(index);
        if (constant && converged && shortcuts) {
            std::fill_n(per_step + first, count, last);
            continue;
        }
        const Real* covariances = constant ? forward.limit() : forward.block(index, meter);
        // The backward memory meets the times of the block from its end.
        for (std::int64_t done = 0; done < count; done += block_steps) {
            const int steps = static_cast<int>(std::min<std::int64_t>(block_steps, count - done));
            const std::int64_t at = count - 1 - done;
            const StepTerms<Real>* terms = recursion.advance(
                steps, constant ? covariances : covariances + at * size, constant ? 0 : -size);
            for (int k = 0; k < steps; ++k) {
                per_step[first + at - k] = 0.5 * to_double(terms[k].excess);
            }
            last = 0.5 * to_double(terms[steps - 1].excess);
            converged = converged || recursion.converged();
            meter.spend(steps, n_steps - first - at);
        }
    }
}

// Sums sum_j L^j X R^j by doubling: after each round twice as many terms, and L, R squared.
template <class Real>
class GeometricSum {
public:
    GeometricSum(int n, const Real* left, const Real* right, const Real* first, Meter& meter)
        : n_(n),
          size_(static_cast<std::size_t>(n) * n),
          left_(left, left + size_),
          right_(right, right + size_),
          sum_(first, first + size_),
          product_(size_),
          next_(size_),
          meter_(meter) {
        while (!add_round()) {
        }
    }

    const Real* sum() const { return sum_.data(); }
    double n_terms() const { return n_terms_; }

private:
    // True when the sum no longer changes.
    bool add_round() {
        multiply(left_, sum_, product_);
        multiply(product_, right_, next_);
        const double added = largest(next_.data(), size_);
        for (std::size_t i = 0; i < size_; ++i) sum_[i] += next_[i];
        const double scale = largest(sum_.data(), size_);
        n_terms_ *= 2.0;
        if (!std::isfinite(scale) || !std::isfinite(added) || n_terms_ > longest) {
            throw Overflow(static_cast<std::int64_t>(n_terms_));
        }
        if (added <= 0.25 * unit_roundoff<Real> * scale) return true;
        multiply(left_, left_, product_);
        left_.swap(product_);
        multiply(right_, right_, product_);
        right_.swap(product_);
        return false;
    }

    void multiply(const std::vector<Real>& a, const std::vector<Real>& b, std::vector<Real>& out) {
        production_kernels<Real>().multiply(n_, n_, n_, a.data(), b.data(), out.data());
        meter_.spend(1, 0);
    }

    // A memory of more steps than this is a unit root to all intents.
    static constexpr double longest = 0x1p60;

    int n_;
    std::size_t size_;
    std::vector<Real> left_, right_, sum_, product_, next_;
    Meter& meter_;
    double n_terms_ = 1.0;
};

template <class Real>
ProductionValue run_rate(const LinearGaussian& machine, const Poll& poll) {
    const auto view = whitened<Real>(machine);
    const Extent<0> n(view.n_states), m(view.n_outputs);
    Meter meter(poll, work_per_step<Real>(n, m));  // of which a product is a fair part
    const GeometricSum<Real> gamma(n, view.filter(), view.transition, view.input_emission, meter);
    const GeometricSum<Real> covariance(n, view.transition, view.transition_t, view.noise, meter);

    // N N^T with N = F Gamma G + G, the noise that drives Omega.
    const std::size_t size = static_cast<std::size_t>(n) * n;
    const std::size_t wide = static_cast<std::size_t>(n) * m;
    std::vector<Real> product(size), driven(wide), driven_t(wide), noise(size, Real(0.0));
    multiply(n, n, n, view.filter(), gamma.sum(), product.data());
    multiply(n, n, m, product.data(), view.input, driven.data());
    for (std::size_t i = 0; i < wide; ++i) driven[i] += view.input[i];
    transpose(n, m, driven.data(), driven_t.data());
    add_gram(m, n, driven_t.data(), noise.data());
    const GeometricSum<Real> omega(n, view.filter(), view.filter_t, noise.data(), meter);

    // From the fixed points one step of the recursion has the rate as its term.
    std::vector<Real> state(3 * size, Real(0.0));
    std::copy_n(gamma.sum(), size, state.begin());
    std::copy_n(omega.sum(), size, state.begin() + static_cast<std::ptrdiff_t>(size));
    std::vector<Real> scratch(scratch_size(n, m));
    StepTerms<Real> terms{};
    production_kernels<Real>().advance(n, m)(
        view, {state.data(), state.data() + size, state.data() + 2 * size}, 1, covariance.sum(), 0,
        scratch.data(), &terms);
    ErrorBound error(machine.whitened(), unit_roundoff<Real>);
    const double memory_length =
        std::max({gamma.n_terms(), covariance.n_terms(), omega.n_terms()});
    error.add(&terms, 1, memory_length / block_steps);
    const Extended rate = half(terms.excess);
    if (!std::isfinite(rate.high)) throw Overflow(static_cast<std::int64_t>(memory_length));
    return {nonnegative(rate), error.nats(static_cast<std::int64_t>(memory_length)),
            std::is_same_v<Real, Extended>};
}

}  // namespace

ProductionValue entropy_production_curve(const LinearGaussian& machine, std::int64_t n_steps,
                                         const ProductionOptions& options, const Poll& poll,
                                         double* curve) {
    return with_precision(options.precision, [&](auto real) {
        return run_curve<decltype(real)>(machine, n_steps, options.shortcuts, poll, curve);
    });
}

ProductionValue entropy_production(const LinearGaussian& machine, std::int64_t n_steps,
                                   const ProductionOptions& options, const Poll& poll) {
    return entropy_production_curve(machine, n_steps, options, poll, nullptr);
}

void entropy_production_per_step(const LinearGaussian& machine, std::int64_t n_steps,
                                 const ProductionOptions& options, const Poll& poll,
                                 double* per_step) {
    // The total has the same terms, so its precision is theirs.
    Precision precision = options.precision;
    if (precision == Precision::automatic) {
        const bool extended = entropy_production(machine, n_steps, options, poll).extended;
        precision = extended ? Precision::extended : Precision::double_precision;
    }
    if (precision == Precision::extended) {
        run_per_step<Extended>(machine, n_steps, options.shortcuts, poll, per_step);
    } else {
        run_per_step<double>(machine, n_steps, options.shortcuts, poll, per_step);
    }
}

ProductionValue entropy_production_rate(const LinearGaussian& machine,
                                        const ProductionOptions& options, const Poll& poll) {
    return with_precision(options.precision, [&](auto real) {
        return run_rate<decltype(real)>(machine, poll);
    });
}

}  // namespace entroprod
