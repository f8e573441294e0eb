// How work that may take long says how much it has done; watching it is entroprod/interruption.hpp.
#pragma once

namespace entroprod {

// Work is counted in multiplications of doubles; a double-double one costs as much as so many.
inline constexpr double work_of_extended = 20.0;

// Every loop that may run for long says here, on its own thread, how much it has done since it was
// last here: at most some 10^7, so that an answer takes milliseconds. A function call where nobody
// watches; else asks the thread's watches about every 10^6, and throws what they throw.
void interruption_point(double work);

}  // namespace entroprod
