#pragma once
// The inner loop of augmenting_paths.hpp, at the width of the machine: a row of costs brings columns nearer, and says
// which is the nearest then. The same answer at every width: of equals, the first. Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace holdfast::transport::detail {

/// A row's number beside a Real: as wide, so that both are chosen by one comparison.
template <class Real>
using beside = std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>;

/// Arrays of a scan end at multiples of this many entries; beyond the last column they hold what never comes nearer.
inline constexpr std::size_t scan_step = 16;

#if HOLDFAST_TRANSPORT_SIMD

/// The first of the least numbers seen, lane by lane.
template <class Real, std::size_t Bytes>
struct first_least {
    using v = vec<Real, Bytes>;
    using ints = vec<beside<Real>, Bytes>;
    typename v::type least;
    typename ints::type at, where;

    [[gnu::always_inline]] first_least() : least(typename v::type{} + std::numeric_limits<Real>::max()), at{}, where{} {
        for (std::size_t l = 0; l < v::lanes; ++l) at[l] = static_cast<beside<Real>>(l);
    }
    [[gnu::always_inline]] void see(const typename v::type& x) {
        where = x < least ? at : where;
        least = x < least ? x : least;
        at += static_cast<beside<Real>>(v::lanes);
    }
    /// The first of the least of all lanes; without branches, which would be guessed wrong.
    [[gnu::always_inline]] std::size_t found() const {
        const Real value = least_lane<Real, Bytes>(least);
        const typename ints::type none = typename ints::type{} + std::numeric_limits<beside<Real>>::max();
        const typename ints::type first = least == value ? where : none;
        return static_cast<std::size_t>(least_lane<beside<Real>, Bytes>(first));
    }
};

/// The j of the least key; keys end at a multiple of scan_step, with infinities.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline std::size_t nearest_column(const Real* key, std::size_t m) {
    using v = vec<Real, Bytes>;
    first_least<Real, Bytes> least;
    for (std::size_t j = 0; j < m; j += v::lanes) {
        typename v::type k;
        v::load(k, key + j);
        least.see(k);
    }
    return least.found();
}

/// key_j = min(key_j, c_j − w_j − h), from_j = row where that lowered it; returns the j of the least key. Of c no more
/// than `readable` entries are read; beyond the last column they may be anything.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline std::size_t nearer_columns(const Real* c, std::size_t readable, const Real* w, Real h,
                                                         beside<Real> row, Real* key, beside<Real>* from,
                                                         std::size_t m) {
    using v = vec<Real, Bytes>;
    using ints = vec<beside<Real>, Bytes>;
    first_least<Real, Bytes> least;
    const typename ints::type rows = typename ints::type{} + row;
    Real rest[v::lanes] = {};
    for (std::size_t j = 0; j < m; j += v::lanes) {
        const Real* source = c + j;
        if (j + v::lanes > readable) {
            std::memcpy(rest, source, (m - j) * sizeof(Real));
            source = rest;
        }
        typename v::type x, y, k;
        typename ints::type f;
        v::load(x, source);
        v::load(y, w + j);
        v::load(k, key + j);
        ints::load(f, from + j);
        x = x - y - h;
        f = x < k ? rows : f;
        k = x < k ? x : k;
        v::store(key + j, k);
        ints::store(from + j, f);
        least.see(k);
    }
    return least.found();
}

#else

template <class Real, std::size_t>
std::size_t nearer_columns(const Real* c, std::size_t, const Real* w, Real h, beside<Real> row, Real* key,
                           beside<Real>* from, std::size_t m) {
    std::size_t best = 0;
    for (std::size_t j = 0; j < m; ++j) {
        const Real x = c[j] - w[j] - h;
        if (x < key[j]) key[j] = x, from[j] = row;
        if (key[j] < key[best]) best = j;
    }
    return best;
}
template <class Real, std::size_t>
std::size_t nearest_column(const Real* key, std::size_t m) {
    return static_cast<std::size_t>(std::min_element(key, key + m) - key);
}

#endif

template <class Real>
struct path_scan {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), std::size_t, nearer,
                              (const Real* c, std::size_t readable, const Real* w, Real h, beside<Real> row, Real* key,
                               beside<Real>* from, std::size_t m),
                              (c, readable, w, h, row, key, from, m), (nearer_columns<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), std::size_t, nearest, (const Real* key, std::size_t m), (key, m),
                              (nearest_column<Real, Bytes>))
};

}  // namespace holdfast::transport::detail
