#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/topics.hpp"
#include "entroprod/decomposition.hpp"

#include <array>

namespace py = pybind11;
using namespace entroprod;

namespace {

// (F, G, C, S, h_1): each matrix with a leading time axis, or without one where it is constant.
using Parameters = std::array<bindings::Array, 5>;

StepMatrices matrices_of(const bindings::Array& array, std::int64_t n_steps, std::int64_t rows,
                         std::int64_t cols, const char* name) {
    if (array.ndim() == 2) {
        bindings::require_shape(array, {rows, cols}, name);
        return {array.data(), 0};
    }
    if (array.ndim() != 3 || array.shape(0) < n_steps) {
        throw std::invalid_argument(std::string("wrong shape: ") + name);
    }
    bindings::require_shape(array, {array.shape(0), rows, cols}, name);
    return {array.data(), static_cast<std::ptrdiff_t>(rows * cols)};
}

// A machine is a LinearGaussian or a tuple of such parameters, which it keeps alive.
class Machine {
public:
    Machine(const py::object& machine, std::int64_t n_steps) {
        if (py::isinstance<LinearGaussian>(machine)) {
            steps_ = machine.cast<const LinearGaussian&>().steps();
            return;
        }
        parameters_ = machine.cast<Parameters>();
        const auto& [state, input, output, cov, mean] = parameters_;
        const std::int64_t n = mean.shape(0);
        const std::int64_t m = input.shape(input.ndim() - 1);
        steps_ = {static_cast<int>(n),
                  static_cast<int>(m),
                  matrices_of(state, n_steps, n, n, "state_matrix"),
                  matrices_of(input, n_steps, n, m, "input_matrix"),
                  matrices_of(output, n_steps, m, n, "output_matrix"),
                  matrices_of(cov, n_steps, m, m, "innovation_cov"),
                  mean.data()};
    }
    const MachineSteps& steps() const { return steps_; }

private:
    Parameters parameters_;
    MachineSteps steps_{};
};

// (total, its rounding error, lowest, per_step, retrospective, compression_loss, model_mismatch,
// rank, loss_error), the arrays (n_steps,) or empty.
py::tuple decompose_pair(const py::object& forward, const py::object& backward,
                         std::int64_t n_steps, bool with_steps, bool decomposed, bool extended,
                         bool shortcuts) {
    const Machine one(forward, n_steps), other(backward, n_steps);
    if (one.steps().n_outputs != other.steps().n_outputs) {
        throw std::invalid_argument("wrong shape: backward");
    }
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
        return decompose(one.steps(), other.steps(), n_steps, {extended, shortcuts}, poll, out);
    });
    return py::make_tuple(value.total, value.rounding_error, value.lowest, per_step, parts[0],
                          parts[1], parts[2], rank, value.loss_error);
}

}  // namespace

void bind_decomposition(py::module_& module) { module.def("decompose", &decompose_pair); }
