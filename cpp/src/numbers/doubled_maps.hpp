// The maps of 1, 2, 4, .. steps, by doubling.
//
// Stretch after stretch applies them, and their errors would pile up; so they are made in
// double-double, from the machines as double has them, and rounded once.
#pragma once

#include <cstddef>
#include <vector>

#include "numbers/matrix.hpp"

namespace entroprod {

// Matrices one behind the other in a block of numbers.
template <class Real>
class PartsOf {
public:
    explicit PartsOf(Real* numbers) : next_(numbers) {}

    Real* take(int rows, int cols) {
        Real* part = next_;
        next_ += static_cast<std::ptrdiff_t>(rows) * cols;
        return part;
    }

private:
    Real* next_;
};

class DoubledMaps {
public:
    // Of up to 2^n_doublings steps. The leaps have the matrices that they are now(), of one step
    // at first, and know how to go on to those of twice() as many steps.
    template <class Leaps>
    void make(Leaps& leaps, int n_doublings) {
        keep(leaps.now());
        for (int i = 0; i < n_doublings; ++i) {
            leaps.twice();
            keep(leaps.now());
        }
    }

    // Of n_steps alone, a power of 2; they have the index 0.
    template <class Leap>
    void make_last(Leap& leap, int n_steps) {
        for (int done = 1; done < n_steps; done *= 2) leap.twice();
        keep(leap.now());
    }

    // Of 2^index steps, one matrix behind the other.
    const double* numbers(int index) const {
        return rounded_[static_cast<std::size_t>(index)].data();
    }

private:
    void keep(const std::vector<WideMatrix>& matrices) {
        std::vector<double>& numbers = rounded_.emplace_back();
        for (const WideMatrix& matrix : matrices) matrix.append_to(numbers);
    }

    std::vector<std::vector<double>> rounded_;
};

}  // namespace entroprod
