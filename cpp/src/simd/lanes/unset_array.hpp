// An array whose numbers are left unset.
#pragma once

#include <cstddef>

namespace entroprod {

template <class Entry>
class UnsetArray {
public:
    explicit UnsetArray(std::size_t size) : data_(new Entry[size]) {}
    ~UnsetArray() { delete[] data_; }
    UnsetArray(const UnsetArray&) = delete;
    UnsetArray& operator=(const UnsetArray&) = delete;

    Entry* get() const { return data_; }

private:
    Entry* data_;
};

}  // namespace entroprod
