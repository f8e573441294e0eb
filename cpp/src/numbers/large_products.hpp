// Products whose sizes are known only at run time, on the processor: a register of columns at a
// time, by BLAS where that is faster, and interruptible.
#pragma once

#include "formulas/matrix.hpp"
#include "runtime/work.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Multiplications as interruption points count them.
template <class Real>
inline constexpr double work_of_one = 1.0;
template <>
inline constexpr double work_of_one<Extended> = work_of_extended;

// Compiled once per instruction set, by simd/products/.
template <class Real>
struct LargeProducts {
    // Interruption points for a loop over rows.
    class Rows {
    public:
        explicit Rows(int multiplications_per_row)
            : per_row_(multiplications_per_row * work_of_one<Real>) {}

        void one_more() {
            constexpr double worth_a_call = 1e5;
            work_ += per_row_;
            if (work_ < worth_a_call) return;
            interruption_point(work_);
            work_ = 0.0;
        }

    private:
        double per_row_;
        double work_ = 0.0;
    };

    // out = a b, or out += a b where it accumulates: (rows, inner) (inner, cols) -> (rows, cols).
    static void multiply(bool accumulate, int rows, int inner, int cols, const Real* a,
                         const Real* b, Real* out);
    // out += a^T b: (inner, rows) (inner, cols) -> (rows, cols).
    static void add_transposed(int inner, int rows, int cols, const Real* a, const Real* b,
                               Real* out);
};

extern template struct LargeProducts<double>;
extern template struct LargeProducts<Extended>;

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
