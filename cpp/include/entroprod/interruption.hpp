// The way a caller watches and stops long work.
#pragma once

#include <chrono>
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

// Watches its thread's work until it is destroyed: the check may throw to stop it. Watches are
// nested, and the inner ones are asked first.
class Watch {
public:
    explicit Watch(std::function<void()> check);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

private:
    friend void interruption_point(double);
    std::function<void()> check_;
    Watch* outer_;
};

// Asks a poll, which may be costly, at most every 50 ms.
class PatientPoll {
public:
    explicit PatientPoll(const Poll& poll) : poll_(poll) {}

    void operator()(std::int64_t done);

private:
    const Poll& poll_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// A poll that watches the thread it is made on, with the steps that `done` tells.
class PollWatch {
public:
    explicit PollWatch(const Poll& poll) : poll_(poll), watch_([this] { poll_(done_); }) {}

    void done(std::int64_t steps) { done_ = steps; }

private:
    PatientPoll poll_;
    std::int64_t done_ = 0;
    Watch watch_;
};

}  // namespace entroprod
