// Machines of either kind as their parameters step by step.
#pragma once

#include <pybind11/stl.h>

#include <array>

#include "bindings/arrays.hpp"
#include "entroprod/linear_gaussian.hpp"
#include "entroprod/steps.hpp"

namespace bindings {

// (F, G, C, S, h_1): each matrix with a leading time axis, or without one where it is constant.
using Parameters = std::array<Array, 5>;

inline entroprod::StepMatrices step_matrices(const Array& array, std::int64_t n_steps,
                                             std::int64_t rows, std::int64_t cols,
                                             const char* name) {
    if (array.ndim() == 2) {
        require_shape(array, {rows, cols}, name);
        return {array.data(), 0};
    }
    if (array.ndim() != 3 || array.shape(0) < n_steps) {
        throw std::invalid_argument(std::string("wrong shape: ") + name);
    }
    require_shape(array, {array.shape(0), rows, cols}, name);
    return {array.data(), static_cast<std::ptrdiff_t>(rows * cols)};
}

// A machine is a LinearGaussian or a tuple of such parameters, which it keeps alive.
class StepsOf {
public:
    StepsOf(const py::object& machine, std::int64_t n_steps) {
        if (py::isinstance<entroprod::LinearGaussian>(machine)) {
            steps_ = machine.cast<const entroprod::LinearGaussian&>().steps();
            return;
        }
        parameters_ = machine.cast<Parameters>();
        const auto& [state, input, output, cov, mean] = parameters_;
        const std::int64_t n = mean.shape(0);
        const std::int64_t m = input.shape(input.ndim() - 1);
        steps_ = {static_cast<int>(n),
                  static_cast<int>(m),
                  step_matrices(state, n_steps, n, n, "state_matrix"),
                  step_matrices(input, n_steps, n, m, "input_matrix"),
                  step_matrices(output, n_steps, m, n, "output_matrix"),
                  step_matrices(cov, n_steps, m, m, "innovation_cov"),
                  mean.data()};
    }
    const entroprod::MachineSteps& steps() const { return steps_; }

private:
    Parameters parameters_;
    entroprod::MachineSteps steps_{};
};

// Two machines that share their outputs.
class PairOfSteps {
public:
    PairOfSteps(const py::object& forward, const py::object& backward, std::int64_t n_steps)
        : forward_(forward, n_steps), backward_(backward, n_steps) {
        if (forward_.steps().n_outputs != backward_.steps().n_outputs) {
            throw std::invalid_argument("wrong shape: backward");
        }
    }
    const entroprod::MachineSteps& forward() const { return forward_.steps(); }
    const entroprod::MachineSteps& backward() const { return backward_.steps(); }

private:
    StepsOf forward_, backward_;
};

}  // namespace bindings
