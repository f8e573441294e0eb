// Arrays in and out, and long work without the GIL. Arguments are validated in Python; what is
// checked here only protects memory.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <utility>

#include "entroprod/interruption.hpp"

namespace bindings {

namespace py = pybind11;

using Array = py::array_t<double, py::array::c_style>;

inline void require_shape(const Array& array, std::initializer_list<std::int64_t> shape,
                          const char* name) {
    bool same = array.ndim() == static_cast<py::ssize_t>(shape.size());
    py::ssize_t axis = 0;
    for (const std::int64_t size : shape) same = same && array.shape(axis++) == size;
    if (!same) throw std::invalid_argument(std::string("wrong shape: ") + name);
}

inline Array new_array(std::initializer_list<std::int64_t> shape) {
    return Array(std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

// Runs work(poll) without the GIL. The poll, on the calling thread only, lets Python handle
// signals, so that Ctrl-C works, and calls progress(done) unless it is None.
template <class Work>
auto without_gil(const py::object& progress, Work&& work) {
    const entroprod::Poll poll = [&progress](std::int64_t done) {
        const py::gil_scoped_acquire acquired;
        if (PyErr_CheckSignals() != 0) return false;
        if (progress.is_none()) return true;
        try {
            progress(done);
        } catch (py::error_already_set& error) {
            error.restore();
            return false;
        }
        return true;
    };
    try {
        const py::gil_scoped_release released;
        return std::forward<Work>(work)(poll);
    } catch (const entroprod::Interrupted&) {
        throw py::error_already_set();  // the error that the poll has left
    }
}

}  // namespace bindings
