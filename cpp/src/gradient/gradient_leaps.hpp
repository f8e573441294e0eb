// How many steps of the recursions and of their adjoint at once change state and adjoint.
#pragma once

#include <cstddef>
#include <vector>

#include "numbers/doubled_maps.hpp"
#include "simd/gradient/gradient_kernels.hpp"

namespace entroprod {

// Over L steps from Gamma, with F and A for the powers F^L and A^L, with what L steps make of 0 for
// Lambda_L, P_L, gamma_L, omega_L and dual_L, and with the X_j and N_j of Gamma_0 = 0 in
//   Z_L = -sum_j (F^j)^T C^T X_j A^(L-1-j),   V_L = sum_j F^(L-1-j) N_j G^T (A^j)^T   for j < L:
//   Gamma -> F Gamma A + gamma_L,
//   Omega -> F Omega F^T + (F Gamma) P_L (F Gamma)^T + F Gamma V_L^T + V_L (F Gamma)^T + omega_L,
//   E     -> A^T E A + (Gamma A)^T Lambda_L Gamma A + (Gamma A)^T Z_L + Z_L^T Gamma A + dual_L,
// and backwards, with P, Lambda and D those behind the steps,
//   P      -> A P A^T + P_L,    Lambda -> F^T Lambda F + Lambda_L,
//   D      -> F^T D A^T + (Z_L + Lambda_L Gamma A) P A^T + F^T Lambda (V_L + F Gamma P_L)
//             + Lambda_L Gamma P_L + d_L.
// The term Lambda_L Gamma P_L collects what Gamma does within the steps, a sum that telescopes. Two
// stretches give the maps of twice as many steps.
class GradientLeaps {
public:
    // Of up to 2^n_doublings steps.
    GradientLeaps(const WhitenedMachine<double>& machine, int n_doublings) : n_(machine.n_states) {
        const int n = n_;
        filter_ = WideMatrix(n, n, machine.filter());
        transition_ = WideMatrix(n, n, machine.transition);
        gram_ = dual_ = WideMatrix(n, n, machine.emission_gram);
        noise_ = omega_ = v_ = WideMatrix(n, n, machine.noise);
        gamma_ = WideMatrix(n, n, machine.input_emission);
        z_ = -gram_;
        adjoint_ = -transposed(gamma_);
        maps_.make(*this, n_doublings);
    }

    // Of 2^index steps.
    GradientMaps<double> maps(int index) const {
        PartsOf<const double> parts(maps_.numbers(index));
        const auto take = [&] { return parts.take(n_, n_); };
        return {take(), take(), take(), take(), take(), take(),
                take(), take(), take(), take(), take(), take()};
    }

private:
    friend class DoubledMaps;

    void twice() {
        const WideMatrix filter_t = transposed(filter_), transition_t = transposed(transition_);
        const WideMatrix ahead = filter_ * gamma_, back = gamma_ * transition_;
        const WideMatrix z_later = z_ + gram_ * back, v_later = v_ + ahead * noise_;
        const WideMatrix of_omega = ahead * transposed(v_);
        const WideMatrix of_dual = transposed(back) * z_;
        const WideMatrix adjoint_between = gram_ * gamma_ * noise_ + adjoint_;

        adjoint_ = filter_t * adjoint_between * transition_t + z_ * noise_ * transition_t +
                   filter_t * gram_ * v_ + adjoint_;
        omega_ = filter_ * omega_ * filter_t + ahead * noise_ * transposed(ahead) + of_omega +
                 transposed(of_omega) + omega_;
        dual_ = transition_t * dual_ * transition_ + transposed(back) * gram_ * back + of_dual +
                transposed(of_dual) + dual_;
        z_ = filter_t * z_later + z_ * transition_;
        v_ = v_later * transition_t + filter_ * v_;
        gamma_ = filter_ * back + gamma_;
        gram_ = filter_t * gram_ * filter_ + gram_;
        noise_ = transition_ * noise_ * transition_t + noise_;
        filter_ = filter_ * filter_;
        transition_ = transition_ * transition_;
    }

    std::vector<WideMatrix> now() const {
        return {filter_,     transposed(filter_),
                transition_, transposed(transition_),
                gram_,       noise_,
                z_,          v_,
                gamma_,      omega_,
                dual_,       adjoint_};
    }

    int n_;
    WideMatrix filter_, transition_, gram_, noise_, z_, v_, gamma_, omega_, dual_, adjoint_;
    DoubledMaps maps_;
};

}  // namespace entroprod
