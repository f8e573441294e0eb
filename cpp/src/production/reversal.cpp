#include "entroprod/reversal.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "numbers/large_products.hpp"
#include "runtime/work.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
namespace {

// rows (m, n) -> rows F
void pass_filter(const WhitenedMachine<double>& machine, const std::vector<double>& rows,
                 std::vector<double>& out) {
    const Extent<0> n(machine.n_states), m(machine.n_outputs);
    const Bands<double>& bands = machine.bands;
    if (bands.diagonal == nullptr) {
        multiply(m, n, n, rows.data(), machine.filter(), out.data());
        return;
    }
    for (int k = 0; k < m; ++k) {
        const double* row = rows.data() + static_cast<std::size_t>(k) * n;
        for (int j = 0; j < n; ++j) {
            const double other = (j ^ 1) < n ? row[j ^ 1] : 0.0;
            out[static_cast<std::size_t>(k) * n + j] =
                row[j] * bands.diagonal[j] + other * bands.partner_t[j];
        }
    }
}

// rows (m, n) -> rows A, with entered (m, m) = rows G
void pass_transition(const WhitenedMachine<double>& machine, const std::vector<double>& rows,
                     const std::vector<double>& entered, std::vector<double>& out) {
    const Extent<0> n(machine.n_states), m(machine.n_outputs);
    if (machine.bands.diagonal == nullptr) {
        multiply(m, n, n, rows.data(), machine.transition, out.data());
        return;
    }
    pass_filter(machine, rows, out);
    multiply_into<true>(m, m, n, entered.data(), machine.emission(), out.data());
}

// The impulse response H_0 = I, H_l = C A^{l-1} G of block l, in the order H_{T-1}, .., H_0 of the
// matrix's first block row: (m, T m).
std::vector<double> reversed_response(const WhitenedMachine<double>& machine,
                                      std::int64_t n_steps) {
    const Extent<0> n(machine.n_states), m(machine.n_outputs);
    const std::int64_t width = n_steps * m;
    std::vector<double> response(static_cast<std::size_t>(width) * m, 0.0);
    for (int i = 0; i < m; ++i) response[static_cast<std::size_t>(i * width + width - m + i)] = 1.0;
    const std::size_t wide = static_cast<std::size_t>(m) * n;
    std::vector<double> reach(machine.emission(), machine.emission() + wide);  // C A^{l-1}
    std::vector<double> next(wide), block(static_cast<std::size_t>(m) * m);
    for (std::int64_t lag = 1; lag < n_steps; ++lag) {
        multiply(m, n, m, reach.data(), machine.input, block.data());
        for (int i = 0; i < m; ++i) {
            std::copy_n(block.begin() + i * m, static_cast<int>(m),
                        response.begin() + i * width + (n_steps - 1 - lag) * m);
        }
        pass_transition(machine, reach, block, next);
        reach.swap(next);
    }
    return response;
}

// Largest absolute value; infinite if there is a NaN.
double largest(const std::vector<double>& values) {
    double result = 0.0;
    for (const double value : values) {
        if (!(std::abs(value) <= result)) result = std::abs(value);
        if (std::isnan(value)) return std::numeric_limits<double>::infinity();
    }
    return result;
}

}  // namespace

// With M = H^-1 (J H J), the matrix is M with its block columns reversed. Along a diagonal of M
// each block is its upper left neighbour plus (H^-1)_{i-1} H_{j-1}; after the reversal the
// neighbour stands one block to the right.
double innovation_reversal_matrix(const LinearGaussian& machine, std::int64_t n_steps,
                                  const Poll& poll, double* out) {
    PollWatch watch(poll);
    const WhitenedMachine<double> whitened = machine.lean();
    const Extent<0> n(whitened.n_states), m(whitened.n_outputs);
    const std::int64_t width = n_steps * m;
    const auto response = reversed_response(whitened, n_steps);
    const double largest_response = largest(response);
    double largest_inverse = 0.0;
    const auto add_row = reversal_kernels().add_row(m);

    const std::size_t wide = static_cast<std::size_t>(m) * n;
    std::vector<double> reach(wide), next(wide);                        // -C F^{l-1}
    std::vector<double> inverse(static_cast<std::size_t>(m) * m, 0.0);  // (H^-1)_l
    for (int i = 0; i < m; ++i) inverse[static_cast<std::size_t>(i) * (m + 1)] = 1.0;
    for (std::int64_t lag = 0; lag < n_steps; ++lag) {
        largest_inverse = std::max(largest_inverse, largest(inverse));
        watch.done(lag);
        for (int i = 0; i < m; ++i) {
            double* row = out + (lag * m + i) * width;
            const double* above = lag > 0 ? row - m * width + m : nullptr;
            const double* factors = inverse.data() + i * m;
            add_row(m, width - m, above, factors, response.data(), width, row);
            add_row(m, m, nullptr, factors, response.data() + width - m, width, row + width - m);
            interruption_point(static_cast<double>(width) * m);
        }
        if (lag == 0) {
            std::transform(whitened.emission(), whitened.emission() + wide, reach.begin(),
                           [](double value) { return -value; });
        } else {
            pass_filter(whitened, reach, next);
            reach.swap(next);
        }
        multiply(m, n, m, reach.data(), whitened.input, inverse.data());
    }
    return largest_response * largest_inverse * static_cast<double>(width);
}

}  // namespace entroprod
