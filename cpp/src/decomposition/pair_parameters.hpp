// The parameters of a pair of machines, step by step, in units of the backward machine's
// innovations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "entroprod/steps.hpp"
#include "numbers/cholesky.hpp"
#include "numbers/large_products.hpp"
#include "simd/decomposition/decomposition_kernels.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {

template <class Real>
class PairParameters {
public:
    PairParameters(const MachineSteps& forward, const MachineSteps& backward)
        : forward_(forward),
          backward_(backward),
          sizes_{forward.n_states, backward.n_states, forward.n_outputs} {}

    const PairSizes& sizes() const { return sizes_; }

    // Whether all steps have the same parameters.
    bool constant() const { return is_constant(forward_) && is_constant(backward_); }

    // Of step t = 0 .. T - 1, valid until the next call.
    const PairStep<Real>& at(std::int64_t t) {
        if (assembled_ < 0 || (assembled_ != t && !constant())) assemble(t);
        assembled_ = t;
        return step_;
    }

private:
    using Wide = std::vector<Extended>;
    using Values = std::vector<Real>;

    static bool is_constant(const MachineSteps& machine) {
        return machine.state.stride == 0 && machine.input.stride == 0 &&
               machine.output.stride == 0 && machine.innovation_cov.stride == 0;
    }

    // a (rows, inner) b (inner, cols), in double-double.
    static Wide product(int rows, int inner, int cols, const Wide& a, const Wide& b) {
        Wide result(static_cast<std::size_t>(rows) * cols);
        production_kernels<Extended>().multiply(rows, inner, cols, a.data(), b.data(),
                                                result.data());
        return result;
    }

    static Wide wide(const StepMatrices& matrices, std::int64_t t, int rows, int cols) {
        return converted<Extended>(matrices.at(t), static_cast<std::size_t>(rows) * cols);
    }

    static Values flipped(int rows, int cols, const Values& a) {
        Values result(a.size());
        transpose(Extent<0>(rows), Extent<0>(cols), a.data(), result.data());
        return result;
    }

    static Real log_diagonal(int m, const Wide& lower) {
        Real result(0.0);
        for (int i = 0; i < m; ++i) {
            result += logarithm(static_cast<Real>(lower[static_cast<std::size_t>(i) * (m + 1)]));
        }
        return result;
    }

    void assemble(std::int64_t t) {
        const auto [n, b, m] = sizes_;
        const Wide factor = factor_cholesky(m, forward_.innovation_cov.at(t));
        const Wide back_factor = factor_cholesky(m, backward_.innovation_cov.at(t));
        const Wide inverse = invert_lower(m, factor);
        const Wide back_inverse = invert_lower(m, back_factor);
        const Wide emission = wide(forward_.output, t, m, n);
        const Wide input = wide(forward_.input, t, n, m);

        filter_ = converted<Real>(forward_.state.at(t), static_cast<std::size_t>(n) * n);
        transition_ = converted<Real>(product(n, m, n, input, emission));
        for (std::size_t i = 0; i < filter_.size(); ++i) transition_[i] += filter_[i];
        input_ = converted<Real>(product(n, m, m, input, factor));
        emission_ = converted<Real>(product(m, m, n, back_inverse, emission));
        noise_ = converted<Real>(product(m, m, m, back_inverse, factor));
        whitened_emission_ = converted<Real>(product(m, m, n, inverse, emission));
        back_filter_ = converted<Real>(backward_.state.at(t), static_cast<std::size_t>(b) * b);
        back_input_ =
            converted<Real>(product(b, m, m, wide(backward_.input, t, b, m), back_factor));
        back_emission_ =
            converted<Real>(product(m, m, b, back_inverse, wide(backward_.output, t, m, b)));
        transition_t_ = flipped(n, n, transition_);
        filter_t_ = flipped(n, n, filter_);
        back_filter_t_ = flipped(b, b, back_filter_);
        step_ = {transition_.data(),
                 transition_t_.data(),
                 input_.data(),
                 emission_.data(),
                 noise_.data(),
                 filter_.data(),
                 filter_t_.data(),
                 whitened_emission_.data(),
                 back_filter_.data(),
                 back_filter_t_.data(),
                 back_input_.data(),
                 back_emission_.data(),
                 Real(2.0) * (log_diagonal(m, back_factor) - log_diagonal(m, factor))};
    }

    MachineSteps forward_, backward_;
    PairSizes sizes_;
    std::int64_t assembled_ = -1;
    PairStep<Real> step_{};
    Values transition_, transition_t_, input_, emission_, noise_, filter_, filter_t_,
        whitened_emission_, back_filter_, back_filter_t_, back_input_, back_emission_;
};

}  // namespace entroprod
