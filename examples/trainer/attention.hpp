// Grouped-query causal attention over packed sequences, forward and backward.
//
// Queries, keys and values come as one matrix, the result of one product. Every sequence and head is a small problem of
// its own: blocks of rows against the keys that they may see, as Eigen products. No padding, so no mask but the causal
// one.
#pragma once

#include "layers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trainer {

/// heads query heads share kv_heads key and value heads, heads / kv_heads each (Ainslie et al. 2023, arXiv:2305.13245).
struct attention_shape {
    std::size_t heads = 1, kv_heads = 1, head = 16;

    std::size_t query_columns() const { return heads * head; }
    std::size_t key_columns() const { return kv_heads * head; }
    std::size_t columns() const { return query_columns() + 2 * key_columns(); }
    std::size_t key_of(std::size_t h) const { return query_columns() + h / (heads / kv_heads) * head; }
    std::size_t value_of(std::size_t h) const { return key_of(h) + key_columns(); }
};

/// Query rows that are computed together: causal blocks of this height save the keys that none of their rows may see.
inline constexpr std::size_t attention_block = 64;

/// Room for the probabilities of all sequences and heads: Σ_s heads · length_s².
inline std::size_t attention_room(const attention_shape& a, std::span<const std::uint32_t> offsets) {
    std::size_t room = 0;
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
        const std::size_t length = offsets[s + 1] - offsets[s];
        room += a.heads * length * length;
    }
    return room;
}

/// Row i of the softmax of scores that may see columns 0..i: x[0..i] becomes probabilities, x(i..end) zero.
template <class Real>
void causal_softmax(Real* x, std::size_t i, std::size_t end, Real scale) {
    const Real share = Real(1) / exponentiate(x, i + 1, scale).sum;
    for (std::size_t j = 0; j <= i; ++j) x[j] *= share;
    std::fill(x + i + 1, x + end, Real(0));
}

/// For every sequence and head: P = softmax(q k' / sqrt(head), causal), y = P v.
///
/// @param qkv            [n, (heads + 2 kv_heads)·head], q and k rotated
/// @param offsets        [s + 1], sequence j is rows offsets[j] .. offsets[j+1]
/// @param probabilities  [attention_room], per sequence and head P [t, t]; kept for the way back
/// @param y              [n, heads·head]
template <class Real>
void attention_forward(view<const Real> qkv, std::span<const std::uint32_t> offsets, const attention_shape& a,
                       Real* probabilities, view<Real> y) {
    const Real scale = Real(1) / std::sqrt(static_cast<Real>(a.head));
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
        const std::size_t first = offsets[s], length = offsets[s + 1] - first;
        for (std::size_t h = 0; h < a.heads; ++h, probabilities += length * length) {
            const auto q = rows_of(cols_of(qkv, h * a.head, a.head), first, length);
            const auto k = rows_of(cols_of(qkv, a.key_of(h), a.head), first, length);
            const auto v = rows_of(cols_of(qkv, a.value_of(h), a.head), first, length);
            const auto out = rows_of(cols_of(y, h * a.head, a.head), first, length);
            for (std::size_t from = 0; from < length; from += attention_block) {
                const std::size_t to = std::min(from + attention_block, length), count = to - from;
                // rows from..to see at most columns 0..to
                view<Real> p(probabilities + from * length, count, to, static_cast<std::ptrdiff_t>(length), 1);
                linear_forward(rows_of(q, from, count), rows_of(k, 0, to), p);
                for (std::size_t i = from; i < to; ++i) causal_softmax(row_of(p, i - from), i, to, scale);
                linear_backward_input(reading(p), rows_of(v, 0, to), rows_of(out, from, count));
            }
        }
    }
}

/// dv += P' dy, dP = dy v', dS = P (dP − rows of dy·y) / sqrt(head), dq = dS k, dk += dS' q.
///
/// @param dy, y    [n, heads·head]
/// @param dqkv     [n, (heads + 2 kv_heads)·head], written
/// @param scratch  [attention_block, longest sequence]
template <class Real>
void attention_backward(view<const Real> dy, view<const Real> y, view<const Real> qkv, const Real* probabilities,
                        std::span<const std::uint32_t> offsets, const attention_shape& a, view<Real> dqkv,
                        tensor<Real>& scratch) {
    const Real scale = Real(1) / std::sqrt(static_cast<Real>(a.head));
    eigen(dqkv).setZero();  // several query heads add to one key head
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
        const std::size_t first = offsets[s], length = offsets[s + 1] - first;
        scratch.shape(attention_block, length);
        for (std::size_t h = 0; h < a.heads; ++h, probabilities += length * length) {
            const auto part = [&](auto m, std::size_t column) {
                return rows_of(cols_of(m, column, a.head), first, length);
            };
            const auto q = part(qkv, h * a.head), k = part(qkv, a.key_of(h)), v = part(qkv, a.value_of(h));
            const auto dq = part(dqkv, h * a.head), dk = part(dqkv, a.key_of(h)), dv = part(dqkv, a.value_of(h));
            const auto out = part(y, h * a.head), dout = part(dy, h * a.head);
            for (std::size_t from = 0; from < length; from += attention_block) {
                const std::size_t to = std::min(from + attention_block, length), count = to - from;
                const view<const Real> p(probabilities + from * length, count, to, static_cast<std::ptrdiff_t>(length),
                                         1);
                const auto ds = cols_of(rows_of(scratch.all(), 0, count), 0, to);  // dP, then dS [count, to]
                const auto g = rows_of(dout, from, count);
                linear_forward(g, rows_of(v, 0, to), ds);
                for (std::size_t i = 0; i < count; ++i) {
                    const Real *gi = row_of(g, i), *yi = row_of(out, from + i), *pi = row_of(p, i);
                    Real* __restrict d = row_of(ds, i);
                    const Real dot = lane_sum<Real>(a.head, [=](std::size_t j) { return gi[j] * yi[j]; });
                    for (std::size_t j = 0; j < to; ++j) d[j] = pi[j] * (d[j] - dot) * scale;
                }
                linear_backward_weight(p, g, rows_of(dv, 0, to));
                linear_backward_input(reading(ds), rows_of(k, 0, to), rows_of(dq, from, count));
                linear_backward_weight(reading(ds), rows_of(q, from, count), rows_of(dk, 0, to));
            }
        }
    }
}

}  // namespace trainer
