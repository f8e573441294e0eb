#include "bindings/arrays.hpp"
#include "bindings/machine_steps.hpp"
#include "bindings/precision.hpp"
#include "bindings/topics.hpp"
#include "entroprod/pair_moments.hpp"

#include <string_view>

namespace py = pybind11;
using namespace entroprod;
using bindings::PairOfSteps;

void bind_pair_moments(py::module_& module) {
    // (curve, rounding errors, whether in double-double), the arrays (n_steps,).
    module.def("pair_curve", [](const py::object& forward, const py::object& backward,
                                std::int64_t n_steps, std::string_view precision, bool shortcuts) {
        const PairOfSteps pair(forward, backward, n_steps);
        bindings::Array curve = bindings::new_array({n_steps});
        bindings::Array errors = bindings::new_array({n_steps});
        double* values = curve.mutable_data();
        double* bounds = errors.mutable_data();
        const auto last = bindings::without_gil(py::none(), [&](const Poll& poll) {
            return pair_curve(pair.forward(), pair.backward(), n_steps,
                              bindings::options(precision, shortcuts), poll, values, bounds);
        });
        return py::make_tuple(curve, errors, last.extended);
    });
    module.def("pair_rate", [](const py::object& forward, const py::object& backward,
                               std::string_view precision) {
        const PairOfSteps pair(forward, backward, 1);
        return bindings::as_tuple(bindings::without_gil(py::none(), [&](const Poll& poll) {
            return pair_rate(pair.forward(), pair.backward(), bindings::options(precision, true),
                             poll);
        }));
    });
    module.def(
        "pair_variance", [](const py::object& forward, const py::object& backward,
                            std::int64_t n_steps, std::string_view precision, bool shortcuts) {
            const PairOfSteps pair(forward, backward, n_steps);
            return bindings::as_tuple(bindings::without_gil(py::none(), [&](const Poll& poll) {
                return pair_variance(pair.forward(), pair.backward(), n_steps,
                                     bindings::options(precision, shortcuts), poll);
            }));
        });
}
