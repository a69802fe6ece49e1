#pragma once
// Rows of costs in 16 bits each: c = least + step q, least and step of every row its own, so that the error is the
// 131070th part of the row's range at most; what it is in fact is measured when the row is written. Builds on simd.hpp.

#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/row_facts.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

/// c_j = least + step q_j
template <std::size_t Bytes>
[[gnu::always_inline]] inline void decode_row(const std::uint16_t* q, float step, float least, float* c,
                                              std::size_t m) {
    constexpr std::size_t lanes = Bytes / 4;
    using narrow = typename vec<std::uint16_t, Bytes / 2>::type;
    using ints = typename vec<std::int32_t, Bytes>::type;
    using floats = typename vec<float, Bytes>::type;
    std::size_t j = 0;
    for (; j + lanes <= m; j += lanes) {
        narrow x;
        __builtin_memcpy(&x, q + j, sizeof x);
        const floats y = __builtin_convertvector(__builtin_convertvector(x, ints), floats) * step + least;
        __builtin_memcpy(c + j, &y, sizeof y);
    }
    for (; j < m; ++j) c[j] = static_cast<float>(q[j]) * step + least;
}

/// q_j = (c_j − least) / step, to the nearest; returns the greatest |c_j − least − step q_j|.
template <std::size_t Bytes>
[[gnu::always_inline]] inline float encode_row(const float* c, float least, float step, float inverse, std::uint16_t* q,
                                               std::size_t m) {
    constexpr std::size_t lanes = Bytes / 4;
    using narrow = typename vec<std::uint16_t, Bytes / 2>::type;
    using ints = typename vec<std::int32_t, Bytes>::type;
    using floats = typename vec<float, Bytes>::type;
    floats worst = {};
    std::size_t j = 0;
    for (; j + lanes <= m; j += lanes) {
        floats x;
        __builtin_memcpy(&x, c + j, sizeof x);
        floats y = (x - least) * inverse + 0.5f;
        const floats most = floats{} + 65535.0F;
        y = y < most ? y : most;
        const ints k = __builtin_convertvector(y, ints);
        const narrow code = __builtin_convertvector(k, narrow);
        __builtin_memcpy(q + j, &code, sizeof code);
        floats wrong = x - (__builtin_convertvector(k, floats) * step + least);
        wrong = wrong < 0 ? -wrong : wrong;
        worst = wrong > worst ? wrong : worst;
    }
    float lane[lanes];
    __builtin_memcpy(lane, &worst, sizeof lane);
    float most = *std::max_element(lane, lane + lanes);
    for (; j < m; ++j) {
        q[j] = static_cast<std::uint16_t>(std::min((c[j] - least) * inverse + 0.5f, 65535.0f));
        most = std::max(most, std::abs(c[j] - (static_cast<float>(q[j]) * step + least)));
    }
    return most;
}

#else

template <std::size_t>
void decode_row(const std::uint16_t* q, float step, float least, float* c, std::size_t m) {
    for (std::size_t j = 0; j < m; ++j) c[j] = static_cast<float>(q[j]) * step + least;
}

template <std::size_t>
float encode_row(const float* c, float least, float step, float inverse, std::uint16_t* q, std::size_t m) {
    float most = 0;
    for (std::size_t j = 0; j < m; ++j) {
        q[j] = static_cast<std::uint16_t>(std::min((c[j] - least) * inverse + 0.5f, 65535.0f));
        most = std::max(most, std::abs(c[j] - (static_cast<float>(q[j]) * step + least)));
    }
    return most;
}

#endif

struct fixed16_loops {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, decode,
                              (const std::uint16_t* q, float step, float least, float* c, std::size_t m),
                              (q, step, least, c, m), (decode_row<Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), float, encode,
                              (const float* c, float least, float step, float inverse, std::uint16_t* q, std::size_t m),
                              (c, least, step, inverse, q, m), (encode_row<Bytes>))
};

/// Costs [n, m] in two bytes each.
class fixed16_rows {
  public:
    fixed16_rows() = default;
    fixed16_rows(std::size_t n, std::size_t m) : codes_(n, m), least_(n), step_(n), error_(n) {}

    /// Writes row i; different rows from different threads.
    void put(std::size_t i, const float* c, float least, float greatest) {
        const std::size_t m = codes_.cols();
        const float step = std::max((greatest - least) / 65535, std::numeric_limits<float>::min());
        least_[i] = least;
        step_[i] = step;
        const float wrong = fixed16_loops::encode(c, least, step, 1 / step, &codes_(i, 0), m);
        // with or without FMA, reading it rounds twice at most
        error_[i] = static_cast<double>(wrong) + 2 * static_cast<double>(std::numeric_limits<float>::epsilon()) *
                                                     std::max(std::abs(greatest), std::abs(least));
    }
    void get(std::size_t i, float* c) const {
        fixed16_loops::decode(&codes_(i, 0), step_[i], least_[i], c, codes_.cols());
    }
    [[nodiscard]] float at(std::size_t i, std::size_t j) const {
        float c;  // by the same loop, so that it is the same bits
        fixed16_loops::decode(&codes_(i, j), step_[i], least_[i], &c, 1);
        return c;
    }
    /// No cost that row i returns is further from the cost put there.
    [[nodiscard]] double error(std::size_t i) const { return error_[i]; }

  private:
    aligned_rows<std::uint16_t> codes_;
    std::vector<float> least_, step_;
    std::vector<double> error_;
};

}  // namespace holdfast::transport::detail
