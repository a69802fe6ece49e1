#pragma once
// The Sinkhorn engine written by hand for CUDA: one pass over the costs updates both potentials, costs are stored in
// two, four or eight bytes, and made from points where these are given. Builds on detail/sinkhorn_kernels.cuh,
// detail/cloud_costs.cuh and core/cuda.cuh. Leaves out the loop (sinkhorn.hpp). engine_thrust.hpp computes the same
// without kernels of its own.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/launch.cuh>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/ball.hpp>
#include <holdfast/transport/detail/cloud_costs.cuh>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/detail/sinkhorn_kernels.cuh>
#include <holdfast/transport/gpu_vector.cuh>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// Sinkhorn on a GPU, potentials in float (in double where costs are stored in double), sums in double.
///
/// Stored is float, double, or std::uint16_t: two bytes a cost, in steps of the 65535th part of a row's range. The
/// engine then solves the problem of the rounded costs, which quantisation() tells the largest error of: bounds of the
/// problem asked for are wider by that much on either side.
///
/// @cost         one pass over C for an iteration, as long as a group of eight rows stays in the cache
/// @determinism  same bits run to run and device to device of one architecture: the order of sums depends on n and m
///               alone. Every function waits for its result.
/// @see          engine_parity in the tests, which runs it against plain_engine; no figure of its speed was measured
template <class Stored = float>
class cuda_engine {
    static_assert(std::is_same_v<Stored, float> || std::is_same_v<Stored, double> ||
                  std::is_same_v<Stored, std::uint16_t>);

  public:
    using real = typename detail::gpu_costs<Stored>::real;
    using vector = gpu_vector<real>;
    static constexpr double rounding = std::numeric_limits<real>::epsilon();

    /// @param cost  C [n, m] finite, on the host @param a [n] @param b [m] weights, positive, sum 1
    /// @param on    all work is enqueued there
    /// @throw       invalid_argument for shapes that do not match, bad weights, costs that are not finite; cuda_error
    cuda_engine(matrix_view<const real> cost, std::span<const double> a, std::span<const double> b,
                cudaStream_t on = nullptr)
        : cuda_engine(cost.rows(), cost.cols(), a, b, on) {
        summary_ = detail::check_problem(cost, host_a_, host_b_);
        upload_weights();
        store(cost);
    }

    /// Between two measures: costs are made on the device, the host never has them. Under Stored = std::uint16_t in
    /// steps of the 65535th part of what no cost can be above.
    ///
    /// @param cost  cosine, squared_euclidean or euclidean
    /// @throw       invalid_argument for another cost, dimensions that differ, a zero vector under cosine; cuda_error
    cuda_engine(const discrete_measure<float>& a, const discrete_measure<float>& b, const ground_cost& cost,
                cudaStream_t on = nullptr) requires(!std::is_same_v<Stored, double>)
        : cuda_engine(a.size(), b.size(), a.weights, b.weights, on) {
        require(cost.kind() <= ground_cost::kinds::euclidean,
                "transport::cuda_engine: the cost must be cosine, squared_euclidean or euclidean");
        require(a.dimension() == b.dimension(), "transport::cuda_engine: measures must have one dimension, they have ",
                a.dimension(), " and ", b.dimension());
        detail::check_weights_of(n_, m_, host_a_, host_b_);
        upload_weights();
        make(prepare<float>(a.points, cost), prepare<float>(b.points, cost), cost);
    }

    double sweep(vector& f, vector& g, double eps, double omega) const {
        const auto p = pass(a_, b_, f.data(), g.data(), eps, omega);
        go(detail::gpu_soft_minima<true, Stored>, parts_, row_memory, costs(), p);
        go(detail::gpu_join_columns<true, real>, column_blocks(), 0, m_, p, g.data(), col_log_.data(),
           col_term_.data());
        return terms();
    }
    double c_transform(vector& f, vector& g) const {
        const auto p = pass(a_, b_, f.data(), g.data(), 1, 1);
        go(detail::gpu_minima<Stored>, parts_, row_memory, costs(), p);
        go(detail::gpu_join_minima<real>, column_blocks(), 0, m_, p, g.data(), col_term_.data());
        return terms();
    }
    [[nodiscard]] double marginal_error(const vector& f, const vector& g, double eps) const {
        look(a_, b_, f, g, eps);
        return terms();
    }
    [[nodiscard]] double plan_cost(const vector& f, const vector& g, double eps) const {
        return cost_of<true>(a_, b_, f, g, eps);
    }
    [[nodiscard]] double rounded_cost(const vector& f, const vector& g, double eps) const {
        look(a_, b_, f, g, eps);
        go(detail::gpu_fit<real>, row_blocks(), 0, n_, a_.data(), f.data(), row_log_.data(), eps, u_.data());
        look(u_, b_, f, g, eps);
        go(detail::gpu_fit<real>, column_blocks(), 0, m_, b_.data(), g.data(), col_log_.data(), eps, v_.data());
        look(u_, v_, f, g, eps);  // the columns' logarithms are those of u already
        const double cost = cost_of<true>(u_, v_, f, g, eps);
        go(detail::gpu_left<real>, row_blocks(), 0, n_, a_.data(), u_.data(), f.data(), row_log_.data(), eps,
           u_.data());
        go(detail::gpu_left<real>, column_blocks(), 0, m_, b_.data(), v_.data(), g.data(), col_log_.data(), eps,
           v_.data());
        const double left = sum_of(v_.data(), m_, 0);
        return left > 0 ? cost + cost_of<false>(u_, v_, f, g, eps) / left : cost;
    }

    [[nodiscard]] cost_summary summary() const { return summary_; }
    /// No cost is further from what is stored for it: 0 where costs were given and Stored is not std::uint16_t.
    [[nodiscard]] double quantisation() const { return quantisation_; }
    [[nodiscard]] vector from_host(std::span<const double> x) const {
        std::vector<real> narrow(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) narrow[i] = static_cast<real>(x[i]);
        vector v(x.size());
        v.upload(narrow, on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
        return v;
    }
    [[nodiscard]] std::vector<double> to_host(const vector& x) const {
        const auto narrow = x.download(on_);
        return {narrow.begin(), narrow.end()};
    }
    [[nodiscard]] std::span<const double> row_weights() const { return host_a_; }
    [[nodiscard]] std::span<const double> column_weights() const { return host_b_; }

  private:
    static constexpr std::size_t row_memory = detail::gpu_rows * sizeof(double);

    cuda_engine(std::size_t n, std::size_t m, std::span<const double> a, std::span<const double> b, cudaStream_t on)
        : host_a_(a.begin(), a.end()),
          host_b_(b.begin(), b.end()),
          n_(n),
          m_(m),
          parts_(static_cast<unsigned>(std::min<std::size_t>((n_ + detail::gpu_rows - 1) / detail::gpu_rows, 264))),
          on_(on),
          costs_(n_, m_),
          a_(n_),
          b_(m_),
          u_(n_),
          v_(m_),
          row_log_(n_),
          row_term_(n_),
          col_log_(m_),
          col_term_(m_),
          sums_(2),
          part_least_(parts_ * m_),
          part_sum_(parts_ * m_) {}

    void upload_weights() {
        a_.upload(host_a_, on_);
        b_.upload(host_b_, on_);
    }

    void make(const prepared_points<float>& x, const prepared_points<float>& y, const ground_cost& cost) {
        const double range =
            static_cast<double>(detail::greatest_cost(detail::ball_of(x, n_), detail::ball_of(y, m_), cost));
        require(range < 1e30, "transport::cuda_engine: costs of up to ", range, " do not fit single precision");
        device_matrix<float> points_x = upload(x, n_), points_y = upload(y, m_);
        const auto step = static_cast<float>(range / 65535);
        const auto tiles = [](std::size_t k) {
            return static_cast<unsigned>((k + detail::tile_side - 1) / detail::tile_side);
        };
        check(
            holdfast::detail::launch(detail::gpu_cloud_costs<Stored>, dim3(tiles(m_), tiles(n_)), detail::tile_threads,
                                     detail::tile_bytes, on_, detail::cloud<float>{points_x.data(), n_, x.dimension},
                                     detail::cloud<float>{points_y.data(), m_, x.dimension}, detail::gpu_cost_of(cost),
                                     step, costs_.data()),
            "transport::cuda_engine");
        quantisation_ = detail::gpu_cost_error(x.dimension, range, cost.normalises());
        if constexpr (std::is_same_v<Stored, std::uint16_t>) {
            quantisation_ += 0.5 * static_cast<double>(step);
            store_steps(std::vector<float>(n_, 0.0F), std::vector<float>(n_, step));
        }
        summarise();
    }
    [[nodiscard]] device_matrix<float> upload(const prepared_points<float>& x, std::size_t rows) const {
        matrix<float> dense(rows, x.dimension);
        for (std::size_t i = 0; i < rows; ++i) std::copy_n(&x.points(i, 0), x.dimension, &dense(i, 0));
        device_matrix<float> made(rows, x.dimension);
        made.upload(dense.view(), on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
        return made;
    }
    void store_steps(const std::vector<float>& least, const std::vector<float>& step) {
        least_ = gpu_vector<float>(n_);
        step_ = gpu_vector<float>(n_);
        least_.upload(least, on_);
        step_.upload(step, on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
    }
    /// What the host cannot see: extremes and moments of the costs.
    void summarise() {
        device_matrix<double> of_rows(n_, 4);
        go(detail::gpu_row_facts<Stored>, parts_of(n_, detail::gpu_rows), 0, costs(), b_.data(), of_rows.data());
        matrix<double> facts(n_, 4);
        of_rows.download(facts.view(), on_);
        double square = 0;
        summary_ = {facts(0, 0), facts(0, 1), 0, 0};
        for (std::size_t i = 0; i < n_; ++i) {
            summary_.least = std::min(summary_.least, facts(i, 0));
            summary_.greatest = std::max(summary_.greatest, facts(i, 1));
            summary_.mean += host_a_[i] * facts(i, 2);
            square += host_a_[i] * facts(i, 3);
        }
        summary_.deviation = std::sqrt(std::max(0.0, square - summary_.mean * summary_.mean));
    }

    void store(matrix_view<const real> cost) {
        matrix<Stored> rows(n_, m_);
        if constexpr (std::is_same_v<Stored, std::uint16_t>) {
            std::vector<float> least(n_), step(n_);
            for (std::size_t i = 0; i < n_; ++i) {
                float low = cost(i, 0), high = cost(i, 0);
                for (std::size_t j = 1; j < m_; ++j) low = std::min(low, cost(i, j)), high = std::max(high, cost(i, j));
                least[i] = low;
                step[i] = (high - low) / 65535.0F;
                for (std::size_t j = 0; j < m_; ++j) {
                    const float steps = step[i] > 0 ? (cost(i, j) - low) / step[i] + 0.5F : 0;
                    rows(i, j) = static_cast<std::uint16_t>(std::min(steps, 65535.0F));
                    const double kept = static_cast<double>(low + step[i] * static_cast<float>(rows(i, j)));
                    quantisation_ = std::max(quantisation_, std::abs(kept - static_cast<double>(cost(i, j))));
                }
            }
            store_steps(least, step);
        } else {
            for (std::size_t i = 0; i < n_; ++i)
                for (std::size_t j = 0; j < m_; ++j) rows(i, j) = cost(i, j);
        }
        costs_.upload(rows.view(), on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
    }

    [[nodiscard]] detail::gpu_costs<Stored> costs() const {
        return {costs_.data(), least_.data(), step_.data(), n_, m_};
    }
    /// The engine's functions are const as the concept's are: scratch memory changes, the problem does not.
    [[nodiscard]] detail::gpu_pass<real> pass(const gpu_vector<double>& u, const gpu_vector<double>& v, real* f,
                                              const real* g, double eps, double omega) const {
        return {u.data(),           v.data(),         f,     g, eps, omega, row_log_.data(), row_term_.data(),
                part_least_.data(), part_sum_.data(), parts_};
    }
    /// Logarithms of rows and columns, and the marginals' errors; changes no potential.
    void look(const gpu_vector<double>& u, const gpu_vector<double>& v, const vector& f, const vector& g,
              double eps) const {
        const auto p = pass(u, v, const_cast<real*>(f.data()), g.data(), eps, 1);
        go(detail::gpu_soft_minima<false, Stored>, parts_, row_memory, costs(), p);
        go(detail::gpu_join_columns<false, real>, column_blocks(), 0, m_, p, const_cast<real*>(g.data()),
           col_log_.data(), col_term_.data());
    }
    template <bool Potentials>
    [[nodiscard]] double cost_of(const gpu_vector<double>& u, const gpu_vector<double>& v, const vector& f,
                                 const vector& g, double eps) const {
        const auto p = pass(u, v, const_cast<real*>(f.data()), g.data(), eps, 1);
        go(detail::gpu_row_costs<Potentials, Stored>, parts_of(n_, detail::gpu_rows), 0, costs(), p);
        return sum_of(row_term_.data(), n_, 0);
    }

    [[nodiscard]] double sum_of(const double* x, std::size_t n, std::size_t place) const {
        go(detail::gpu_sum<double>, 1, row_memory, n, x, sums_.data() + place);
        return sums_.download(on_)[place];
    }
    [[nodiscard]] double terms() const {
        go(detail::gpu_sum<double>, 1, row_memory, n_, row_term_.data(), sums_.data());
        go(detail::gpu_sum<double>, 1, row_memory, m_, col_term_.data(), sums_.data() + 1);
        const auto both = sums_.download(on_);
        return both[0] + both[1];
    }

    static unsigned parts_of(std::size_t n, std::size_t each) { return static_cast<unsigned>((n + each - 1) / each); }
    [[nodiscard]] unsigned row_blocks() const { return parts_of(n_, detail::gpu_threads); }
    [[nodiscard]] unsigned column_blocks() const { return parts_of(m_, detail::gpu_threads); }
    template <class Kernel, class... Arguments>
    void go(Kernel kernel, unsigned blocks, std::size_t shared, const Arguments&... arguments) const {
        check(holdfast::detail::launch(kernel, dim3(blocks), detail::gpu_threads, shared, on_, arguments...),
              "transport::cuda_engine");
    }

    std::vector<double> host_a_, host_b_;
    cost_summary summary_{};
    std::size_t n_, m_;
    unsigned parts_;
    cudaStream_t on_;
    double quantisation_ = 0;
    device_matrix<Stored> costs_;
    gpu_vector<float> least_, step_;
    gpu_vector<double> a_, b_;
    mutable gpu_vector<double> u_, v_, row_log_, row_term_, col_log_, col_term_, sums_;
    mutable gpu_vector<real> part_least_;
    mutable gpu_vector<double> part_sum_;
};

static_assert(engine<cuda_engine<float>> && engine<cuda_engine<double>> && engine<cuda_engine<std::uint16_t>>);

}  // namespace holdfast::transport
