#include "bindings/arrays.hpp"
#include "bindings/machine_steps.hpp"
#include "bindings/topics.hpp"
#include "entroprod/decomposition.hpp"

namespace py = pybind11;
using namespace entroprod;

namespace {

// (total, its rounding error, lowest, per_step, retrospective, compression_loss, model_mismatch,
// rank, loss_error), the arrays (n_steps,) or empty.
py::tuple decompose_pair(const py::object& forward, const py::object& backward,
                         std::int64_t n_steps, bool with_steps, bool decomposed, bool extended,
                         bool shortcuts) {
    const bindings::PairOfSteps pair(forward, backward, n_steps);
    bindings::Array per_step = bindings::new_array({with_steps ? n_steps : 0});
    const std::int64_t size = decomposed ? n_steps : 0;
    bindings::Array parts[] = {bindings::new_array({size}), bindings::new_array({size}),
                               bindings::new_array({size})};
    py::array_t<std::int32_t> rank(size);
    DecompositionArrays out;
    if (with_steps) out.per_step = per_step.mutable_data();
    if (decomposed) {
        out.retrospective = parts[0].mutable_data();
        out.compression_loss = parts[1].mutable_data();
        out.model_mismatch = parts[2].mutable_data();
        out.rank = rank.mutable_data();
    }
    const auto value = bindings::without_gil(py::none(), [&](const Poll& poll) {
        return decompose(pair.forward(), pair.backward(), n_steps, {extended, shortcuts}, poll,
                         out);
    });
    return py::make_tuple(value.total, value.rounding_error, value.lowest, per_step, parts[0],
                          parts[1], parts[2], rank, value.loss_error);
}

}  // namespace

void bind_decomposition(py::module_& module) { module.def("decompose", &decompose_pair); }
