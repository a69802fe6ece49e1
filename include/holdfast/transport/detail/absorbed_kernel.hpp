#pragma once
// Sinkhorn's iteration without exponentials: a sweep in the log domain leaves the exponentials it computed,
//
//     K_ij = b_j exp((f0_i + g0_j − C_ij) / eps),   P_ij = a_i u_i K_ij v_j,   u = exp((f − f0) / eps), v = exp((g −
//     g0) / eps),
//
// and the sweeps that follow at the same epsilon only multiply: u = 1 / (K v), then v = b / (K' (a u)), in one pass, a
// row's share added to the column sums while it is in the nearest cache. Potentials stay logarithms, K is near the plan
// itself, and where u or v leaves the range in which no term can have been lost, the next sweep is one in the log
// domain again, which absorbs them. Builds on kernel_loops.hpp. Leaves out the sweep in the log domain
// (rows_engine.hpp) and bounds, which are computed from costs, never from K.
// See Schmitzer 2019, section 3.1 (absorption).

#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/kernel_loops.hpp>
#include <holdfast/transport/detail/problem.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
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
        const std::size_t width = (m_ + kernel_step - 1) / kernel_step * kernel_step;
        if (how == cells::floats && (floats_.rows() != n || floats_.stride() != width))
            floats_ = aligned_rows<float>(n, width);
        if (how == cells::sixteen_bits && (narrow_.rows() != n || narrow_.stride() != width))
            narrow_ = aligned_rows<std::uint16_t>(n, width);
        f_origin_.resize(n);
        g_origin_.assign(g.begin(), g.end());
    }
    /// Row i is e / sum, and was made with f0_i; different rows from different threads.
    void keep(std::size_t i, const float* e, double sum, double f) {
        if (how_ == cells::none) return;
        f_origin_[i] = f;
        const auto scale = static_cast<float>(1 / sum);
        if (how_ == cells::floats)
            kernel_rows<float>::keep(e, scale, m_, &floats_(i, 0));
        else
            kernel_rows<std::uint16_t>::keep(e, scale, m_, &narrow_(i, 0));
    }
    /// All rows are kept.
    void close(double eps) {
        if (how_ != cells::none) eps_ = eps;
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
        for (std::size_t i = 0; i < n_; ++i) f[i] = next_f_[i];
        known_ = g;
        double wrong = column_error_;
        for (const double x : row_error_) wrong += x;
        if (how_ == cells::sixteen_bits && wrong < coarse) drop();  // from here on more digits are needed
        return wrong;
    }

  private:
    static constexpr std::size_t grain = 128;  // rows of a chunk

    /// |log u| and |log v| up to which no term that was too small for K can matter.
    [[nodiscard]] double reach() const { return how_ == cells::floats ? 14 : 8; }
    [[nodiscard]] std::size_t width() const { return (m_ + kernel_step - 1) / kernel_step * kernel_step; }

    /// v of g, where it is not what the last sweep left.
    bool take(const std::vector<float>& g) {
        if (g == known_) return true;
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
    template <class Cell>
    bool rows(const aligned_rows<Cell>& k, const std::vector<float>& f, double omega, std::span<const double> a) {
        const std::size_t chunks = (n_ + grain - 1) / grain, stride = k.stride();
        const auto far = static_cast<float>(std::exp(reach()));
        sums_.assign((n_ + 15) / 16 * 16, 1);
        parts_.resize(chunks * stride);
        next_f_.resize(n_);
        row_error_.assign(chunks, 0);
        parallel_chunks(n_, grain, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
            float* part = parts_.data() + chunk * stride;
            std::fill(part, part + stride, 0.0F);
            for (std::size_t i = begin; i < end; i += 4) {
                const std::size_t count = std::min<std::size_t>(4, end - i);
                float w[4];
                kernel_rows<Cell>::products(&k(i, 0), stride, count, v_.data(), stride, &sums_[i]);
                for (std::size_t r = 0; r < count; ++r) {
                    const float sum = sums_[i + r];
                    if (!(sum * far >= 1 && sum <= far)) row_error_[chunk] = std::numeric_limits<double>::infinity();
                    double of = a[i + r];
                    if (omega != 1) {
                        const double to = f_origin_[i + r] - eps_ * std::log(static_cast<double>(sum));
                        const double next = relaxed(static_cast<double>(f[i + r]), to, eps_, omega);
                        next_f_[i + r] = static_cast<float>(next);
                        of *= std::exp((next - to) / eps_);
                        row_error_[chunk] += std::abs(of - a[i + r]);
                    }
                    w[r] = static_cast<float>(of / static_cast<double>(sum));
                }
                kernel_rows<Cell>::weighted(&k(i, 0), stride, count, w, part, stride);
            }
        });
        for (const double x : row_error_)
            if (!std::isfinite(x)) return false;
        if (omega != 1) return true;
        kernel_rows<float>::logarithms(sums_.data(), sums_.size());
        for (std::size_t i = 0; i < n_; ++i)
            next_f_[i] = static_cast<float>(f_origin_[i] - eps_ * static_cast<double>(sums_[i]));
        return true;
    }

    bool columns(std::vector<float>& g, double omega, std::span<const double> b) {
        column_sums_.assign(m_, 0);
        for (std::size_t chunk = 0; chunk < row_error_.size(); ++chunk) {
            const float* part = parts_.data() + chunk * width();
            for (std::size_t j = 0; j < m_; ++j) column_sums_[j] += static_cast<double>(part[j]);
        }
        const double far = std::exp(reach());
        next_v_.assign(width(), 1);
        column_error_ = 0;
        for (std::size_t j = 0; j < m_; ++j) {
            const double next = b[j] / column_sums_[j];
            if (!(next * far >= 1 && next <= far)) return false;
            column_error_ += std::abs(column_sums_[j] * static_cast<double>(v_[j]) - b[j]);
            next_v_[j] = static_cast<float>(next);
        }
        std::copy_n(next_v_.data(), m_, v_.data());
        kernel_rows<float>::logarithms(next_v_.data(), next_v_.size());
        for (std::size_t j = 0; j < m_; ++j) {
            const double to = g_origin_[j] + eps_ * static_cast<double>(next_v_[j]);
            const double next = relaxed(static_cast<double>(g[j]), to, eps_, omega);
            g[j] = static_cast<float>(next);
            if (omega != 1) v_[j] *= static_cast<float>(std::exp((next - to) / eps_));
        }
        return true;
    }

    cells how_ = cells::none;
    std::size_t n_ = 0, m_ = 0;
    double eps_ = 0;  // of K; 0: there is none
    aligned_rows<float> floats_;
    aligned_rows<std::uint16_t> narrow_;
    std::vector<double> f_origin_, g_origin_;  // f0 [n], g0 [m]
    aligned_vector<float> v_, next_v_;         // [m] and zeros (ones) to the end of a step
    std::vector<float> known_;                 // the g that v belongs to
    aligned_vector<float> sums_, parts_;       // K v [n]; of every chunk, K' w [m]
    std::vector<float> next_f_;
    std::vector<double> column_sums_, row_error_;
    double column_error_ = 0;
};

}  // namespace holdfast::transport::detail
