#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/moments.hpp"
#include "bindings/topics.hpp"
#include "entroprod/trajectory.hpp"

#include <optional>

namespace py = pybind11;
using namespace entroprod;

namespace {

Batch batch_of(const LinearGaussian& machine, const bindings::Array& y) {
    if (y.ndim() != 3 || y.shape(2) != machine.n_outputs()) {
        throw std::invalid_argument("wrong shape: y");
    }
    return {y.shape(0), y.shape(1)};
}

}  // namespace

void bind_trajectory(py::module_& module) {
    module.def("sample",
               [](const LinearGaussian& machine, std::int64_t n_paths, std::int64_t n_steps,
                  std::uint64_t key, int n_threads, const py::object& progress) {
                   bindings::Array y = bindings::new_array({n_paths, n_steps, machine.n_outputs()});
                   double* out = y.mutable_data();
                   bindings::without_gil(progress, [&](const Poll& poll) {
                       sample(machine, {n_paths, n_steps}, key, n_threads, poll, out);
                   });
                   return y;
               });
    module.def("log_prob",
               [](const LinearGaussian& machine, const bindings::Array& y, int n_threads) {
                   const Batch batch = batch_of(machine, y);
                   bindings::Array result = bindings::new_array({batch.n_paths, batch.n_steps});
                   double* out = result.mutable_data();
                   bindings::without_gil(py::none(), [&](const Poll& poll) {
                       log_prob(machine, batch, y.data(), n_threads, poll, out);
                   });
                   return result;
               });
    module.def("log_prob_both_ways", [](const LinearGaussian& machine, const bindings::Array& y,
                                        int n_threads) {
        const Batch batch = batch_of(machine, y);
        bindings::Array forward = bindings::new_array({batch.n_paths});
        bindings::Array backward = bindings::new_array({batch.n_paths});
        double* out[] = {forward.mutable_data(), backward.mutable_data()};
        bindings::without_gil(py::none(), [&](const Poll& poll) {
            log_prob_both_ways(machine, batch, y.data(), n_threads, poll, out[0], out[1]);
        });
        return py::make_tuple(forward, backward);
    });
    module.def("monte_carlo", [](const LinearGaussian& machine, std::int64_t n_paths,
                                 std::int64_t n_steps, std::uint64_t key, int n_threads,
                                 const py::object& progress, std::optional<bindings::Array> sigma) {
        if (sigma) bindings::require_shape(*sigma, {n_paths}, "sigma");
        double* out = sigma ? sigma->mutable_data() : nullptr;
        return bindings::as_dict(bindings::without_gil(progress, [&](const Poll& poll) {
            return monte_carlo(machine, {n_paths, n_steps}, key, n_threads, poll, out);
        }));
    });
    module.def("monte_carlo_memory", &monte_carlo_memory);
    module.def("paths_per_task", &paths_per_task);
}
