// How many steps of the recursions at once change their state.
#pragma once

#include <cstddef>
#include <vector>

#include "numbers/large_products.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {

// The maps of a power of 2 of steps, by doubling: with j the steps so far,
//   gamma_{2j} = gamma_j + F^j gamma_j A^j, and the same with (F^j)^T, F^j for emission_gram and
//   with A^j, (A^j)^T for noise.
// A stretch after a stretch applies them, and their errors would pile up; so this is done in
// double-double, from the machine as double has it.
template <class Real>
class Leap {
public:
    Leap(const WhitenedMachine<Real>& machine, int n_steps)
        : n_(machine.n_states),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          filter_(widened(machine.filter())),
          filter_t_(size_),
          transition_(widened(machine.transition)),
          transition_t_(size_),
          gamma_(widened(machine.input_emission)),
          emission_gram_(widened(machine.emission_gram)),
          noise_(widened(machine.noise)),
          product_(size_),
          image_(size_) {
        transpose_both();
        for (int done = 1; done < n_steps; done *= 2) {
            add_image(filter_, transition_, gamma_);
            add_image(filter_t_, filter_, emission_gram_);
            add_image(transition_, transition_t_, noise_);
            square(filter_);
            square(transition_);
            transpose_both();
        }
        for (const auto* matrix : {&gamma_, &filter_, &filter_t_, &transition_, &transition_t_,
                                   &emission_gram_, &noise_}) {
            for (const Extended& entry : *matrix) rounded_.push_back(Real(to_double(entry)));
        }
    }

    LeapMaps<Real> maps() const {
        const Real* data = rounded_.data();
        return {data,
                data + size_,
                data + 2 * size_,
                data + 3 * size_,
                data + 4 * size_,
                data + 5 * size_,
                data + 6 * size_};
    }

private:
    using Matrix = std::vector<Extended>;

    Matrix widened(const Real* matrix) const {
        Matrix result(size_);
        for (std::size_t i = 0; i < size_; ++i) result[i] = Extended(matrix[i]);
        return result;
    }

    void transpose_both() {
        transpose(n_, n_, filter_.data(), filter_t_.data());
        transpose(n_, n_, transition_.data(), transition_t_.data());
    }

    // sum -> sum + left sum right
    void add_image(const Matrix& left, const Matrix& right, Matrix& sum) {
        multiply(n_, n_, n_, left.data(), sum.data(), product_.data());
        multiply(n_, n_, n_, product_.data(), right.data(), image_.data());
        for (std::size_t i = 0; i < size_; ++i) sum[i] += image_[i];
    }

    void square(Matrix& matrix) {
        multiply(n_, n_, n_, matrix.data(), matrix.data(), product_.data());
        matrix.swap(product_);
    }

    Extent<0> n_;
    std::size_t size_;
    Matrix filter_, filter_t_, transition_, transition_t_, gamma_, emission_gram_, noise_;
    Matrix product_, image_;
    std::vector<Real> rounded_;
};

}  // namespace entroprod
