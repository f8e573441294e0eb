#include "bindings/arrays.hpp"
#include "bindings/topics.hpp"
#include "entroprod/reversal.hpp"

namespace py = pybind11;
using namespace entroprod;

void bind_reversal(py::module_& module) {
    module.def(
        "innovation_reversal_matrix",
        [](const LinearGaussian& machine, std::int64_t n_steps, bindings::Array& out) {
            const std::int64_t width = n_steps * machine.n_outputs();
            bindings::require_shape(out, {width, width}, "out");
            double* data = out.mutable_data();
            return bindings::without_gil(py::none(), [&](const Poll& poll) {
                return innovation_reversal_matrix(machine, n_steps, poll, data);
            });
        },
        py::arg(), py::arg(), py::arg().noconvert());
}
