#pragma once
// The Sinkhorn engine written by hand for CUDA: one pass over the costs updates both potentials, costs are stored in
// two, four or eight bytes, or not at all, and made on the device where points are given. Builds on
// detail/stored_costs.cuh, detail/streamed_costs.cuh and gpu_cloud.cuh. Leaves out the loop (sinkhorn.hpp).
// engine_thrust.hpp computes the same without kernels of its own.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/ball.hpp>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/detail/sinkhorn_kernels.cuh>
#include <holdfast/transport/detail/stored_costs.cuh>
#include <holdfast/transport/detail/streamed_costs.cuh>
#include <holdfast/transport/gpu_cloud.cuh>
#include <holdfast/transport/gpu_vector.cuh>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// As what cuda_engine stores: nothing. Costs are made on the chip whenever they are read.
struct gpu_streamed {};

/// Sinkhorn on a GPU, potentials in float (in double where costs are stored in double), sums in double.
///
/// Stored is float, double, std::uint16_t (two bytes a cost, in steps of the 65535th part of a row's range), or
/// gpu_streamed (none: O(n + m) memory beside the points, 8 n m d operations on bytes a half of an iteration). The
/// engine then solves the problem of the costs that it has; within() has bounds of the problem asked for.
///
/// @cost         one pass over C for an iteration: read once where costs have two bytes and m is at most 12288 (8192 on
/// a
///               GPU with 163 KB of shared memory), else as long as a group of eight rows stays in the cache; two
///               products where C is streamed
/// @determinism  same bits run to run and device to device of one architecture: the order of sums depends on n and m
///               alone. Every function waits for its result.
/// @see          engine_parity in the tests, which runs it against plain_engine; no figure of its speed was measured
template <class Stored = float>
class cuda_engine {
    static constexpr bool streams = std::is_same_v<Stored, gpu_streamed>;
    static_assert(std::is_same_v<Stored, float> || std::is_same_v<Stored, double> ||
                  std::is_same_v<Stored, std::uint16_t> || streams);
    using costs_type = typename std::conditional_t<streams, std::type_identity<detail::streamed_costs>,
                                                   std::type_identity<detail::stored_costs<Stored>>>::type;

  public:
    using real = typename costs_type::real;
    using vector = gpu_vector<real>;
    static constexpr double rounding = std::numeric_limits<real>::epsilon();

    /// @param cost  C [n, m] finite, on the host @param a [n] @param b [m] weights, positive, sum 1
    /// @param on    all work is enqueued there
    /// @throw       invalid_argument for shapes that do not match, bad weights, costs that are not finite, or that the
    ///              device has no memory for; cuda_error
    cuda_engine(matrix_view<const real> cost, std::span<const double> a, std::span<const double> b,
                cudaStream_t on = nullptr) requires(!streams)
        : cuda_engine(cost.rows(), cost.cols(), a, b, on) {
        made_.summary = detail::check_problem(cost, host_a_, host_b_);
        upload_weights();
        made_.wrong.kind = detail::gpu_cost::root;  // costs are what they are: bounds move by as much as they do
        made_.wrong.each = made_.most_wrong = costs_.keep(cost);
    }

    /// Between two measures, in single precision, as sums of squared differences: costs are made on the device, the
    /// host never has them. Under Stored = std::uint16_t in steps of the 65535th part of what no cost can be above.
    ///
    /// @param cost  cosine, squared_euclidean or euclidean
    /// @throw       invalid_argument for another cost, dimensions that differ, a zero vector under cosine, costs that
    ///              the device has no memory for; cuda_error
    cuda_engine(const discrete_measure<float>& a, const discrete_measure<float>& b, const ground_cost& cost,
                cudaStream_t on = nullptr) requires(!streams && !std::is_same_v<Stored, double>)
        : cuda_engine(a.size(), b.size(), a.weights, b.weights, on) {
        require(cost.kind() <= ground_cost::kinds::euclidean,
                "transport::cuda_engine: the cost must be cosine, squared_euclidean or euclidean");
        require(a.dimension() == b.dimension(), "transport::cuda_engine: measures must have one dimension, they have ",
                a.dimension(), " and ", b.dimension());
        check_weights();
        const auto x = prepare<float>(a.points, cost), y = prepare<float>(b.points, cost);
        const double range =
            static_cast<double>(detail::greatest_cost(detail::ball_of(x, n_), detail::ball_of(y, m_), cost));
        check_range(range);
        const device_matrix<float> points_x = upload(x, n_), points_y = upload(y, m_);
        made_ = costs_.make({points_x.data(), n_, x.dimension}, {points_y.data(), m_, x.dimension}, cost, range,
                            host_a_, b_.data());
    }

    /// Between two tasks that were made ready together: costs by tensor cores, exactly those of points in whole numbers
    /// of 16 bits; with their minima, least_cost().
    ///
    /// @throw  invalid_argument for clouds of two frames, costs that do not fit single precision or the device's
    /// memory;
    ///         cuda_error
    /// @cost   8 n m d operations on bytes; nothing is copied but the weights
    cuda_engine(const gpu_cloud& a, const gpu_cloud& b,
                cudaStream_t on = nullptr) requires(!std::is_same_v<Stored, double>)
        : cuda_engine(a.size(), b.size(), a.weights(), b.weights(), on) {
        require(a.kind() == b.kind() && a.unit() == b.unit() && a.dimension() == b.dimension(),
                "transport::cuda_engine: clouds must come from one call of gpu_cloud::together");
        check_weights();
        const detail::pair_of_clouds both(a, b);
        check_range(both.range);
        made_ = costs_.make(both, host_a_, host_b_, b_.data());
    }

    double sweep(vector& f, vector& g, double eps, double omega) const {
        if constexpr (std::is_same_v<Stored, std::uint16_t>) {
            if (fresh_f_.size() == 0) fresh_f_ = vector(n_), fresh_g_ = vector(m_);
            if (costs_.single_sweep(pass(a_, b_, f.data(), g.data(), eps, omega), fresh_f_.data(), fresh_g_.data(),
                                    col_term_.data())) {
                const double residual = terms();
                if (std::isfinite(residual)) {
                    std::swap(f, fresh_f_);
                    std::swap(g, fresh_g_);
                    return residual;
                }
            }
        }
        costs_.template soft_minima<true>(pass(a_, b_, f.data(), g.data(), eps, omega), g.data(), col_log_.data(),
                                          col_term_.data());
        return terms();
    }
    double c_transform(vector& f, vector& g) const {
        costs_.minima(pass(a_, b_, f.data(), g.data(), 1, 1), g.data(), col_term_.data());
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
        fit(a_, f, row_log_, eps, u_);
        look(u_, b_, f, g, eps);
        fit(b_, g, col_log_, eps, v_);
        look(u_, v_, f, g, eps);  // the columns' logarithms are those of u already
        const double cost = cost_of<true>(u_, v_, f, g, eps);
        left(a_, f, row_log_, eps, u_);
        left(b_, g, col_log_, eps, v_);
        const double rest = sum_of(v_.data(), m_);
        return rest > 0 ? cost + cost_of<false>(u_, v_, f, g, eps) / rest : cost;
    }

    [[nodiscard]] cost_summary summary() const { return made_.summary; }
    /// No cost is further from what the engine has for it: 0 where costs were given and Stored is not std::uint16_t.
    [[nodiscard]] double quantisation() const { return made_.most_wrong; }
    /// Bounds of the transport cost asked for, from those of the costs that the engine has.
    [[nodiscard]] certified<double> within(const certified<double>& w) const {
        const double lower = made_.wrong.at_least(w.lower), upper = made_.wrong.at_most(w.upper);
        return {std::clamp(w.value, lower, upper), lower, upper, w.status};
    }
    /// Σ a_i min_j C_ij or Σ b_j min_i C_ij, whichever is greater: no plan costs less. 0 where it was not looked for
    /// (only costs by tensor cores have their minima for nothing).
    [[nodiscard]] double least_cost() const { return made_.least_cost; }
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
    using numbers = gpu_vector<double>;

    cuda_engine(std::size_t n, std::size_t m, std::span<const double> a, std::span<const double> b, cudaStream_t on)
        : host_a_(a.begin(), a.end()),
          host_b_(b.begin(), b.end()),
          n_(n),
          m_(m),
          on_(on),
          costs_(n_, m_, on_),
          a_(n_),
          b_(m_),
          u_(n_),
          v_(m_),
          row_log_(n_),
          row_term_(n_),
          col_log_(m_),
          col_term_(m_),
          sums_(2) {}

    void check_weights() {
        detail::check_weights_of(n_, m_, host_a_, host_b_);
        upload_weights();
    }
    void upload_weights() {
        a_.upload(host_a_, on_);
        b_.upload(host_b_, on_);
    }
    static void check_range(double range) {
        require(range == 0 || (range > 1e-30 && range < 1e30), "transport::cuda_engine: costs of up to ", range,
                " do not fit single precision");
    }
    [[nodiscard]] device_matrix<float> upload(const prepared_points<float>& x, std::size_t rows) const {
        matrix<float> dense(rows, x.dimension);
        for (std::size_t i = 0; i < rows; ++i) std::copy_n(&x.points(i, 0), x.dimension, &dense(i, 0));
        device_matrix<float> made(rows, x.dimension);
        made.upload(dense.view(), on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
        return made;
    }

    /// The engine's functions are const as the concept's are: scratch memory changes, the problem does not.
    [[nodiscard]] detail::gpu_pass<real> pass(const numbers& u, const numbers& v, real* f, const real* g, double eps,
                                              double omega) const {
        return {u.data(), v.data(), f, g, eps, omega, row_log_.data(), row_term_.data(), nullptr, nullptr, 0};
    }
    /// Logarithms of rows and columns, and the marginals' errors; changes no potential.
    void look(const numbers& u, const numbers& v, const vector& f, const vector& g, double eps) const {
        costs_.template soft_minima<false>(pass(u, v, const_cast<real*>(f.data()), g.data(), eps, 1),
                                           const_cast<real*>(g.data()), col_log_.data(), col_term_.data());
    }
    template <bool Potentials>
    [[nodiscard]] double cost_of(const numbers& u, const numbers& v, const vector& f, const vector& g,
                                 double eps) const {
        costs_.template plan_costs<Potentials>(pass(u, v, const_cast<real*>(f.data()), g.data(), eps, 1));
        return sum_of(row_term_.data(), n_);
    }
    void fit(const numbers& all, const vector& potential, const numbers& logs, double eps, numbers& weight) const {
        go(detail::gpu_fit<real>, all.size(), all.data(), potential.data(), logs.data(), eps, weight.data());
    }
    void left(const numbers& all, const vector& potential, const numbers& logs, double eps, numbers& weight) const {
        go(detail::gpu_left<real>, all.size(), all.data(), weight.data(), potential.data(), logs.data(), eps,
           weight.data());
    }
    template <class Kernel, class... Arguments>
    void go(Kernel kernel, std::size_t n, const Arguments&... arguments) const {
        detail::enqueue(on_, kernel, dim3(detail::gpu_blocks(n, detail::gpu_threads)), detail::gpu_threads, 0, n,
                        arguments...);
    }
    void add(const double* x, std::size_t n, std::size_t place) const {
        detail::enqueue(on_, detail::gpu_sum<double>, dim3(1), detail::gpu_threads, detail::gpu_rows * sizeof(double),
                        n, x, sums_.data() + place);
    }
    [[nodiscard]] double sum_of(const double* x, std::size_t n) const {
        add(x, n, 0);
        return sums_.download(on_)[0];
    }
    [[nodiscard]] double terms() const {
        add(row_term_.data(), n_, 0);
        add(col_term_.data(), m_, 1);
        const auto both = sums_.download(on_);
        return both[0] + both[1];
    }

    std::vector<double> host_a_, host_b_;
    std::size_t n_, m_;
    cudaStream_t on_;
    costs_type costs_;
    detail::made_costs made_;
    numbers a_, b_;
    mutable vector fresh_f_, fresh_g_;  // what a sweep makes of potentials, before it is known whether it holds
    mutable numbers u_, v_, row_log_, row_term_, col_log_, col_term_, sums_;
};

static_assert(engine<cuda_engine<float>> && engine<cuda_engine<double>> && engine<cuda_engine<std::uint16_t>> &&
              engine<cuda_engine<gpu_streamed>>);

}  // namespace holdfast::transport
