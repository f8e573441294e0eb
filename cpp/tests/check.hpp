// A test runner that fits on a screen: TEST registers, CHECK reports and goes on.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <vector>

namespace check {

struct Test {
    const char* name;
    void (*run)();
};

inline std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

inline int& failures() {
    static int count = 0;
    return count;
}

struct Registration {
    Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

inline void expect(bool holds, const char* text, const char* file, int line) {
    if (holds) return;
    ++failures();
    std::printf("%s:%d: failed: %s\n", file, line, text);
}

// |got - wanted| <= relative |wanted| + absolute; false for NaN.
inline void expect_close(double got, double wanted, double relative, double absolute,
                         const char* text, const char* file, int line) {
    const double allowed = relative * std::abs(wanted) + absolute;
    if (std::abs(got - wanted) <= allowed) return;
    ++failures();
    std::printf("%s:%d: failed: %s: got %.17g, wanted %.17g +- %.3g\n", file, line, text, got,
                wanted, allowed);
}

template <class Exception, class Call>
bool throws(Call&& call) {
    try {
        call();
    } catch (const Exception&) {
        return true;
    }
    return false;
}

inline int run_all() {
    for (const Test& test : tests()) {
        const int before = failures();
        try {
            test.run();
        } catch (const std::exception& error) {
            ++failures();
            std::printf("%s: unexpected exception: %s\n", test.name, error.what());
        }
        std::printf("%s %s\n", failures() == before ? "ok    " : "FAILED", test.name);
        std::fflush(stdout);
    }
    return failures() == 0 ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                                        \
    static void test_##name();                                            \
    static const check::Registration register_##name(#name, test_##name); \
    static void test_##name()
#define CHECK(condition) check::expect((condition), #condition, __FILE__, __LINE__)
#define CHECK_CLOSE(got, wanted, relative, absolute) \
    check::expect_close(got, wanted, relative, absolute, #got, __FILE__, __LINE__)
#define CHECK_THROWS(exception, ...) \
    check::expect(check::throws<exception>([&] { __VA_ARGS__; }), #__VA_ARGS__, __FILE__, __LINE__)
