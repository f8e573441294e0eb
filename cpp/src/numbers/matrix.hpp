// Matrices that know their shape and own their numbers, for what is done seldom.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "numbers/large_products.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {

template <class Real>
struct Matrix {
    Matrix() = default;
    Matrix(int n_rows, int n_cols)
        : rows(n_rows),
          cols(n_cols),
          values(static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(n_cols), Real(0.0)) {}
    template <class Number>
    Matrix(int n_rows, int n_cols, const Number* from) : Matrix(n_rows, n_cols) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = Real(from[i]);
    }

    Real& operator()(int i, int j) { return values[static_cast<std::size_t>(i) * cols + j]; }
    const Real& operator()(int i, int j) const {
        return values[static_cast<std::size_t>(i) * cols + j];
    }
    const Real* data() const { return values.data(); }
    Real* data() { return values.data(); }
    std::size_t size() const { return values.size(); }

    Matrix& operator+=(const Matrix& other) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += other.values[i];
        return *this;
    }
    Matrix& operator-=(const Matrix& other) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] -= other.values[i];
        return *this;
    }

    // Appends the entries, rounded.
    void append_to(std::vector<double>& numbers) const {
        for (const Real& value : values) numbers.push_back(to_double(value));
    }

    int rows = 0, cols = 0;
    std::vector<Real> values;
};

template <class Real>
Matrix<Real> operator*(const Matrix<Real>& a, const Matrix<Real>& b) {
    Matrix<Real> result(a.rows, b.cols);
    production_kernels<Real>().multiply(a.rows, a.cols, b.cols, a.data(), b.data(), result.data());
    return result;
}

template <class Real>
Matrix<Real> operator+(Matrix<Real> a, const Matrix<Real>& b) {
    return a += b;
}

template <class Real>
Matrix<Real> operator-(Matrix<Real> a, const Matrix<Real>& b) {
    return a -= b;
}

template <class Real>
Matrix<Real> operator-(Matrix<Real> a) {
    for (Real& value : a.values) value = -value;
    return a;
}

template <class Real>
Matrix<Real> transposed(const Matrix<Real>& a) {
    Matrix<Real> result(a.cols, a.rows);
    transpose(Extent<0>(a.rows), Extent<0>(a.cols), a.data(), result.data());
    return result;
}

template <class Real>
Real inner(const Matrix<Real>& a, const Matrix<Real>& b) {
    return inner_product(Extent<0>(a.rows * a.cols), a.data(), b.data());
}

// The sum of the sizes of the terms of an inner product.
template <class Real>
double inner_size(const Matrix<Real>& a, const Matrix<Real>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        sum += std::abs(to_double(a.values[i]) * to_double(b.values[i]));
    }
    return sum;
}

template <class Real>
double norm(const Matrix<Real>& a) {
    return std::sqrt(inner_size(a, a));
}

template <class Real>
double trace(const Matrix<Real>& a) {
    double sum = 0.0;
    for (int i = 0; i < a.rows; ++i) sum += to_double(a(i, i));
    return sum;
}

// In double-double, for what has to be right to the last digit of double.
using WideMatrix = Matrix<Extended>;

}  // namespace entroprod
