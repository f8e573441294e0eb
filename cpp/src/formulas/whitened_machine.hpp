// The parameters that the recursions read, as views of arrays kept elsewhere.
#pragma once

namespace entroprod {

// A state matrix that couples only the two components of each pair (0, 1), (2, 3), ..: with i ^ 1
// the other component of i's pair,
//   (F x)_i = diagonal_i x_i + partner_i x_{i ^ 1},   (F^T x)_i = diagonal_i x_i + partner_t_i x_{i
//   ^ 1}.
// Where n is odd, the last component has no partner, and its coefficients for one are 0.
template <class Real>
struct Bands {
    const Real* diagonal = nullptr;   // (n,); nullptr: there are no bands, F is any matrix
    const Real* partner = nullptr;    // (n,)
    const Real* partner_t = nullptr;  // (n,)
};

// The machine after whitening, y -> L^-1 y with S = L L^T: C -> L^-1 C, G -> G L, S -> I.
// All row-major. Stacked copies let the recursions do their work in few, larger products.
template <class Real>
struct WhitenedMachine {
    int n_states;
    int n_outputs;
    const Real* emission_over_filter;  // [C; F]   (m + n, n)
    const Real* transition_and_input;  // [A, G]   (n, n + m)
    const Real* transition;            // A        (n, n)
    const Real* transition_t;          // A^T      (n, n)
    const Real* filter_t;              // F^T      (n, n)
    const Real* input;                 // G        (n, m)
    const Real* input_emission;        // G C      (n, n)
    const Real* noise;                 // G G^T    (n, n)
    const Real* emission_gram;         // C^T C    (n, n)
    const Real* input_t = nullptr;     // G^T      (m, n), only with bands
    Bands<Real> bands = {};            // of F

    const Real* emission() const { return emission_over_filter; }
    const Real* filter() const { return emission_over_filter + n_outputs * n_states; }
};

}  // namespace entroprod
