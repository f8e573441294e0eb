#include "bindings/arrays.hpp"
#include "bindings/precision.hpp"
#include "bindings/topics.hpp"
#include "entroprod/sigma_law.hpp"

#include <string_view>

namespace py = pybind11;
using namespace entroprod;

void bind_sigma_law(py::module_& module) {
    module.def("sigma_variance", [](const LinearGaussian& machine, std::int64_t n_steps,
                                    std::string_view precision, bool shortcuts) {
        return bindings::as_tuple(bindings::without_gil(py::none(), [&](const Poll& poll) {
            return sigma_variance(machine, n_steps, bindings::options(precision, shortcuts), poll);
        }));
    });
    module.def(
        "sigma_variance_rate", [](const LinearGaussian& machine, std::string_view precision) {
            return bindings::as_tuple(bindings::without_gil(py::none(), [&](const Poll& poll) {
                return sigma_variance_rate(machine, bindings::options(precision, true), poll);
            }));
        });
}
