// Double, or double-double where double has lost too many digits.
#pragma once

#include "entroprod/production.hpp"
#include "formulas/extended.hpp"

namespace entroprod {

// A relative rounding error that automatic precision accepts.
inline constexpr double accepted_error = 1e-12;

template <class Real>
Extended half(Real value) {
    return Extended(0.5) * Extended(value);
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

}  // namespace entroprod
