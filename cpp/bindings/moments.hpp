// Moments of sigma as a Python dictionary.
#pragma once

#include "bindings/arrays.hpp"
#include "entroprod/trajectory.hpp"

namespace bindings {

inline py::dict as_dict(const entroprod::SigmaMoments& moments) {
    using namespace py::literals;
    return py::dict("count"_a = moments.count, "mean"_a = moments.mean,
                    "sum_of_squares"_a = moments.sum_of_squares, "minimum"_a = moments.minimum,
                    "maximum"_a = moments.maximum, "log_scale"_a = moments.log_scale,
                    "weight_sum"_a = moments.weight_sum, "square_sum"_a = moments.square_sum);
}

}  // namespace bindings
