#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/moments.hpp"
#include "bindings/topics.hpp"
#include "entroprod/missing.hpp"
#include "entroprod/predictor.hpp"
#include "entroprod/time_varying.hpp"

#include <optional>

namespace py = pybind11;
using namespace entroprod;

namespace {

using bindings::Array;

// (rows, cols), or (n_steps, rows, cols).
StepMatrices step_matrices(const Array& array, std::int64_t n_steps, std::int64_t rows,
                           std::int64_t cols, const char* name) {
    if (array.ndim() == 2) {
        bindings::require_shape(array, {rows, cols}, name);
        return {array.data(), 0};
    }
    bindings::require_shape(array, {n_steps, rows, cols}, name);
    return {array.data(), static_cast<std::ptrdiff_t>(rows * cols)};
}

std::int64_t last_size(const Array& array) {
    if (array.ndim() < 2) throw std::invalid_argument("wrong shape: a matrix has two axes");
    return array.shape(array.ndim() - 1);
}

TimeVaryingMachine make_machine(const Array& state, const Array& input, const Array& output,
                                const Array& innovation_cov, const Array& initial_mean,
                                std::int64_t n_steps) {
    const std::int64_t n = last_size(state), m = last_size(input);
    bindings::require_shape(initial_mean, {n}, "initial_mean");
    const MachineSteps steps{static_cast<int>(n),
                             static_cast<int>(m),
                             step_matrices(state, n_steps, n, n, "state_matrix"),
                             step_matrices(input, n_steps, n, m, "input_matrix"),
                             step_matrices(output, n_steps, m, n, "output_matrix"),
                             step_matrices(innovation_cov, n_steps, m, m, "innovation_cov"),
                             initial_mean.data()};
    return bindings::without_gil(
        py::none(), [&](const Poll& poll) { return TimeVaryingMachine(steps, n_steps, poll); });
}

// The likelihood of complete paths, or of paths with gaps: per step, or in total.
template <auto likelihood>
Array log_densities(const TimeVaryingMachine& machine, const Array& y, bool backward, bool per_step,
                    int n_threads) {
    if (y.ndim() != 3 || y.shape(2) != machine.n_outputs()) {
        throw std::invalid_argument("wrong shape: y");
    }
    const Batch batch{y.shape(0), y.shape(1)};
    Array result = per_step ? bindings::new_array({batch.n_paths, batch.n_steps})
                            : bindings::new_array({batch.n_paths});
    double* to = result.mutable_data();
    const LogDensities out{per_step ? to : nullptr, per_step ? nullptr : to};
    const Direction direction = backward ? Direction::backward : Direction::forward;
    bindings::without_gil(py::none(), [&](const Poll& poll) {
        likelihood(machine, batch, y.data(), direction, n_threads, poll, out);
    });
    return result;
}

constexpr void (*complete)(const TimeVaryingMachine&, Batch, const double*, Direction, int,
                           const Poll&, LogDensities) = log_prob;

py::tuple exact_predictor(const Array& transition, const Array& emission, const Array& process_cov,
                          const Array& obs_cov, const Array& initial_cov, std::int64_t n_steps) {
    const std::int64_t n = last_size(transition), m = emission.shape(emission.ndim() - 2);
    bindings::require_shape(initial_cov, {n, n}, "initial_cov");
    const StateSpaceSteps model{static_cast<int>(n),
                                static_cast<int>(m),
                                step_matrices(transition, n_steps, n, n, "transition"),
                                step_matrices(emission, n_steps, m, n, "emission"),
                                step_matrices(process_cov, n_steps, n, n, "process_cov"),
                                step_matrices(obs_cov, n_steps, m, m, "obs_cov")};
    Array state = bindings::new_array({n_steps, n, n}),
          input = bindings::new_array({n_steps, n, m});
    Array innovation_cov = bindings::new_array({n_steps, m, m});
    const PredictorArrays out{state.mutable_data(), input.mutable_data(),
                              innovation_cov.mutable_data()};
    const std::int64_t done = bindings::without_gil(py::none(), [&](const Poll& poll) {
        return predict_exactly(model, initial_cov.data(), n_steps, poll, out);
    });
    return py::make_tuple(state, input, innovation_cov, done);
}

}  // namespace

void bind_time_varying(py::module_& module) {
    py::class_<TimeVaryingMachine>(module, "TimeVaryingMachine").def(py::init(&make_machine));
    module.def("time_varying_sample",
               [](const TimeVaryingMachine& machine, std::int64_t n_paths, std::int64_t n_steps,
                  std::uint64_t key, int n_threads, const py::object& progress) {
                   Array y = bindings::new_array({n_paths, n_steps, machine.n_outputs()});
                   double* out = y.mutable_data();
                   bindings::without_gil(progress, [&](const Poll& poll) {
                       sample(machine, {n_paths, n_steps}, key, n_threads, poll, out);
                   });
                   return y;
               });
    module.def("time_varying_log_prob", &log_densities<complete>);
    module.def("missing_log_prob", &log_densities<&log_prob_missing>);
    module.def("pair_monte_carlo", [](const TimeVaryingMachine& forward,
                                      const TimeVaryingMachine& backward, std::int64_t n_paths,
                                      std::int64_t n_steps, std::uint64_t key, int n_threads,
                                      const py::object& progress, std::optional<Array> sigma) {
        if (sigma) bindings::require_shape(*sigma, {n_paths}, "sigma");
        if (forward.n_outputs() != backward.n_outputs()) {
            throw std::invalid_argument("wrong shape: backward");
        }
        double* out = sigma ? sigma->mutable_data() : nullptr;
        return bindings::as_dict(bindings::without_gil(progress, [&](const Poll& poll) {
            return monte_carlo(forward, backward, {n_paths, n_steps}, key, n_threads, poll, out);
        }));
    });
    module.def("pair_monte_carlo_memory",
               [](const TimeVaryingMachine& forward, const TimeVaryingMachine& backward,
                  std::int64_t n_paths, std::int64_t n_steps, int n_threads) {
                   return pair_monte_carlo_memory(forward, backward, {n_paths, n_steps}, n_threads);
               });
    module.def("exact_predictor", &exact_predictor);
}
