#include "bindings/arrays.hpp"
#include "bindings/topics.hpp"
#include "entroprod/linear_gaussian.hpp"

void bind_linear_gaussian(pybind11::module_& module) {
    using bindings::Array;
    using entroprod::LinearGaussian;
    pybind11::class_<LinearGaussian>(module, "LinearGaussian")
        .def(pybind11::init([](const Array& state_matrix, const Array& input_matrix,
                               const Array& output_matrix, const Array& innovation_cov) {
            const auto n = input_matrix.shape(0);
            const auto m = input_matrix.shape(1);
            bindings::require_shape(state_matrix, {n, n}, "state_matrix");
            bindings::require_shape(output_matrix, {m, n}, "output_matrix");
            bindings::require_shape(innovation_cov, {m, m}, "innovation_cov");
            return bindings::without_gil(pybind11::none(), [&](const entroprod::Poll& poll) {
                return LinearGaussian(static_cast<int>(n), static_cast<int>(m), state_matrix.data(),
                                      input_matrix.data(), output_matrix.data(),
                                      innovation_cov.data(), poll);
            });
        }))
        .def_static(
            "with_bands",
            [](const Array& diagonal, const Array& partner, const Array& input_matrix,
               const Array& output_matrix, const Array& innovation_cov) {
                const auto n = input_matrix.shape(0);
                const auto m = input_matrix.shape(1);
                bindings::require_shape(diagonal, {n}, "diagonal");
                bindings::require_shape(partner, {n}, "partner");
                bindings::require_shape(output_matrix, {m, n}, "output_matrix");
                bindings::require_shape(innovation_cov, {m, m}, "innovation_cov");
                return bindings::without_gil(pybind11::none(), [&](const entroprod::Poll& poll) {
                    return LinearGaussian::with_bands(
                        static_cast<int>(n), static_cast<int>(m), diagonal.data(), partner.data(),
                        input_matrix.data(), output_matrix.data(), innovation_cov.data(), poll);
                });
            })
        .def("with_unit_innovations", [](const LinearGaussian& machine) {
            return bindings::without_gil(pybind11::none(), [&](const entroprod::Poll& poll) {
                return machine.with_unit_innovations(poll);
            });
        });
}
