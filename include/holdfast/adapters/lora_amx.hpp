#pragma once
// The low-rank adapter on the CPU in bfloat16 with sums in float, for a frozen weight that is packed once: on the
// matrix unit (AMX) of x86 where it is, else by fused multiply-adds, else in plain C++. The adapter's product goes into
// the same sums as the frozen one, x is read once. Builds on detail/bf16_panels.hpp; needs no other library. Leaves out
// the optimiser and merging (lora.hpp).

#include <holdfast/adapters/detail/bf16_panels.hpp>
#include <holdfast/adapters/detail/host_doors.hpp>
#include <holdfast/adapters/lora_options.hpp>
#include <holdfast/adapters/lora_saved.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/detail/dropout.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace holdfast::adapters {

/// A frozen weight W [out, in] in bfloat16, in the order that products want: packed once, multiplied often.
///
/// Numbers of W are rounded to bfloat16 (2^-9 of each at most; none where they are of that type already).
class packed_weight {
  public:
    /// @param w         [out, in], of any real type, in any layout
    /// @param backward  whether gradients of x will be asked for: W' is packed too, as much memory again
    /// @param level     what multiplies it; only what the machine has
    /// @throw           invalid_argument if a size is 0, or the machine lacks the level
    /// @cost            2 bytes a number (4 with backward)
    template <matrix_like W>
    explicit packed_weight(const W& w, bool backward = true, bf16_level level = machine_bf16_level()) : level_(level) {
        const auto from = detail::reading(w);
        out_ = from.rows(), in_ = from.cols();
        require(out_ > 0 && in_ > 0, "adapters::packed_weight: out and in must be above 0, they are ", out_, " and ",
                in_);
        require(level <= machine_bf16_level(), "adapters::packed_weight: this machine does not have level ",
                static_cast<int>(level), " of bf16_level, its best is ", static_cast<int>(machine_bf16_level()));
        detail::pack_right_parallel(from, forward_);
        if (backward) detail::pack_right_parallel(from.transposed(), backward_);
    }

    [[nodiscard]] std::size_t out() const { return out_; }
    [[nodiscard]] std::size_t in() const { return in_; }
    [[nodiscard]] bf16_level level() const { return level_; }
    [[nodiscard]] bool has_backward() const { return backward_.bytes() > 0; }
    [[nodiscard]] std::size_t bytes() const { return forward_.bytes() + backward_.bytes(); }

    /// The frozen layer alone: y = x W'.
    ///
    /// @param x  [m, in], rounded to bfloat16;  @param y  [m, out], of any real type, overwritten
    /// @throw    invalid_argument if a shape does not fit
    template <matrix_like X, matrix_like Y>
    void multiply(const X& x, Y&& y) const {
        const auto from = detail::reading(x);
        const auto to = holdfast::view(y);
        detail::expect("adapters::packed_weight::multiply", "x", from, from.rows(), in_);
        detail::expect("adapters::packed_weight::multiply", "y", to, from.rows(), out_);
        auto& left = detail::scratch_of<detail::scratch::panel, std::uint16_t>();
        for (std::size_t row = 0; row < from.rows(); row += detail::panel_rows) {
            const std::size_t rows = std::min(detail::panel_rows, from.rows() - row);
            detail::pack_left_parallel(from, row, rows, left);
            detail::multiply_panel(level_, left.data(), rows, steps(in_), forward(), {}, to, row);
        }
    }

    /// Tiles from the right of W [out, in], and of W' [in, out].
    [[nodiscard]] const std::uint16_t* forward() const { return forward_.data(); }
    [[nodiscard]] const std::uint16_t* backward() const { return backward_.data(); }

  private:
    static std::size_t steps(std::size_t depth) { return detail::tiles_of(depth, detail::tile_depth); }

    std::size_t out_ = 0, in_ = 0;
    bf16_level level_;
    detail::tile_memory<std::uint16_t> forward_, backward_;
};

/// A low-rank adapter (LoRA) beside a frozen weight in bfloat16:
///
///     y = x W' + s drop(x) A' B'      s = alpha / r, or alpha / sqrt(r)      drop(x) = m . x / (1 - p)
///
/// The same adapter as `lora<float>`: A and B are kept in float, start alike from the same generator, and the mask of a
/// seed is the same. What differs is rounding: x, W, A, B, dy, u = s / (1 - p) (m . x) A' and ds = s / (1 - p) dy B
/// become bfloat16 before they are multiplied (relative error 2^-9 each at most); sums are float. On the matrix unit
/// denormal numbers count as zero. One machine and level give the same bits for any number of threads.
///
/// Matrices are of float, bfloat16 or any other real type; x and dy of bfloat16, row-major, are the fastest.
///
/// @see Hu et al. 2021 (LoRA), arXiv:2106.09685; Intel 64 and IA-32 Architectures Software Developer's Manual, AMX
class lora_bf16 {
  public:
    using options = lora_options;
    using saved = lora_saved<bfloat16>;
    using gradients = lora_gradients<float>;

    /// @param o  shapes and hyper-parameters
    /// @param g  where A's start is drawn from: uniform in +-1 / sqrt(in), as PEFT does
    /// @throw    invalid_argument if a size is 0, p is outside [0, 1), or alpha is not finite
    explicit lora_bf16(options o, philox g = philox{0})
        : options_(o), a_(checked(o, "adapters::lora_bf16").rank, o.in), b_(o.out, o.rank) {
        detail::draw_a(a_, g);
    }

    [[nodiscard]] const options& shape() const { return options_; }
    /// A [r, in] and B [out, r], to train, save or load in place.
    [[nodiscard]] matrix_view<float> a() { return a_.view(); }
    [[nodiscard]] matrix_view<float> b() { return b_.view(); }
    [[nodiscard]] matrix_view<const float> a() const { return a_.view(); }
    [[nodiscard]] matrix_view<const float> b() const { return b_.view(); }
    [[nodiscard]] double scale() const { return options_.scale(); }
    [[nodiscard]] std::size_t parameters() const { return a_.size() + b_.size(); }

    /// The adapted layer, training: y = x W' + s drop(x) A' B'.
    ///
    /// @param x  input [m, in];  @param w  the frozen weight;  @param y  output [m, out], overwritten
    /// @param g  one 64-bit seed is drawn from it if p > 0; untouched otherwise
    /// @return   what backward needs
    /// @throw    invalid_argument if a shape does not fit
    /// @cost     2 m in out + 2 m r (in + out) operations, r rounded up to 32
    template <matrix_like X, matrix_like Y, uniform_random_generator G>
    saved forward(const X& x, const packed_weight& w, Y&& y, G& g) const {
        const bool drops = options_.dropout > 0;
        return forward_rows(detail::reading(x), w, holdfast::view(y), drops, drops ? detail::dropout_seed(g) : 0);
    }
    /// The adapted layer in use (no dropout): y = x W' + s x A' B'.
    template <matrix_like X, matrix_like Y>
    saved forward(const X& x, const packed_weight& w, Y&& y) const {
        return forward_rows(detail::reading(x), w, holdfast::view(y), false, 0);
    }

    /// All gradients, given dy = dL/dy [m, out]:
    ///
    ///     ds = s / (1 - p) dy B      dx = dy W + m . (ds A)      dA = ds' (m . x)      dB = dy' u
    ///
    /// @throw invalid_argument if a shape does not fit, `s` belongs to another input, or w was packed for forward only
    template <matrix_like Dy, matrix_like X>
    [[nodiscard]] gradients backward(const Dy& dy, const X& x, const packed_weight& w, const saved& s) const {
        const std::size_t rows = holdfast::view(x).rows();
        gradients g{matrix<float>(rows, options_.in), matrix<float>(options_.rank, options_.in),
                    matrix<float>(options_.out, options_.rank)};
        backward_into(dy, x, w, s, g.a, g.b, g.x);
        return g;
    }
    /// The same into the caller's: da += dA, db += dB, and dx = dy W + m . (ds A), overwritten, of any real type.
    template <matrix_like Dy, matrix_like X, matrix_like Da, matrix_like Db, matrix_like Dx>
    void backward_into(const Dy& dy, const X& x, const packed_weight& w, const saved& s, Da&& da, Db&& db,
                       Dx&& dx) const {
        const auto to = holdfast::view(dx);
        detail::expect(door_back, "the gradient of x", to, holdfast::view(x).rows(), options_.in);
        require(w.has_backward(), door_back, ": the weight was packed for forward only");
        back(detail::reading(dy), detail::reading(x), w, s, holdfast::view(da), holdfast::view(db), to);
    }
    /// Without the gradient of x.
    template <matrix_like Dy, matrix_like X, matrix_like Da, matrix_like Db>
    void backward_into(const Dy& dy, const X& x, const packed_weight& w, const saved& s, Da&& da, Db&& db) const {
        back(detail::reading(dy), detail::reading(x), w, s, holdfast::view(da), holdfast::view(db),
             matrix_view<float>{});
    }

  private:
    using tiles = detail::tile_memory<std::uint16_t>;
    static constexpr const char* door_back = "adapters::lora_bf16::backward";

    template <detail::scratch For>
    static tiles& tiles_for() {
        return detail::scratch_of<For, std::uint16_t>();
    }
    static std::size_t steps(std::size_t depth) { return detail::tiles_of(depth, detail::tile_depth); }

    void expect_weight(const char* door, const packed_weight& w) const {
        require(w.out() == options_.out && w.in() == options_.in, door, ": w must be [", options_.out, ", ",
                options_.in, "], it is [", w.out(), ", ", w.in(), "]");
    }

    /// factor left right' for the row tiles [first, last) of a panel, r columns: into rows of `kept`, and as tiles from
    /// the left. In the calling thread.
    void shrink(bf16_level level, const std::uint16_t* left, std::size_t left_steps, const tiles& right,
                std::size_t first, std::size_t last, double factor, std::size_t row, std::size_t rows,
                matrix<bfloat16>& kept, std::uint16_t* to) const {
        const std::size_t r = options_.rank, blocks = steps(r), row_tiles = last - first;
        float* const c = detail::scratch_of<detail::scratch::small_sums, float>().reserve(blocks * row_tiles * 2 *
                                                                                          detail::sum_numbers);
        {
            const detail::level_session session(level);
            detail::multiply(level, left, left_steps, row_tiles, right.data(), blocks, left_steps, c, true);
        }
        for (std::size_t t = 0; t < 2 * blocks * row_tiles * detail::tile_rows; ++t) {  // 16 sums of a row
            const std::size_t half = t % 2, i = t / 2 % detail::tile_rows, tile = t / 2 / detail::tile_rows;
            const std::size_t block = tile / row_tiles, k = 32 * block + 16 * half;
            const std::size_t at = (first + tile % row_tiles) * detail::tile_rows + i;
            const std::size_t count = at < rows && k < r ? std::min<std::size_t>(16, r - k) : 0;
            float* const sums = c + (2 * tile + half) * detail::sum_numbers + 16 * i;
            for (std::size_t j = 0; j < count; ++j) sums[j] = static_cast<float>(factor * static_cast<double>(sums[j]));
            std::fill(sums + count, sums + 16, 0.0F);  // the ends stay zero, whatever x holds
            std::uint16_t* const bits = to + (at / detail::tile_rows * blocks + block) * detail::tile_numbers +
                                        i * detail::tile_depth + 16 * half;
            detail::round_sixteens(sums, 1, bits);
            if (count > 0) std::memcpy(static_cast<void*>(&kept(row + at, k)), bits, count * sizeof *bits);
        }
    }

    template <class X, class Y>
    saved forward_rows(const matrix_view<const X>& x, const packed_weight& w, const matrix_view<Y>& y, bool drops,
                       std::uint64_t seed) const {
        constexpr const char* door = "adapters::lora_bf16::forward";
        expect_weight(door, w);
        detail::expect(door, "x", x, x.rows(), options_.in);
        detail::expect(door, "y", y, x.rows(), options_.out);
        const std::size_t m = x.rows(), words = kernels::mask_words(options_.in), depth = steps(options_.in);
        saved s{matrix<bfloat16>(m, options_.rank), {}, seed};
        s.mask.resize(drops ? m * words : 0);
        const auto key = kernels::dropout_key::make(seed, drops ? options_.dropout : 0);
        const double factor = scale() * (drops ? key.keep_scale() : 1.0);
        using detail::scratch;
        tiles &a = tiles_for<scratch::a>(), &b = tiles_for<scratch::b>();
        tiles &left = tiles_for<scratch::panel>(), &u = tiles_for<scratch::low_rank>();
        detail::pack_right_parallel(a_.view(), a);
        detail::pack_right_parallel(b_.view(), b);
        for (std::size_t row = 0; row < m; row += detail::panel_rows) {
            const std::size_t rows = std::min(detail::panel_rows, m - row);
            left.reserve(detail::left_size(rows, options_.in));
            u.reserve(detail::left_size(rows, options_.rank));
            parallel_chunks(
                detail::tiles_of(rows, detail::tile_rows), 2, [&](std::size_t first, std::size_t last, std::size_t) {
                    std::uint16_t* panel = left.data() + first * depth * detail::tile_numbers;
                    const std::size_t begin = first * detail::tile_rows, end = std::min(rows, last * detail::tile_rows);
                    detail::pack_left(x, row + begin, end - begin, panel);
                    if (drops) panel = masked(key, panel, row + begin, end - begin, s);
                    shrink(w.level(), panel, depth, a, first, last, factor, row, rows, s.u, u.data());
                });
            detail::multiply_panel(w.level(), left.data(), rows, depth, w.forward(),
                                   {u.data(), b.data(), steps(options_.rank)}, y, row);
        }
        return s;
    }

    /// The mask of rows [row, row + rows), entered in s, and a copy of their tiles that it has been put on.
    std::uint16_t* masked(const kernels::dropout_key& key, const std::uint16_t* from, std::size_t row, std::size_t rows,
                          saved& s) const {
        const std::size_t words = kernels::mask_words(options_.in), depth = steps(options_.in);
        std::uint16_t* const to = tiles_for<detail::scratch::masked>().reserve(detail::left_size(rows, options_.in));
        for (std::size_t i = 0; i < rows; ++i)
            kernels::mask_row(key, row + i, s.mask.data() + (row + i) * words, words);
        for (std::size_t t = 0; t < detail::tiles_of(rows, detail::tile_rows) * depth; ++t) {
            const std::size_t first = t / depth * detail::tile_rows;
            const std::size_t count = std::min(detail::tile_rows, rows - first);
            std::uint16_t* const tile = to + t * detail::tile_numbers;
            detail::hide_tile(from + t * detail::tile_numbers, s.mask.data() + (row + first) * words + t % depth, words,
                              count, tile);
            std::fill(tile + count * detail::tile_depth, tile + detail::tile_numbers, std::uint16_t{0});
        }
        return to;
    }

    template <class Dy, class X, class Da, class Db, class Dx>
    void back(const matrix_view<const Dy>& dy, const matrix_view<const X>& x, const packed_weight& w, const saved& s,
              const matrix_view<Da>& da, const matrix_view<Db>& db, const matrix_view<Dx>& dx) const {
        const std::size_t m = x.rows(), r = options_.rank, words = kernels::mask_words(options_.in);
        expect_weight(door_back, w);
        detail::expect(door_back, "x", x, m, options_.in);
        detail::expect(door_back, "dy", dy, m, options_.out);
        detail::expect(door_back, "the gradient of A", da, r, options_.in);
        detail::expect(door_back, "the gradient of B", db, options_.out, r);
        detail::expect_saved(door_back, s, m, options_);
        if (m == 0) return;
        const bool drops = !s.mask.empty();
        const double factor =
            scale() * (drops ? kernels::dropout_key::make(s.seed, options_.dropout).keep_scale() : 1.0);
        const std::size_t depth = steps(options_.out);
        matrix<bfloat16> ds(m, r);
        using detail::scratch;
        tiles &a = tiles_for<scratch::a>(), &b = tiles_for<scratch::b>();
        tiles &left = tiles_for<scratch::panel>(), &ds_tiles = tiles_for<scratch::low_rank>();
        detail::pack_right_parallel(b_.view().transposed(), b);
        if (dx.rows() != 0) detail::pack_right_parallel(a_.view().transposed(), a);
        for (std::size_t row = 0; row < m; row += detail::panel_rows) {
            const std::size_t rows = std::min(detail::panel_rows, m - row);
            left.reserve(detail::left_size(rows, options_.out));
            ds_tiles.reserve(detail::left_size(rows, r));
            parallel_chunks(
                detail::tiles_of(rows, detail::tile_rows), 2, [&](std::size_t first, std::size_t last, std::size_t) {
                    std::uint16_t* const panel = left.data() + first * depth * detail::tile_numbers;
                    const std::size_t begin = first * detail::tile_rows, end = std::min(rows, last * detail::tile_rows);
                    detail::pack_left(dy, row + begin, end - begin, panel);
                    shrink(w.level(), panel, depth, b, first, last, factor, row, rows, ds, ds_tiles.data());
                });
            if (dx.rows() == 0) continue;
            const std::uint32_t* const mask = drops ? s.mask.data() + row * words : nullptr;
            detail::multiply_panel(w.level(), left.data(), rows, depth, w.backward(),
                                   {ds_tiles.data(), a.data(), steps(r), mask, words}, dx, row);
        }
        detail::add_over_rows(w.level(), std::as_const(ds).view(), x, drops ? s.mask.data() : nullptr, words, da);
        detail::add_over_rows(w.level(), s.u.view(), dy, nullptr, 0, db.transposed());
    }

    options options_;
    matrix<float> a_;  // [r, in]
    matrix<float> b_;  // [out, r]
};

}  // namespace holdfast::adapters
