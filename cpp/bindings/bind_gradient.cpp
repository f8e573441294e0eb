#include "bindings/arrays.hpp"
#include "bindings/precision.hpp"
#include "bindings/topics.hpp"
#include "entroprod/gradient.hpp"

#include <string_view>

namespace py = pybind11;
using namespace entroprod;
using bindings::options;

namespace {

// (value, rounding error, computed in double-double?, and the gradient of F, G, C, S)
template <class Work>
py::tuple with_gradient(const LinearGaussian& machine, Work&& work) {
    const int n = machine.n_states(), m = machine.n_outputs();
    bindings::Array state = bindings::new_array({n, n}), input = bindings::new_array({n, m});
    bindings::Array output = bindings::new_array({m, n}), cov = bindings::new_array({m, m});
    const ParameterGradient gradient{state.mutable_data(), input.mutable_data(),
                                     output.mutable_data(), cov.mutable_data()};
    const ProductionValue value =
        bindings::without_gil(py::none(), [&](const Poll& poll) { return work(poll, gradient); });
    return py::make_tuple(value.value, value.rounding_error, value.extended, state, input, output,
                          cov);
}

}  // namespace

void bind_gradient(py::module_& module) {
    py::register_exception<MemoryLimit>(module, "CoreMemoryLimit", PyExc_MemoryError);
    module.def("entropy_production_gradient", [](const LinearGaussian& machine,
                                                 std::int64_t n_steps, std::string_view precision,
                                                 bool shortcuts, double memory_limit) {
        return with_gradient(machine, [&](const Poll& poll, const ParameterGradient& gradient) {
            return entropy_production_gradient(machine, n_steps, options(precision, shortcuts),
                                               memory_limit, poll, gradient);
        });
    });
    module.def("entropy_production_rate_gradient", [](const LinearGaussian& machine,
                                                      std::string_view precision) {
        return with_gradient(machine, [&](const Poll& poll, const ParameterGradient& gradient) {
            return entropy_production_rate_gradient(machine, options(precision, true), poll,
                                                    gradient);
        });
    });
}
