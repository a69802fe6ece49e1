#pragma once
// The low-rank adapter (LoRA) of a frozen linear layer, on the CPU: forward, gradients, dropout, merge and unmerge.
// Builds on core and on detail/product.hpp (Eigen). x is never copied: with dropout, panels of a few rows are masked
// on their way into the product. Leaves out the optimiser, and the GPU (lora.cuh, same names).

#include <holdfast/adapters/detail/host_doors.hpp>
#include <holdfast/adapters/detail/product.hpp>
#include <holdfast/adapters/lora_options.hpp>
#include <holdfast/adapters/lora_saved.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/detail/dropout.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::adapters {

/// A low-rank adapter (LoRA) beside a frozen weight W [out, in]:
///
///     y = x W' + s drop(x) A' B'      s = alpha / r, or alpha / sqrt(r)      drop(x) = m . x / (1 - p)
///
/// A [r, in] starts Kaiming-uniform, B [out, r] at zero, so that a new adapter changes nothing. The mask m depends on
/// a seed drawn from the caller's generator, the row and the column: not on threads, tiles or the device. T is float
/// or double. Every function takes Eigen, xtensor, holdfast::matrix or views, row- or column-major, without a copy (a
/// matrix with two strides above one is copied). Results do not depend on the number of threads.
///
/// @see Hu et al. 2021 (LoRA), arXiv:2106.09685; Kalajdzievski 2023 (rsLoRA), arXiv:2312.03732
template <std::floating_point T>
class lora {
  public:
    using options = lora_options;
    using saved = lora_saved<T>;
    using gradients = lora_gradients<T>;

    /// @param o  shapes and hyper-parameters
    /// @param g  where A's start is drawn from: uniform in +-1 / sqrt(in), as PEFT does
    /// @throw    invalid_argument if a size is 0, p is outside [0, 1), or alpha is not finite
    explicit lora(options o, philox g = philox{0})
        : options_(o), a_(checked(o, "adapters::lora").rank, o.in), b_(o.out, o.rank) {
        detail::draw_a(a_, g);
    }

    [[nodiscard]] const options& shape() const { return options_; }
    /// A [r, in] and B [out, r], to train, save or load in place.
    [[nodiscard]] matrix_view<T> a() { return a_.view(); }
    [[nodiscard]] matrix_view<T> b() { return b_.view(); }
    [[nodiscard]] matrix_view<const T> a() const { return a_.view(); }
    [[nodiscard]] matrix_view<const T> b() const { return b_.view(); }
    /// s: alpha / r, or alpha / sqrt(r) where rank-stabilised.
    [[nodiscard]] double scale() const { return options_.scale(); }
    /// Numbers to train: r (in + out).
    [[nodiscard]] std::size_t parameters() const { return a_.size() + b_.size(); }

    /// The adapted layer, training: y = x W' + s drop(x) A' B'.
    ///
    /// @param x  input [m, in];  @param w  frozen weight [out, in];  @param y  output [m, out], overwritten
    /// @param g  one 64-bit seed is drawn from it if p > 0; untouched otherwise
    /// @return   what backward needs
    /// @throw    invalid_argument if a shape does not fit
    /// @cost     2 m in out + 2 m r (in + out) operations
    template <matrix_like X, matrix_like W, matrix_like Y, uniform_random_generator G>
    saved forward(const X& x, const W& w, Y&& y, G& g) const {
        base<false>("adapters::lora::forward", holdfast::view(x), holdfast::view(w), holdfast::view(y));
        return add_to(x, y, g);
    }

    /// The adapted layer in use (no dropout): y = x W' + s x A' B'.
    template <matrix_like X, matrix_like W, matrix_like Y>
    saved forward(const X& x, const W& w, Y&& y) const {
        base<false>("adapters::lora::forward", holdfast::view(x), holdfast::view(w), holdfast::view(y));
        return add_to(x, y);
    }

    /// Only the adapter's part, y += s drop(x) A' B', for callers that computed x W' themselves.
    template <matrix_like X, matrix_like Y, uniform_random_generator G>
    saved add_to(const X& x, Y&& y, G& g) const {
        saved s;
        add_to(x, y, s, g);
        return s;
    }

    /// The same, without dropout.
    template <matrix_like X, matrix_like Y>
    saved add_to(const X& x, Y&& y) const {
        saved s;
        add_to(x, y, s);
        return s;
    }

    /// The same into a record that is used again: no allocation once it has its size.
    template <matrix_like X, matrix_like Y, uniform_random_generator G>
    void add_to(const X& x, Y&& y, saved& s, G& g) const {
        add<true>(holdfast::view(x), holdfast::view(y), s, options_.dropout > 0 ? detail::dropout_seed(g) : 0);
    }
    template <matrix_like X, matrix_like Y>
    void add_to(const X& x, Y&& y, saved& s) const {
        add<false>(holdfast::view(x), holdfast::view(y), s, 0);
    }

    /// All gradients, given dy = dL/dy [m, out]:
    ///
    ///     ds = s / (1 - p) dy B      dx = dy W + m . (ds A)      dA = ds' (m . x)      dB = dy' u
    ///
    /// @throw invalid_argument if a shape does not fit, or `s` belongs to another input
    template <matrix_like Dy, matrix_like X, matrix_like W>
    [[nodiscard]] gradients backward(const Dy& dy, const X& x, const W& w, const saved& s) const {
        const auto rows = holdfast::view(x).rows();
        gradients g{matrix<T>(rows, options_.in), matrix<T>(options_.rank, options_.in),
                    matrix<T>(options_.out, options_.rank)};
        base<true>("adapters::lora::backward", holdfast::view(dy), holdfast::view(w), g.x.view());
        backward_into(dy, x, s, g.a, g.b, g.x);
        return g;
    }

    /// The adapter's part of the gradients, added: da += dA, db += dB, and dx += m . (ds A) where dx is given (it
    /// then holds dy W already). Allocates nothing that lasts: gradients of several batches add up in place.
    template <matrix_like Dy, matrix_like X, matrix_like Da, matrix_like Db, matrix_like Dx>
    void backward_into(const Dy& dy, const X& x, const saved& s, Da&& da, Db&& db, Dx&& dx) const {
        back(holdfast::view(dy), holdfast::view(x), s, holdfast::view(da), holdfast::view(db), holdfast::view(dx),
             true);
    }
    template <matrix_like Dy, matrix_like X, matrix_like Da, matrix_like Db>
    void backward_into(const Dy& dy, const X& x, const saved& s, Da&& da, Db&& db) const {
        back(holdfast::view(dy), holdfast::view(x), s, holdfast::view(da), holdfast::view(db), matrix_view<T>{}, false);
    }

    /// w += s B A: the adapter becomes part of the weight [out, in]. Taking it out again is exact up to rounding only.
    template <matrix_like W>
    void merge_into(W&& w) const {
        merge("adapters::lora::merge_into", holdfast::view(w), scale());
    }
    template <matrix_like W>
    void unmerge_from(W&& w) const {
        merge("adapters::lora::unmerge_from", holdfast::view(w), -scale());
    }

  private:
    using reading = matrix_view<const T>;
    using writing = matrix_view<T>;
    static constexpr std::size_t panel_rows = 32;   // masked rows of x at a time: fits the first caches
    static constexpr std::size_t panel_cols = 256;  // columns of dA at a time; a multiple of 32

    [[nodiscard]] kernels::dropout_key key(std::uint64_t seed) const {
        return kernels::dropout_key::make(seed, options_.dropout);
    }

    /// y = x W', or for the gradient dx = dy W.
    template <bool Transposed>
    void base(const char* door, reading x, reading w, writing y) const {
        detail::expect(door, "w", w, options_.out, options_.in);
        const std::size_t m = Transposed ? y.rows() : x.rows();  // y is our own for the gradient
        detail::expect(door, Transposed ? "dy" : "x", x, m, Transposed ? options_.out : options_.in);
        detail::expect(door, "y", y, m, Transposed ? options_.in : options_.out);
        detail::product<T>(y, x, Transposed ? w : w.transposed(), T{1}, false);
    }

    /// panel[i, j] = m . x for rows [row, row + rows) and columns [32 word, 32 word + cols); `panel` is row-major.
    void masked(reading x, const saved& s, std::size_t row, std::size_t rows, std::size_t word, std::size_t cols,
                T* panel) const {
        const std::size_t words = kernels::mask_words(options_.in);
        for (std::size_t i = 0; i < rows; ++i) {
            const std::uint32_t* bits = s.mask.data() + (row + i) * words + word;
            for (std::size_t j = 0; j < cols; ++j) {
                const bool kept = bits[j / 32] >> (j % 32) & 1u;
                panel[i * cols + j] = kept ? x(row + i, 32 * word + j) : T{0};
            }
        }
    }

    /// Scratch of the calling thread, kept from call to call; one slot per purpose, since they nest.
    static T* scratch(int slot, std::size_t size) {
        thread_local std::vector<T> memory[2];
        auto& m = memory[slot];
        if (m.size() < size) m.resize(size);
        return m.data();
    }

    template <bool Training>
    void add(reading x, writing y, saved& s, std::uint64_t seed) const {
        detail::expect("adapters::lora::add_to", "x", x, x.rows(), options_.in);
        detail::expect("adapters::lora::add_to", "y", y, x.rows(), options_.out);
        const std::size_t m = x.rows(), words = kernels::mask_words(options_.in);
        const bool drops = Training && options_.dropout > 0;
        if (s.u.rows() != m || s.u.cols() != options_.rank) s.u = matrix<T>(m, options_.rank);
        s.mask.resize(drops ? m * words : 0);
        s.seed = seed;
        const kernels::dropout_key mask = key(drops ? seed : 0);
        const T factor = static_cast<T>(scale() * (drops ? mask.keep_scale() : 1.0));
        if (!drops) {
            detail::product<T>(s.u.view(), x, a().transposed(), factor, false);
        } else {
            parallel_chunks(m, panel_rows, [&](std::size_t begin, std::size_t end, std::size_t) {
                const std::size_t rows = end - begin;
                for (std::size_t i = begin; i < end; ++i) kernels::mask_row(mask, i, s.mask.data() + i * words, words);
                T* panel = scratch(1, rows * options_.in);
                masked(x, s, begin, rows, 0, options_.in, panel);
                detail::product_here<T>(detail::rows_of(s.u.view(), begin, rows), reading(panel, rows, options_.in),
                                        a().transposed(), factor, false);
            });
        }
        detail::product<T>(y, std::as_const(s.u).view(), b().transposed(), T{1}, true);
    }

    void back(reading dy, reading x, const saved& s, writing da, writing db, writing dx, bool with_x) const {
        const char* door = "adapters::lora::backward";
        const std::size_t m = x.rows(), r = options_.rank, words = kernels::mask_words(options_.in);
        detail::expect(door, "x", x, m, options_.in);
        detail::expect(door, "dy", dy, m, options_.out);
        detail::expect(door, "the gradient of A", da, r, options_.in);
        detail::expect(door, "the gradient of B", db, options_.out, r);
        if (with_x) detail::expect(door, "the gradient of x", dx, m, options_.in);
        detail::expect_saved(door, s, m, options_);
        if (m == 0) return;
        const bool drops = !s.mask.empty();
        const T factor = static_cast<T>(scale() * (drops ? key(s.seed).keep_scale() : 1.0));
        const writing ds(scratch(0, m * r), m, r);
        detail::product<T>(ds, dy, b(), factor, false);
        detail::product<T>(db, dy.transposed(), s.u.view(), T{1}, true);
        if (!drops) {
            detail::product<T>(da, reading(ds).transposed(), x, T{1}, true);
            if (with_x) detail::product<T>(dx, reading(ds), a(), T{1}, true);
            return;
        }
        parallel_chunks(options_.in, panel_cols, [&](std::size_t begin, std::size_t end, std::size_t) {
            const std::size_t cols = end - begin;
            T* panel = scratch(1, panel_rows * cols);
            for (std::size_t row = 0; row < m; row += panel_rows) {
                const std::size_t rows = std::min(panel_rows, m - row);
                masked(x, s, row, rows, begin / 32, cols, panel);
                detail::product_here<T>(detail::cols_of(da, begin, cols),
                                        reading(detail::rows_of(ds, row, rows)).transposed(),
                                        reading(panel, rows, cols), T{1}, true);
            }
        });
        if (!with_x) return;
        parallel_chunks(m, panel_rows, [&](std::size_t begin, std::size_t end, std::size_t) {
            const std::size_t rows = end - begin;
            const writing panel(scratch(1, rows * options_.in), rows, options_.in);
            detail::product_here<T>(panel, reading(detail::rows_of(ds, begin, rows)), a(), T{1}, false);
            for (std::size_t i = 0; i < rows; ++i)
                for (std::size_t j = 0; j < options_.in; ++j)
                    if (s.mask[(begin + i) * words + j / 32] >> (j % 32) & 1u) dx(begin + i, j) += panel(i, j);
        });
    }

    void merge(const char* door, writing w, double factor) const {
        detail::expect(door, "w", w, options_.out, options_.in);
        detail::product<T>(w, b(), a(), static_cast<T>(factor), true);
    }

    options options_;
    matrix<T> a_;  // [r, in]
    matrix<T> b_;  // [out, r]
};

}  // namespace holdfast::adapters
