#include "bindings/arrays.hpp"
#include "bindings/precision.hpp"
#include "bindings/topics.hpp"
#include "entroprod/production.hpp"

#include <string_view>

namespace py = pybind11;
using namespace entroprod;
using bindings::as_tuple;
using bindings::options;

void bind_production(py::module_& module) {
    py::register_exception<Overflow>(module, "CoreOverflow", PyExc_OverflowError);
    module.def("entropy_production", [](const LinearGaussian& machine, std::int64_t n_steps,
                                        std::string_view precision, bool shortcuts) {
        return as_tuple(bindings::without_gil(py::none(), [&](const Poll& poll) {
            return entropy_production(machine, n_steps, options(precision, shortcuts), poll);
        }));
    });
    module.def("entropy_production_curve", [](const LinearGaussian& machine, std::int64_t n_steps,
                                              std::string_view precision, bool shortcuts) {
        bindings::Array curve = bindings::new_array({n_steps});
        double* out = curve.mutable_data();
        bindings::without_gil(py::none(), [&](const Poll& poll) {
            return entropy_production_curve(machine, n_steps, options(precision, shortcuts), poll,
                                            out);
        });
        return curve;
    });
    module.def("entropy_production_per_step", [](const LinearGaussian& machine,
                                                 std::int64_t n_steps, std::string_view precision,
                                                 bool shortcuts) {
        bindings::Array per_step = bindings::new_array({n_steps});
        double* out = per_step.mutable_data();
        bindings::without_gil(py::none(), [&](const Poll& poll) {
            entropy_production_per_step(machine, n_steps, options(precision, shortcuts), poll, out);
        });
        return per_step;
    });
    module.def("entropy_production_rate",
               [](const LinearGaussian& machine, std::string_view precision) {
                   return as_tuple(bindings::without_gil(py::none(), [&](const Poll& poll) {
                       return entropy_production_rate(machine, options(precision, true), poll);
                   }));
               });
}
