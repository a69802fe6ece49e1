#pragma once
// Sinkhorn's iteration without exponentials: a sweep in the log domain leaves the exponentials it computed,
//
//     K_ij = b_j exp((f0_i + g0_j − C_ij) / eps),   P_ij = a_i u_i K_ij v_j,   u = exp((f − f0) / eps), v = exp((g −
//     g0) / eps),
//
// and the sweeps that follow at the same epsilon only multiply: u = 1 / (K v), then v = b / (K' (a u)), in one pass, a
// row's share added to the column sums while it is in the nearest cache. Potentials stay logarithms, K is near the plan
// itself, and where u or v leaves the range in which no term can have been lost, the next sweep is one in the log
// domain again, which absorbs them. Builds on kernel_loops.hpp and step_loops.hpp. Leaves out the sweep in the log
// domain (rows_engine.hpp) and bounds, which are computed from costs, never from K.
//
// Beside costs in 16 bits K is kept in 16 bits too, 8 of them digits, while the residual is large. Rounding moves the
// sums of its rows and columns; `balance` moves f0 and g0 until they are what they were, so that what is left is of
// second order. Each sweep goes through the chunks of rows the other way round: what the last one left in the cache is
// read from there.
// See Schmitzer 2019, section 3.1 (absorption).

#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/kernel_loops.hpp>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/detail/row_scaling.hpp>
#include <holdfast/transport/detail/step_loops.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

class absorbed_kernel {
  public:
    enum class cells { none, sixteen_bits, floats };

    /// What K may take: what a cache may hold. Beyond, reading it is no faster than computing it.
    static constexpr std::size_t limit = std::size_t{32} << 20;
    /// A residual below which 16 bits of K say nothing more about the plan.
    static constexpr double coarse = 1e-3;
    /// A residual above which it does not matter what rounding K does to its sums; below it K is made anew.
    static constexpr double rough = 0.05;

    /// How K of n x m is kept beside costs of so many bytes each (0: none are kept, so neither is K).
    static cells fitting(std::size_t n, std::size_t m, std::size_t cost_bytes, double residual) {
        const std::size_t entries = n * ((m + kernel_step - 1) / kernel_step * kernel_step);
        if (cost_bytes == 0 || entries > limit / 2) return cells::none;
        if (cost_bytes == 2 && residual > coarse) return cells::sixteen_bits;
        return entries <= limit / 4 ? cells::floats : cells::none;
    }

    /// A sweep in the log domain begins; every row is to be kept.
    void open(cells how, std::size_t n, std::vector<float>& g) {
        drop();
        how_ = how;
        if (how == cells::none) return;
        n_ = n;
        m_ = g.size();
        if (how == cells::floats)
            make(floats_);
        else
            make(narrow_);
        f_origin_.resize(n);
        weight_.resize(n);
        g_origin_.assign(g.begin(), g.end());
    }
    /// Row i is e / sum, made with f0_i, and weighs w in the columns; different rows from different threads.
    void keep(std::size_t i, const float* e, double sum, double f, double w) {
        if (how_ == cells::none) return;
        f_origin_[i] = f;
        weight_[i] = w;
        const auto scale = static_cast<float>(1 / sum);
        const std::size_t block = i / kernel_block, row = i % kernel_block * kernel_step;
        if (how_ == cells::floats)
            kernel_rows<float>::keep(e, scale, m_, &floats_(block, row));
        else
            kernel_rows<std::uint16_t>::keep(e, scale, m_, &narrow_(block, row));
    }
    /// All rows are kept; their columns, so weighted, sum to `sums`, and the residual was so much.
    void close(double eps, std::span<const double> sums, double residual) {
        if (how_ == cells::none) return;
        eps_ = eps;
        balanced_ = how_ == cells::sixteen_bits && residual < rough;
        if (balanced_) balance(sums);
    }
    void drop() {
        eps_ = 0;
        known_.clear();
    }

    /// Both updates, as engine::sweep defines them; nothing where K is of another epsilon, or out of its reach (f and g
    /// are then as they were).
    std::optional<double> sweep(std::vector<float>& f, std::vector<float>& g, double eps, double omega,
                                std::span<const double> a, std::span<const double> b) {
        if (eps_ != eps) return std::nullopt;
        const bool done = take(g) && rows(f, omega, a) && columns(g, omega, b);
        if (!done) {
            drop();
            return std::nullopt;
        }
        step_rows<float>::potentials(f_origin_.data(), -eps_, sums_.data(), n_, f.data());
        known_ = g;
        double wrong = column_error_;
        for (const double x : row_error_) wrong += x;
        // From here on more digits are needed, or that they are where the plan is.
        if (how_ == cells::sixteen_bits && wrong < (balanced_ ? coarse : rough)) drop();
        return wrong;
    }

  private:
    static constexpr std::size_t grain = 128;  // rows of a chunk

    /// |log u| and |log v| up to which no term that was too small for K can matter, and its rounding little.
    [[nodiscard]] double reach() const { return how_ == cells::floats ? 14 : 8; }
    [[nodiscard]] std::size_t width() const { return (m_ + kernel_step - 1) / kernel_step * kernel_step; }

    template <class Cell>
    void make(aligned_rows<Cell>& k) const {
        const std::size_t blocks = (n_ + kernel_block - 1) / kernel_block, stride = kernel_block * width();
        if (k.rows() != blocks || k.stride() != stride) k = aligned_rows<Cell>(blocks, stride);
        if (n_ % kernel_block != 0) std::fill_n(&k(blocks - 1, 0), stride, Cell{});  // rows that no one keeps
    }

    /// Moves f0 and g0 so that K as it is kept has the sums that it had: where it was made, u = v = 1, rows sum to 1
    /// and columns to what the sweep found. Two passes, each over rows and then columns.
    void balance(std::span<const double> sums) {
        v_.assign(width(), 1);
        const std::vector<double> f = f_origin_, g = g_origin_;
        for (int pass = 0; pass < 2; ++pass) {
            rows(narrow_, {}, 1, weight_);
            add_columns();
            for (std::size_t i = 0; i < n_; ++i) f_origin_[i] = f[i] + eps_ * static_cast<double>(sums_[i]);
            for (std::size_t j = 0; j < m_; ++j) {
                // Beyond what rounding can have done, the column is one of terms too small for K.
                const double more = std::clamp(sums[j] / column_sums_[j], 1 - 0x1p-8, 1 + 0x1p-8);
                g_origin_[j] = g[j] - eps_ * std::log(more);
                v_[j] = static_cast<float>(more);
            }
        }
    }

    /// v of g, where it is not what the last sweep left.
    bool take(const std::vector<float>& g) {
        if (g.size() == known_.size() && std::memcmp(g.data(), known_.data(), g.size() * sizeof(float)) == 0)
            return true;
        v_.assign(width(), 0);
        for (std::size_t j = 0; j < m_; ++j) {
            const double x = (static_cast<double>(g[j]) - g_origin_[j]) / eps_;
            if (!(std::abs(x) <= reach())) return false;
            v_[j] = static_cast<float>(std::exp(x));
        }
        return true;
    }

    bool rows(const std::vector<float>& f, double omega, std::span<const double> a) {
        return how_ == cells::floats ? rows(floats_, f, omega, a) : rows(narrow_, f, omega, a);
    }
    /// What the rows say: log K v (less the part of the step beyond 1) in sums_, K' w of every chunk in parts_.
    template <class Cell>
    bool rows(const aligned_rows<Cell>& k, const std::vector<float>& f, double omega, std::span<const double> a) {
        const std::size_t chunks = (n_ + grain - 1) / grain, stride = width();
        const auto far = static_cast<float>(std::exp(reach()));
        sums_.assign((n_ + 15) / 16 * 16, 1);
        share_.assign(sums_.size(), 0);
        row_scaling<double, float>::scale(a.data(), 1, n_, share_.data());
        parts_.resize(chunks * stride);
        row_error_.assign(chunks, 0);
        back_ = !back_;
        const about time{0.08 * static_cast<double>(n_ * m_)};
        parallel_chunks(chunks, 1, time, [&](std::size_t turn, std::size_t, std::size_t) {
            const std::size_t chunk = back_ ? chunks - 1 - turn : turn, begin = chunk * grain;
            const std::size_t end = std::min(begin + grain, n_);
            float* part = parts_.data() + chunk * stride;
            std::fill(part, part + stride, 0.0F);
            const std::size_t whole = omega == 1 ? (end - begin) / kernel_block : 0;  // blocks
            bool within = kernel_rows<Cell>::run(&k(begin / kernel_block, 0), whole, v_.data(), share_.data() + begin,
                                                 far, stride, sums_.data() + begin, part);
            alignas(64) float sum[16];
            float w[kernel_block];
            const Cell* last = nullptr;
            for (std::size_t i = begin + whole * kernel_block; i < end; i += kernel_block) {
                const std::size_t count = std::min(kernel_block, end - i);
                const Cell* block = &k(i / kernel_block, 0);
                kernel_rows<Cell>::turn(last, w, part, block, v_.data(), stride, sum);
                last = block;
                std::fill(sum + count, sum + kernel_block, 1.0F);
                for (std::size_t r = 0; r < kernel_block; ++r) within = within && sum[r] * far >= 1 && sum[r] <= far;
                if (omega == 1) {
                    for (std::size_t r = 0; r < kernel_block; ++r) sums_[i + r] = sum[r];
                    for (std::size_t r = 0; r < kernel_block; ++r) w[r] = share_[i + r] / sum[r];
                } else {
                    std::fill_n(w, kernel_block, 0.0F);
                    row_error_[chunk] += beyond(i, count, sum, f, omega, w);
                }
            }
            if (last != nullptr) kernel_rows<Cell>::weighted(last, w, part, stride);
            if (!within) row_error_[chunk] = std::numeric_limits<double>::infinity();
        });
        if (omega == 1) step_rows<float>::logarithms(sums_.data(), sums_.size());
        return std::all_of(row_error_.begin(), row_error_.end(), [](double x) { return std::isfinite(x); });
    }
    /// An over-relaxed step of a block's rows: their weights w; returns how far off their sums then are.
    double beyond(std::size_t i, std::size_t count, float* sum, const std::vector<float>& f, double omega, float* w) {
        alignas(64) float from[16] = {}, share[16] = {}, log[16], of[16];
        for (std::size_t r = 0; r < count; ++r) {
            from[r] = static_cast<float>((f_origin_[i + r] - static_cast<double>(f[i + r])) / eps_);
            share[r] = share_[i + r];
        }
        std::fill(sum + count, sum + 16, 1.0F);
        step_rows<float>::beyond(sum, from, share, static_cast<float>(omega - 1), log, of);
        double wrong = 0;
        for (std::size_t r = 0; r < count; ++r) {
            sums_[i + r] = log[r];
            w[r] = of[r] / sum[r];
            wrong += std::abs(static_cast<double>(of[r]) - static_cast<double>(share[r]));
        }
        return wrong;
    }

    void add_columns() {
        column_sums_.resize(width());
        step_rows<float>::sums(parts_.data(), row_error_.size(), width(), width(), column_sums_.data());
    }
    bool columns(std::vector<float>& g, double omega, std::span<const double> b) {
        add_columns();
        next_v_.assign(width(), 1);
        column_error_ = step_rows<float>::quotients(b.data(), column_sums_.data(), v_.data(), std::exp(reach()), m_,
                                                    next_v_.data());
        if (!std::isfinite(column_error_)) return false;
        std::copy_n(next_v_.data(), m_, v_.data());
        step_rows<float>::logarithms(next_v_.data(), next_v_.size());
        if (omega == 1) {
            step_rows<float>::potentials(g_origin_.data(), eps_, next_v_.data(), m_, g.data());
            return true;
        }
        for (std::size_t j = 0; j < m_; ++j) {
            const double to = g_origin_[j] + eps_ * static_cast<double>(next_v_[j]);
            const double next = relaxed(static_cast<double>(g[j]), to, eps_, omega);
            g[j] = static_cast<float>(next);
            next_v_[j] = static_cast<float>((next - to) / eps_);
        }
        step_rows<float>::exponentials(next_v_.data(), next_v_.size());
        for (std::size_t j = 0; j < m_; ++j) v_[j] *= next_v_[j];
        return true;
    }

    cells how_ = cells::none;
    std::size_t n_ = 0, m_ = 0;
    double eps_ = 0;              // of K; 0: there is none
    aligned_rows<float> floats_;  // blocks of rows
    aligned_rows<std::uint16_t> narrow_;
    std::vector<double> f_origin_, g_origin_;  // f0 [n], g0 [m]
    std::vector<double> weight_;               // of the rows where K was made [n]
    bool balanced_ = false;                    // the sums of a rounded K are right
    bool back_ = false;                        // the last chunk first
    aligned_vector<float> v_, next_v_;         // [m] and zeros (ones) to the end of a step
    std::vector<float> known_;                 // the g that v belongs to
    aligned_vector<float> sums_, parts_;       // log K v [n]; of every chunk, K' w [m]
    aligned_vector<float> share_;              // a [n] and zeros
    aligned_vector<double> column_sums_;       // [m] and zeros to the end of a step
    std::vector<double> row_error_;
    double column_error_ = 0;
};

}  // namespace holdfast::transport::detail
