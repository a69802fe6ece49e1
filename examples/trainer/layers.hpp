// The layers of a LLaMA, each forward and backward, over n tokens at once; attention has a file of its own.
//
// Rows are tokens, whichever sequence they belong to. Activations are written (=), gradients of parameters are added
// (+=), as everywhere in this trainer. Templated on the real type: the gradient check runs these very lines in double.
#pragma once

#include "tensor.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace trainer {

// ---- embedding: y_i = table[token_i] ---------------------------------------------------------------------------

/// @param tokens  [n]
/// @param table   [vocabulary, width]
/// @param y       [n, width]
template <class Real>
void embedding_forward(std::span<const std::int32_t> tokens, view<const Real> table, view<Real> y) {
    for (std::size_t i = 0; i < tokens.size(); ++i)
        std::copy_n(row_of(table, static_cast<std::size_t>(tokens[i])), y.cols(), row_of(y, i));
}

/// dtable[token_i] += dy_i
template <class Real>
void embedding_backward(std::span<const std::int32_t> tokens, view<const Real> dy, view<Real> dtable) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const Real* from = row_of(dy, i);
        Real* __restrict to = row_of(dtable, static_cast<std::size_t>(tokens[i]));
        for (std::size_t j = 0; j < dy.cols(); ++j) to[j] += from[j];
    }
}

// ---- linear: y = x w' ------------------------------------------------------------------------------------------

/// @param x  [n, in]
/// @param w  [out, in]
/// @param y  [n, out], written; or added to (the residual stream takes its branches this way, without a pass more)
template <class Real>
void linear_forward(view<const Real> x, view<const Real> w, view<Real> y, bool add = false) {
    if (add)
        eigen(y).noalias() += eigen(x) * eigen(w).transpose();
    else
        eigen(y).noalias() = eigen(x) * eigen(w).transpose();
}

/// dx = dy w, dx [n, in]; or added to
template <class Real>
void linear_backward_input(view<const Real> dy, view<const Real> w, view<Real> dx, bool add = false) {
    if (add)
        eigen(dx).noalias() += eigen(dy) * eigen(w);
    else
        eigen(dx).noalias() = eigen(dy) * eigen(w);
}

/// dw += dy' x, dw [out, in]
template <class Real>
void linear_backward_weight(view<const Real> dy, view<const Real> x, view<Real> dw) {
    eigen(dw).noalias() += eigen(dy).transpose() * eigen(x);
}

// ---- RMSNorm: y = g · x / sqrt(mean(x²) + eps) -----------------------------------------------------------------

/// @param x      [n, width]
/// @param gain   [width]
/// @param y      [n, width]
/// @param scale  [n], 1 / sqrt(mean(x²) + eps), kept for the way back
template <class Real>
void rms_norm_forward(view<const Real> x, const Real* gain, double eps, view<Real> y, Real* scale) {
    const std::size_t width = x.cols();
    for (std::size_t i = 0; i < x.rows(); ++i) {
        const Real* in = row_of(x, i);
        Real* __restrict out = row_of(y, i);
        const Real square = lane_sum<Real>(width, [in](std::size_t j) { return in[j] * in[j]; });
        const Real s = Real(1) / std::sqrt(square / static_cast<Real>(width) + static_cast<Real>(eps));
        scale[i] = s;
        for (std::size_t j = 0; j < width; ++j) out[j] = in[j] * s * gain[j];
    }
}

/// With h = x·scale: dx += scale (g dy − h mean(g dy h)), dgain += Σ_i dy h.
///
/// @param dx     [n, width], added to: the residual stream's own gradient lies there already
/// @param dgain  [width], or null where the gain is frozen
template <class Real>
void rms_norm_backward(view<const Real> dy, view<const Real> x, const Real* gain, const Real* scale, view<Real> dx,
                       Real* dgain) {
    const std::size_t width = x.cols();
    for (std::size_t i = 0; i < x.rows(); ++i) {
        const Real* in = row_of(x, i);
        const Real* g = row_of(dy, i);
        Real* __restrict out = row_of(dx, i);
        const Real s = scale[i];
        const Real dot = lane_sum<Real>(width, [=](std::size_t j) { return gain[j] * g[j] * in[j]; });
        const Real pull = dot * s * s * s / static_cast<Real>(width);
        for (std::size_t j = 0; j < width; ++j) out[j] += s * gain[j] * g[j] - pull * in[j];
        if (dgain)
            for (std::size_t j = 0; j < width; ++j) dgain[j] += g[j] * in[j] * s;
    }
}

// ---- rotary embedding ------------------------------------------------------------------------------------------

/// cos and sin of position · base^(−2j/head), [context, head/2] each: Su et al. 2021, arXiv:2104.09864.
template <class Real>
struct rotary {
    std::size_t half = 0;
    std::vector<Real> cosine, sine;

    rotary() = default;
    rotary(std::size_t context, std::size_t head, double base)
        : half(head / 2), cosine(context * half), sine(context * half) {
        for (std::size_t p = 0; p < context; ++p)
            for (std::size_t j = 0; j < half; ++j) {
                const double angle =
                    static_cast<double>(p) * std::pow(base, -2.0 * static_cast<double>(j) / static_cast<double>(head));
                cosine[p * half + j] = static_cast<Real>(std::cos(angle));
                sine[p * half + j] = static_cast<Real>(std::sin(angle));
            }
    }

    /// Turns element j against element j + head/2 (LLaMA's pairing in Hugging Face's weights), in place.
    ///
    /// @param x         [n, heads·head], the queries and keys of n tokens
    /// @param position  [n], place of each token in its own sequence
    /// @param sign      1 forward, −1 backward: the inverse of a rotation is its transpose
    void turn(view<Real> x, std::span<const std::uint32_t> position, Real sign) const {
        for (std::size_t i = 0; i < x.rows(); ++i) {
            const Real* c = cosine.data() + position[i] * half;
            const Real* s = sine.data() + position[i] * half;
            for (std::size_t first = 0; first < x.cols(); first += 2 * half) {
                Real* __restrict low = row_of(x, i) + first;
                Real* __restrict high = low + half;
                for (std::size_t j = 0; j < half; ++j) {
                    const Real a = low[j], b = high[j], turned = sign * s[j];
                    low[j] = a * c[j] - b * turned;
                    high[j] = b * c[j] + a * turned;
                }
            }
        }
    }
};

// ---- SwiGLU: y = silu(gate) · up, silu(g) = g / (1 + e^−g) -----------------------------------------------------

/// @param gate_up  [n, 2 hidden], the gate's half first
/// @param y        [n, hidden]
template <class Real>
void swiglu_forward(view<const Real> gate_up, view<Real> y) {
    const std::size_t hidden = y.cols();
    for (std::size_t i = 0; i < y.rows(); ++i) {
        const Real* gate = row_of(gate_up, i);
        const Real* up = gate + hidden;
        Real* __restrict out = row_of(y, i);
        for (std::size_t j = 0; j < hidden; ++j) out[j] = gate[j] * up[j] / (Real(1) + exponential(-gate[j]));
    }
}

/// dgate = dy up σ (1 + gate (1 − σ)), dup = dy gate σ, σ = 1 / (1 + e^−gate)
///
/// @param dgate_up  [n, 2 hidden]
template <class Real>
void swiglu_backward(view<const Real> dy, view<const Real> gate_up, view<Real> dgate_up) {
    const std::size_t hidden = dy.cols();
    for (std::size_t i = 0; i < dy.rows(); ++i) {
        const Real* gate = row_of(gate_up, i);
        const Real* up = gate + hidden;
        const Real* g = row_of(dy, i);
        Real* __restrict dgate = row_of(dgate_up, i);
        Real* __restrict dup = dgate + hidden;
        for (std::size_t j = 0; j < hidden; ++j) {
            const Real sigma = Real(1) / (Real(1) + exponential(-gate[j]));
            dgate[j] = g[j] * up[j] * sigma * (Real(1) + gate[j] * (Real(1) - sigma));
            dup[j] = g[j] * gate[j] * sigma;
        }
    }
}

// ---- softmax and cross-entropy ---------------------------------------------------------------------------------

/// x_j = e^{scale (x_j − max x)}, in place, without the division.
/// @return {largest of x, Σ_j of what is written}
template <class Real>
struct exponentials {
    Real top, sum;
};
template <class Real>
exponentials<Real> exponentiate(Real* x, std::size_t n, Real scale) {
    const Real top = lane_max(x, n);
    for (std::size_t j = 0; j < n; ++j) x[j] = exponential(scale * (x[j] - top));
    return {top, lane_sum<Real>(n, [x](std::size_t j) { return x[j]; })};
}

/// −log softmax(logits)[target] of every row, and in place of the logits its gradient times `weight`.
///
/// @param logits   [m, vocabulary] in; out: weight · (softmax − one-hot of the target)
/// @param targets  [m]
/// @param weight   what one row's loss counts in the whole, 1 / number of targets
/// @param nll      [m], in nats
template <class Real>
void cross_entropy(view<Real> logits, const std::int32_t* targets, double weight, double* nll) {
    for (std::size_t i = 0; i < logits.rows(); ++i) {
        Real* x = row_of(logits, i);
        const std::size_t target = static_cast<std::size_t>(targets[i]);
        const Real aim = x[target];
        const auto [top, sum] = exponentiate(x, logits.cols(), Real(1));
        nll[i] = std::log(static_cast<double>(sum)) - (static_cast<double>(aim) - static_cast<double>(top));
        const Real share = static_cast<Real>(weight / static_cast<double>(sum));
        for (std::size_t j = 0; j < logits.cols(); ++j) x[j] *= share;
        x[target] -= static_cast<Real>(weight);
    }
}

}  // namespace trainer
