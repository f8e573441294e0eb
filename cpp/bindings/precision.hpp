// Options of precision in, values with their rounding error out.
#pragma once

#include <pybind11/pybind11.h>

#include <string_view>

#include "entroprod/production.hpp"

namespace bindings {

inline entroprod::ProductionOptions options(std::string_view precision, bool shortcuts) {
    using entroprod::Precision;
    if (precision == "double") return {Precision::double_precision, shortcuts};
    if (precision == "extended") return {Precision::extended, shortcuts};
    return {Precision::automatic, shortcuts};
}

// (value, rounding error, computed in double-double?)
inline pybind11::tuple as_tuple(const entroprod::ProductionValue& value) {
    return pybind11::make_tuple(value.value, value.rounding_error, value.extended);
}

}  // namespace bindings
