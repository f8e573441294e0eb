#include "entroprod/parallel.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"
#include "runtime/work.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using entroprod::Interrupted;
using entroprod::parallel_for;

namespace {

bool each_once(std::int64_t n_tasks, int n_threads) {
    std::vector<std::atomic<int>> counts(static_cast<std::size_t>(n_tasks));
    parallel_for(n_tasks, n_threads, [&](std::int64_t index, int) { ++counts[index]; }, nullptr);
    for (const auto& count : counts) {
        if (count != 1) return false;
    }
    return true;
}

void doze() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

}  // namespace

TEST(every_task_runs_once) {
    for (const int n_threads : {1, 2, 3, 8, 2}) {
        for (const std::int64_t n_tasks : {0, 1, 2, 7, 1000}) CHECK(each_once(n_tasks, n_threads));
    }
}

TEST(tasks_at_the_same_time_have_different_workers) {
    constexpr int n_threads = 4;
    std::atomic<int> busy[n_threads] = {};
    std::atomic<bool> clash = false, outside = false;
    parallel_for(
        200, n_threads,
        [&](std::int64_t, int worker) {
            if (worker < 0 || worker >= n_threads) {
                outside = true;
                return;
            }
            if (busy[worker]++ != 0) clash = true;
            std::this_thread::sleep_for(std::chrono::microseconds(100));
            --busy[worker];
        },
        nullptr);
    CHECK(!clash);
    CHECK(!outside);
}

TEST(first_exception_stops_the_rest) {
    for (const int n_threads : {1, 3}) {
        std::atomic<std::int64_t> ran = 0;
        const auto failing = [&](std::int64_t index, int) {
            ++ran;
            if (index == 5) throw std::runtime_error("task 5");
            doze();
        };
        CHECK_THROWS(std::runtime_error, parallel_for(100000, n_threads, failing, nullptr));
        CHECK(ran < 1000);
        CHECK(each_once(100, n_threads));
    }
}

TEST(poll_sees_progress_on_the_calling_thread_and_stops) {
    for (const int n_threads : {1, 3}) {
        const auto caller = std::this_thread::get_id();
        bool elsewhere = false;
        std::int64_t last = 0;
        int calls = 0;
        const auto poll = [&](std::int64_t done) {
            elsewhere = elsewhere || std::this_thread::get_id() != caller || done < last;
            last = done;
            return ++calls < 3;
        };
        CHECK_THROWS(Interrupted,
                     parallel_for(100000, n_threads, [](std::int64_t, int) { doze(); }, poll));
        CHECK(calls == 3);
        CHECK(!elsewhere);
        CHECK(last > 0);
        CHECK(each_once(100, n_threads));
    }
}

TEST(tasks_stop_at_interruption_points) {
    const auto endless = [](std::int64_t index, int) {
        while (true) {
            entroprod::interruption_point(1e6);
            if (index == 1) doze();
        }
    };
    const auto stop = [](std::int64_t) { return false; };
    for (const int n_threads : {1, 2, 3}) {
        CHECK_THROWS(Interrupted, parallel_for(3, n_threads, endless, stop));
    }
    const auto failing = [&](std::int64_t index, int worker) {
        if (index == 2) throw std::runtime_error("task 2");
        endless(index, worker);
    };
    CHECK_THROWS(std::runtime_error, parallel_for(3, 3, failing, nullptr));
    CHECK(each_once(100, 3));
}

TEST(poll_may_throw) {
    const auto poll = [](std::int64_t) -> bool { throw std::logic_error("from poll"); };
    CHECK_THROWS(std::logic_error,
                 parallel_for(100000, 2, [](std::int64_t, int) { doze(); }, poll));
}

TEST(nested_calls_run_alone) {
    std::atomic<int> inner = 0;
    parallel_for(
        8, 3,
        [&](std::int64_t, int) {
            parallel_for(
                10, 3,
                [&](std::int64_t, int worker) {
                    ++inner;
                    if (worker != 0) throw std::logic_error("a nested call has found helpers");
                },
                nullptr);
        },
        nullptr);
    CHECK(inner == 80);
}

TEST(callers_on_several_threads) {
    std::atomic<int> right = 0;
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&] {
            for (int repeat = 0; repeat < 50; ++repeat) right += each_once(64, 3) ? 1 : 0;
        });
    }
    for (auto& caller : callers) caller.join();
    CHECK(right == 200);
}

#if defined(__unix__) || defined(__APPLE__)
TEST(forked_child_starts_its_own_threads) {
    CHECK(each_once(100, 3));  // the parent's threads exist
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);  // a child that waits for threads it hasn't got is killed
        _exit(each_once(100, 3) && each_once(100, 2) ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(each_once(100, 3));
}
#endif
