// How many steps of the recursions at once change their state.
#pragma once

#include <vector>

#include "formulas/whitened_machine.hpp"
#include "numbers/doubled_maps.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {

// The maps of a power of 2 of steps. With j the steps so far,
//   gamma_{2j} = gamma_j + F^j gamma_j A^j, and the same with (F^j)^T, F^j for emission_gram and
//   with A^j, (A^j)^T for noise.
class Leap {
public:
    // n_steps: a power of 2.
    Leap(const WhitenedMachine<double>& machine, int n_steps) : n_(machine.n_states) {
        const int n = n_;
        filter_ = WideMatrix(n, n, machine.filter());
        transition_ = WideMatrix(n, n, machine.transition);
        gamma_ = WideMatrix(n, n, machine.input_emission);
        emission_gram_ = WideMatrix(n, n, machine.emission_gram);
        noise_ = WideMatrix(n, n, machine.noise);
        maps_.make_last(*this, n_steps);
    }

    LeapMaps<double> maps() const {
        PartsOf<const double> parts(maps_.numbers(0));
        const auto take = [&] { return parts.take(n_, n_); };
        return {take(), take(), take(), take(), take(), take(), take()};
    }

private:
    friend class DoubledMaps;

    void twice() {
        gamma_ = filter_ * gamma_ * transition_ + gamma_;
        emission_gram_ = transposed(filter_) * emission_gram_ * filter_ + emission_gram_;
        noise_ = transition_ * noise_ * transposed(transition_) + noise_;
        filter_ = filter_ * filter_;
        transition_ = transition_ * transition_;
    }
    std::vector<WideMatrix> now() const {
        return {gamma_,         filter_, transposed(filter_), transition_, transposed(transition_),
                emission_gram_, noise_};
    }

    int n_;
    WideMatrix filter_, transition_, gamma_, emission_gram_, noise_;
    DoubledMaps maps_;
};

}  // namespace entroprod
