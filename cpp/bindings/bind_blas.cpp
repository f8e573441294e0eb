#include "bindings/topics.hpp"
#include "entroprod/blas.hpp"
#include "entroprod/instruction_set.hpp"

#include <cstdint>

void bind_blas(pybind11::module_& module) {
    module.def("set_gemm_address", [](std::uintptr_t address) {
        entroprod::blas::set_gemm(reinterpret_cast<entroprod::blas::Gemm>(address));
    });
    module.def("instruction_set", [] { return entroprod::instruction_set(); });
}
