// Small matrices of double-double numbers, for what is done once and has to be right to the last
// digit of double.
#pragma once

#include <cstddef>
#include <vector>

#include "numbers/large_products.hpp"

namespace entroprod {

class WideMatrix {
public:
    WideMatrix() = default;
    WideMatrix(int rows, int cols)
        : rows_(rows), cols_(cols), values_(static_cast<std::size_t>(rows) * cols) {}
    template <class Real>
    WideMatrix(int rows, int cols, const Real* values) : WideMatrix(rows, cols) {
        for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = Extended(values[i]);
    }

    WideMatrix transposed() const {
        WideMatrix result(cols_, rows_);
        transpose(Extent<0>(rows_), Extent<0>(cols_), values_.data(), result.values_.data());
        return result;
    }

    friend WideMatrix operator*(const WideMatrix& a, const WideMatrix& b) {
        WideMatrix result(a.rows_, b.cols_);
        multiply(Extent<0>(a.rows_), Extent<0>(a.cols_), Extent<0>(b.cols_), a.values_.data(),
                 b.values_.data(), result.values_.data());
        return result;
    }
    friend WideMatrix operator+(WideMatrix a, const WideMatrix& b) {
        for (std::size_t i = 0; i < a.values_.size(); ++i) a.values_[i] += b.values_[i];
        return a;
    }
    friend WideMatrix operator-(WideMatrix a) {
        for (Extended& value : a.values_) value = -value;
        return a;
    }

    // Appends the entries, rounded.
    template <class Real>
    void append_to(std::vector<Real>& numbers) const {
        for (const Extended& value : values_) numbers.push_back(Real(to_double(value)));
    }

private:
    int rows_ = 0, cols_ = 0;
    std::vector<Extended> values_;
};

}  // namespace entroprod
