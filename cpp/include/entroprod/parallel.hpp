// Threads for independent tasks.
#pragma once

#include <cstdint>
#include <functional>

#include "entroprod/interruption.hpp"

namespace entroprod {

// Calls task(index, worker) for index = 0 .. n_tasks - 1, each once, in any order, on n_threads
// threads of which the calling one is the first; worker < n_threads is different for tasks that
// run at the same time. The threads are kept for the next call; a forked child starts its own.
// The first exception of a task or of the poll stops the rest, running tasks at their next
// interruption point, and is thrown here. Reentrant calls and calls from
// several threads at once are safe: those that find the threads busy work alone.
void parallel_for(std::int64_t n_tasks, int n_threads,
                  const std::function<void(std::int64_t index, int worker)>& task,
                  const Poll& poll);

}  // namespace entroprod
