#include "entroprod/interruption.hpp"
#include "runtime/work.hpp"

#include <utility>

namespace entroprod {
namespace {

constexpr double work_between_checks = 1e6;
constexpr std::chrono::milliseconds poll_interval{50};

thread_local Watch* innermost = nullptr;
thread_local double unchecked_work = 0.0;

}  // namespace

void interruption_point(double work) {
    if (innermost == nullptr) return;
    unchecked_work += work;
    if (unchecked_work < work_between_checks) return;
    unchecked_work = 0.0;
    for (const Watch* watch = innermost; watch != nullptr; watch = watch->outer_) watch->check_();
}

Watch::Watch(std::function<void()> check)
    : check_(std::move(check)), outer_(std::exchange(innermost, this)) {}

Watch::~Watch() { innermost = outer_; }

void PatientPoll::operator()(std::int64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < poll_interval) return;
    last_ = now;
    if (poll_ && !poll_(done)) throw Interrupted();
}

}  // namespace entroprod
