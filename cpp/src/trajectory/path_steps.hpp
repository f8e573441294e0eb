// Observations, or innovations, of some steps of a group of paths: (step, component, lane).
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/trajectory/trajectory_kernels.hpp"
#include "trajectory/path_tasks.hpp"

namespace entroprod {

class PathSteps {
public:
    // Kernels are those of either kind of machine; they tell the lanes. Room for one step more,
    // since normals come in pairs.
    template <class Kernels>
    PathSteps(const Kernels& kernels, int n_outputs, std::int64_t n_steps)
        : draw_normals_(kernels.draw_normals),
          m_(n_outputs),
          lanes_(kernels.lanes),
          values_(static_cast<std::size_t>(n_steps + 1) * m_ * lanes_) {}

    int lanes() const { return lanes_; }
    double* at(std::int64_t step) const { return values_.get() + step * m_ * lanes_; }

    // Innovations of steps first_step .. + n_steps, put at step `to`.
    void draw(std::uint64_t key, std::int64_t first_path, std::int64_t first_step,
              std::int64_t n_steps, std::int64_t to = 0) {
        draw_normals_(key, static_cast<std::uint64_t>(first_path),
                      static_cast<std::uint64_t>(first_step) * m_, n_steps * m_, at(to));
    }

    // Steps first_step .. + n_steps of `count` paths from y (count, T, m), or into it.
    void read(const double* y, std::int64_t total_steps, std::int64_t first_step,
              std::int64_t n_steps, std::int64_t count) {
        const std::int64_t size = n_steps * m_;
        for (std::int64_t lane = 0; lane < count; ++lane) {
            const double* from = y + (lane * total_steps + first_step) * m_;
            for (std::int64_t i = 0; i < size; ++i) values_.get()[i * lanes_ + lane] = from[i];
        }
    }
    void write(double* y, std::int64_t total_steps, std::int64_t first_step, std::int64_t n_steps,
               std::int64_t count) const {
        const std::int64_t size = n_steps * m_;
        for (std::int64_t lane = 0; lane < count; ++lane) {
            double* to = y + (lane * total_steps + first_step) * m_;
            for (std::int64_t i = 0; i < size; ++i) to[i] = values_.get()[i * lanes_ + lane];
        }
    }

private:
    TrajectoryKernels::DrawNormals draw_normals_;
    int m_, lanes_;
    PackMemory values_;
};

}  // namespace entroprod
