// What each bind_<topic>.cpp contributes to the module.
#pragma once

#include <pybind11/pybind11.h>

void bind_blas(pybind11::module_& module);
void bind_decomposition(pybind11::module_& module);
void bind_gradient(pybind11::module_& module);
void bind_linear_gaussian(pybind11::module_& module);
void bind_pair_moments(pybind11::module_& module);
void bind_production(pybind11::module_& module);
void bind_reversal(pybind11::module_& module);
void bind_sigma_law(pybind11::module_& module);
void bind_time_varying(pybind11::module_& module);
void bind_trajectory(pybind11::module_& module);
