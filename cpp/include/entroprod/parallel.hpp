// Threads for independent tasks, and the way a caller watches and stops long work.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>

namespace entroprod {

// Called now and then, only on the thread that started the work, with the number of tasks (or
// steps) done so far; returning false stops the work, which then throws Interrupted.
using Poll = std::function<bool(std::int64_t done)>;

struct Interrupted : std::exception {
    const char* what() const noexcept override { return "interrupted"; }
};

// Calls task(index, worker) for index = 0 .. n_tasks - 1, each once, in any order, on n_threads
// threads of which the calling one is the first; worker < n_threads is different for tasks that
// run at the same time. The threads are kept for the next call; a forked child starts its own.
// The first exception of a task stops the rest and is thrown here. Reentrant calls and calls from
// several threads at once are safe: those that find the threads busy work alone.
void parallel_for(std::int64_t n_tasks, int n_threads,
                  const std::function<void(std::int64_t index, int worker)>& task,
                  const Poll& poll);

}  // namespace entroprod
