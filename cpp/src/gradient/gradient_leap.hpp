// How many steps of the recursions and of their adjoint at once change state and adjoint.
#pragma once

#include <cstddef>
#include <vector>

#include "numbers/wide_matrix.hpp"
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
//
// Stretch after stretch applies them, and their errors would pile up; so this is done in
// double-double, from the machine as double has it.
class GradientLeap {
public:
    // Of up to 2^n_doublings steps.
    GradientLeap(const WhitenedMachine<double>& machine, int n_doublings)
        : size_(static_cast<std::size_t>(machine.n_states) * machine.n_states) {
        const int n = machine.n_states;
        filter_ = WideMatrix(n, n, machine.filter());
        transition_ = WideMatrix(n, n, machine.transition);
        gram_ = dual_ = WideMatrix(n, n, machine.emission_gram);
        noise_ = omega_ = v_ = WideMatrix(n, n, machine.noise);
        gamma_ = WideMatrix(n, n, machine.input_emission);
        z_ = -gram_;
        adjoint_ = -gamma_.transposed();
        round();
        for (int i = 0; i < n_doublings; ++i) {
            twice();
            round();
        }
    }

    // Of 2^index steps.
    GradientMaps<double> maps(int index) const {
        const double* data = rounded_[static_cast<std::size_t>(index)].data();
        const auto at = [&](std::size_t part) { return data + part * size_; };
        return {at(0), at(1), at(2), at(3), at(4),  at(5),
                at(6), at(7), at(8), at(9), at(10), at(11)};
    }

private:
    void twice() {
        const WideMatrix filter_t = filter_.transposed(), transition_t = transition_.transposed();
        const WideMatrix ahead = filter_ * gamma_, back = gamma_ * transition_;
        const WideMatrix z_later = z_ + gram_ * back, v_later = v_ + ahead * noise_;
        const WideMatrix of_omega = ahead * v_.transposed();
        const WideMatrix of_dual = back.transposed() * z_;
        const WideMatrix adjoint_between = gram_ * gamma_ * noise_ + adjoint_;

        adjoint_ = filter_t * adjoint_between * transition_t + z_ * noise_ * transition_t +
                   filter_t * gram_ * v_ + adjoint_;
        omega_ = filter_ * omega_ * filter_t + ahead * noise_ * ahead.transposed() + of_omega +
                 of_omega.transposed() + omega_;
        dual_ = transition_t * dual_ * transition_ + back.transposed() * gram_ * back + of_dual +
                of_dual.transposed() + dual_;
        z_ = filter_t * z_later + z_ * transition_;
        v_ = v_later * transition_t + filter_ * v_;
        gamma_ = filter_ * back + gamma_;
        gram_ = filter_t * gram_ * filter_ + gram_;
        noise_ = transition_ * noise_ * transition_t + noise_;
        filter_ = filter_ * filter_;
        transition_ = transition_ * transition_;
    }

    void round() {
        std::vector<double>& numbers = rounded_.emplace_back();
        for (const WideMatrix& matrix :
             {filter_, filter_.transposed(), transition_, transition_.transposed(), gram_, noise_,
              z_, v_, gamma_, omega_, dual_, adjoint_}) {
            matrix.append_to(numbers);
        }
    }

    std::size_t size_;
    WideMatrix filter_, transition_, gram_, noise_, z_, v_, gamma_, omega_, dual_, adjoint_;
    std::vector<std::vector<double>> rounded_;
};

}  // namespace entroprod
