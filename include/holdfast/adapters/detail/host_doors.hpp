#pragma once
// What the doors of an adapter on the CPU have in common: shapes that must fit, the start of A, the seed of a
// dropout mask. Builds
// on lora_options.hpp and lora_saved.hpp.

#include <holdfast/adapters/lora_options.hpp>
#include <holdfast/adapters/lora_saved.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/detail/dropout.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace holdfast::adapters::detail {

template <class T>
void expect(const char* door, const char* name, const matrix_view<T>& m, std::size_t rows, std::size_t cols) {
    require(m.rows() == rows && m.cols() == cols, door, ": ", name, " must be [", rows, ", ", cols, "], it is [",
            m.rows(), ", ", m.cols(), "]");
}

/// A's start: uniform in +-1 / sqrt(in).
template <class T>
void draw_a(matrix<T>& a, philox& g) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(a.cols()));
    for (T& value : a.values()) value = static_cast<T>((2 * uniform(g) - 1) * bound);
}

/// What forward left must be of this input and this adapter.
template <class T>
void expect_saved(const char* door, const lora_saved<T>& s, std::size_t rows, const lora_options& o) {
    require(s.u.rows() == rows && s.u.cols() == o.rank, door, ": what forward saved is for ", s.u.rows(),
            " rows and rank ", s.u.cols(), ", x has ", rows, " rows and the adapter rank ", o.rank);
    const std::size_t words = rows * kernels::mask_words(o.in);
    require(s.mask.empty() || s.mask.size() == words, door, ": the saved dropout mask has ", s.mask.size(),
            " words, it must have ", words);
}

/// One seed of 64 bits from any generator.
template <class G>
std::uint64_t dropout_seed(G& g) {
    const std::uint64_t low = static_cast<std::uint32_t>(g()), high = static_cast<std::uint32_t>(g());
    return low | high << 32;
}

}  // namespace holdfast::adapters::detail
