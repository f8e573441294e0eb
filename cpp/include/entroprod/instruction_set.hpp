// Which of the compiled instruction sets this processor runs.
#pragma once

namespace entroprod {

const char* instruction_set();  // "baseline", "avx2" or "avx512"

}  // namespace entroprod
