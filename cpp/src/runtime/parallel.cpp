#include "entroprod/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace entroprod {
namespace {

// While the calling thread waits for the others it asks the poll this often.
constexpr std::chrono::milliseconds waiting_interval{50};

// One call of parallel_for, shared by its threads.
class Job {
public:
    Job(std::int64_t n_tasks, const std::function<void(std::int64_t, int)>& task)
        : n_tasks_(n_tasks), task_(task) {}

    // Takes tasks until there are none; between tasks, and within them at interruption points, asks
    // `poll` if there is one.
    void work(int worker, PatientPoll* poll) {
        try {
            const auto check = [this, poll] {
                // Another thread has failed, and its error is the one that counts.
                if (stopped_.load(std::memory_order_relaxed)) throw Interrupted();
                if (poll != nullptr) (*poll)(done());
            };
            const Watch watch(check);
            while (!stopped_.load(std::memory_order_relaxed)) {
                const std::int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
                if (index >= n_tasks_) break;
                task_(index, worker);
                done_.fetch_add(1, std::memory_order_relaxed);
                check();
            }
        } catch (...) {
            fail(std::current_exception());
        }
    }

    void fail(std::exception_ptr error) {
        const std::lock_guard lock(error_mutex_);
        if (!error_) error_ = std::move(error);
        stopped_ = true;
    }

    void rethrow() {
        if (error_) std::rethrow_exception(error_);
    }

    std::int64_t done() const { return done_.load(std::memory_order_relaxed); }

private:
    const std::int64_t n_tasks_;
    const std::function<void(std::int64_t, int)>& task_;
    std::atomic<std::int64_t> next_{0};
    std::atomic<std::int64_t> done_{0};
    std::atomic<bool> stopped_{false};
    std::mutex error_mutex_;
    std::exception_ptr error_;
};

// Threads that wait for a job. Only one job runs at a time.
class Pool {
public:
    // False if the pool is busy: then nothing has been done.
    bool try_run(Job& job, int n_helpers, const Poll& poll) {
        // A flag and no mutex, since a task of the pool may ask again on the same thread.
        if (busy_.test_and_set(std::memory_order_acquire)) return false;
        const std::unique_ptr<std::atomic_flag, void (*)(std::atomic_flag*)> release(
            &busy_, [](std::atomic_flag* flag) { flag->clear(std::memory_order_release); });
        while (static_cast<int>(threads_.size()) < n_helpers) {
            const int worker = static_cast<int>(threads_.size()) + 1;
            threads_.emplace_back([this, worker] { serve(worker); });
        }
        {
            const std::lock_guard lock(mutex_);
            job_ = &job;
            n_helpers_ = n_helpers;
            running_ = n_helpers;
            ++generation_;
        }
        wake_.notify_all();
        PatientPoll patient(poll);
        job.work(0, &patient);
        wait(job, patient);
        return true;
    }

private:
    void wait(Job& job, PatientPoll& poll) {
        std::unique_lock lock(mutex_);
        while (!idle_.wait_for(lock, waiting_interval, [this] { return running_ == 0; })) {
            lock.unlock();
            try {
                poll(job.done());
            } catch (...) {
                job.fail(std::current_exception());
            }
            lock.lock();
        }
        job_ = nullptr;
    }

    void serve(int worker) {
        std::uint64_t seen = 0;
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [&] { return generation_ != seen; });
            seen = generation_;
            if (worker > n_helpers_) continue;
            Job* job = job_;
            lock.unlock();
            job->work(worker, nullptr);
            lock.lock();
            if (--running_ == 0) idle_.notify_one();
        }
    }

    std::atomic_flag busy_;
    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    std::vector<std::thread> threads_;
    Job* job_ = nullptr;
    int n_helpers_ = 0;
    int running_ = 0;
    std::uint64_t generation_ = 0;
};

// Leaked on purpose: joining threads while the process shuts down can hang, and a forked child
// has none of the parent's threads, so it must neither use nor destroy the parent's pool.
Pool* the_pool = nullptr;
std::mutex* the_pool_mutex = new std::mutex;

Pool& pool() {
#if defined(__unix__) || defined(__APPLE__)
    static const bool registered = [] {
        pthread_atfork(nullptr, nullptr, [] {
            the_pool = nullptr;
            the_pool_mutex = new std::mutex;
        });
        return true;
    }();
    static_cast<void>(registered);
#endif
    const std::lock_guard lock(*the_pool_mutex);
    if (the_pool == nullptr) the_pool = new Pool;
    return *the_pool;
}

}  // namespace

void parallel_for(std::int64_t n_tasks, int n_threads,
                  const std::function<void(std::int64_t, int)>& task, const Poll& poll) {
    Job job(n_tasks, task);
    const int n_helpers = static_cast<int>(std::min<std::int64_t>(n_threads, n_tasks)) - 1;
    if (n_helpers < 1 || !pool().try_run(job, n_helpers, poll)) {
        PatientPoll patient(poll);
        job.work(0, &patient);
    }
    job.rethrow();
}

}  // namespace entroprod
