// The extension module: one line per topic.
#include <pybind11/pybind11.h>

#include "bindings/topics.hpp"

PYBIND11_MODULE(_core, module) {
    bind_blas(module);
    bind_decomposition(module);
    bind_gradient(module);
    bind_linear_gaussian(module);
    bind_pair_moments(module);
    bind_production(module);
    bind_reversal(module);
    bind_sigma_law(module);
    bind_time_varying(module);
    bind_trajectory(module);
}
