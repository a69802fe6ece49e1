#pragma once
// Many adapters in one batch on the GPU, typed: a table of adapters in device memory, which row has which, what they
// add to y and to dx, and every adapter's gradients. Builds on detail/doors.cuh and kernels/segmented_*.cuh.

#include <holdfast/adapters/detail/doors.cuh>
#include <holdfast/kernels/segmented_gradients.cuh>
#include <holdfast/kernels/segmented_lora.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::adapters {

/// The adapters of one layer, in device memory. Ranks may differ; dropout is not applied.
template <class T>
class adapter_table {
  public:
    /// @param adapters  a [rank, in] and b [out, rank] of every one, of the same in and out; they must outlive the
    /// table
    /// @throw invalid_argument if there is none, or if one does not fit the others
    adapter_table(std::span<const lora_view<T>> adapters, cudaStream_t stream)
        : entries_(1, adapters.size()), device_(1, adapters.size()) {
        const char* const door = "adapters::adapter_table";
        require(!adapters.empty(), door, ": there must be one adapter at least");
        in_ = adapters[0].a.cols(), out_ = adapters[0].b.rows();
        for (std::size_t i = 0; i < adapters.size(); ++i) entries_(0, i) = entry(door, adapters[i]);
        device_.upload(std::as_const(entries_).view(), stream);
    }

    /// Puts another adapter in place of adapter i, on the stream.
    void replace(std::size_t i, const lora_view<T>& adapter, cudaStream_t stream) {
        const char* const door = "adapters::adapter_table::replace";
        require(i < size(), door, ": there are ", size(), " adapters, there is no number ", i);
        entries_(0, i) = entry(door, adapter);
        device_.upload(std::as_const(entries_).view(), stream);
    }

    [[nodiscard]] std::size_t size() const { return entries_.cols(); }
    [[nodiscard]] std::size_t in() const { return in_; }
    [[nodiscard]] std::size_t out() const { return out_; }
    /// The largest rank; u and ds have as many columns.
    [[nodiscard]] std::size_t rank() const {
        int most = 1;
        for (std::size_t i = 0; i < size(); ++i) most = std::max(most, entries_(0, i).rank);
        return static_cast<std::size_t>(most);
    }
    [[nodiscard]] const kernels::adapter_entry<T>& operator[](std::size_t i) const { return entries_(0, i); }
    [[nodiscard]] const kernels::adapter_entry<T>* data() const { return device_.data(); }

  private:
    [[nodiscard]] kernels::adapter_entry<T> entry(const char* door, const lora_view<T>& v) const {
        const std::size_t rank = v.a.rows();
        require(rank >= 1 && rank <= static_cast<std::size_t>(kernels::largest_rank), door, ": rank must be 1 to ",
                kernels::largest_rank, ", it is ", rank);
        return {v.a.data(),
                v.b.data(),
                detail::leading(door, "a", v.a, rank, in_),
                detail::leading(door, "b", v.b, out_, rank),
                static_cast<int>(rank),
                v.scale};
    }

    matrix<kernels::adapter_entry<T>> entries_;
    device_matrix<kernels::adapter_entry<T>> device_;
    std::size_t in_ = 0, out_ = 0;
};

/// A number per row, [1, m] on the device; -1 is none.
[[nodiscard]] inline kernels::row_segments rows_by_number(device_matrix_view<const std::int32_t> numbers) {
    kernels::row_segments s;
    s.token_adapter = numbers.data();
    return s;
}
/// Segments of neighbouring rows: offsets [1, most + 1] and the adapter of each [1, most], on the device.
/// @param count  [1, 1] how many are in use, read on the device, or empty: all
[[nodiscard]] inline kernels::row_segments rows_by_segment(device_matrix_view<const std::int32_t> offsets,
                                                           device_matrix_view<const std::int32_t> adapters,
                                                           device_matrix_view<const std::int32_t> count = {}) {
    require(offsets.size() == adapters.size() + 1, "adapters::rows_by_segment: there must be one offset more than ",
            adapters.size(), " segments, there are ", offsets.size());
    return {nullptr, offsets.data(), adapters.data(), count.empty() ? nullptr : count.data(),
            static_cast<std::int32_t>(adapters.size())};
}

namespace detail {

template <class T>
[[nodiscard]] kernels::segmented_lora_args<T> segmented_args(const char* door, const adapter_table<T>& table,
                                                             const kernels::row_segments& rows,
                                                             device_matrix_view<const T> from, device_matrix_view<T> to,
                                                             device_matrix_view<float> u,
                                                             device_matrix_view<std::byte> workspace, bool backward) {
    const std::size_t m = from.rows();
    kernels::segmented_lora_args<T> args;
    args.tokens = static_cast<std::int64_t>(m), args.in = static_cast<std::int64_t>(table.in());
    args.out = static_cast<std::int64_t>(table.out()), args.rank = static_cast<std::int64_t>(table.rank());
    args.adapters = table.data(), args.adapter_count = static_cast<std::int32_t>(table.size()), args.rows = rows;
    args.x = from.data(), args.y = to.data();
    args.ldx = leading(door, backward ? "dy" : "x", from, m, backward ? table.out() : table.in());
    args.ldy = leading(door, backward ? "dx" : "y", to, m, backward ? table.in() : table.out());
    if (!u.empty()) {
        (void)leading(door, backward ? "ds" : "u", u, m, table.rank());
        require(u.contiguous(), door, ": ", backward ? "ds" : "u", " must have no gaps between its rows");
        args.u = u.data();
    }
    args.workspace = workspace.data(), args.workspace_bytes = workspace.size();
    return args;
}

}  // namespace detail

/// Bytes of workspace for batches of at most `tokens` rows, either way.
template <class T>
[[nodiscard]] std::size_t segmented_workspace(const adapter_table<T>& table, std::size_t tokens) {
    std::size_t most = 0;
    for (std::size_t m = 0;; m += 16) {  // short batches are cut into more parts
        kernels::segmented_lora_args<T> args;
        args.tokens = static_cast<std::int64_t>(m < 8192 ? std::min(m, tokens) : tokens);
        args.in = static_cast<std::int64_t>(table.in()), args.out = static_cast<std::int64_t>(table.out());
        args.rank = static_cast<std::int64_t>(table.rank());
        most = std::max(most, kernels::segmented_lora_workspace(args));
        if (args.tokens == static_cast<std::int64_t>(tokens)) return most;
    }
}

/// y += s_a (x A_a') B_a' for every row and its adapter a.
///
/// @param x  [m, in];  @param y  [m, out], the frozen product's;  @param u  [m, table.rank()], written, or empty:
/// serving
/// @throw    invalid_argument for what does not fit, cuda_error if the launch fails
/// @stream   enqueues on `stream`; never allocates, never waits; a captured call serves other numbers and counts too
/// @determinism  bitwise run to run
template <class T>
void add_adapters(const adapter_table<T>& table, const kernels::row_segments& rows,
                  detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<T>> y,
                  device_matrix_view<std::byte> workspace, cudaStream_t stream, device_matrix_view<float> u = {}) {
    const char* const door = "adapters::add_adapters";
    const auto args = detail::segmented_args<T>(door, table, rows, x, y, u, workspace, false);
    detail::settle(door, kernels::segmented_lora(args, stream), args);
}

/// dx += s_a (dy B_a) A_a, likewise.
/// @param ds  [m, table.rank()], written, or empty
template <class T>
void add_adapters_backward(const adapter_table<T>& table, const kernels::row_segments& rows,
                           detail::as_is<device_matrix_view<const T>> dy, detail::as_is<device_matrix_view<T>> dx,
                           device_matrix_view<std::byte> workspace, cudaStream_t stream,
                           device_matrix_view<float> ds = {}) {
    const char* const door = "adapters::add_adapters_backward";
    const auto args = detail::segmented_args<T>(door, table, rows, dy, dx, ds, workspace, true);
    detail::settle_by(door, kernels::segmented_lora_backward(args, stream), [&] { return explain_backward(args); });
}

/// Where the gradients of the adapters of a table go, in device memory; an empty view is not wanted.
class gradient_table {
  public:
    struct views {
        device_matrix_view<float> a = {}, b = {};  ///< [rank, in] and [out, rank], added to
    };
    /// @throw invalid_argument if there are not as many as adapters, or if one has another shape than its adapter
    template <class T>
    gradient_table(const adapter_table<T>& table, std::span<const views> gradients, cudaStream_t stream)
        : entries_(1, gradients.size()), device_(1, gradients.size()) {
        const char* const door = "adapters::gradient_table";
        require(gradients.size() == table.size(), door, ": there are ", table.size(), " adapters, but gradients for ",
                gradients.size());
        for (std::size_t i = 0; i < gradients.size(); ++i) {
            const auto rank = static_cast<std::size_t>(table[i].rank);
            kernels::gradient_entry& e = entries_(0, i);
            e.rank = table[i].rank;
            if (!gradients[i].a.empty())
                e.da = gradients[i].a.data(),
                e.ldda = detail::leading(door, "the gradient of A", gradients[i].a, rank, table.in());
            if (!gradients[i].b.empty())
                e.db = gradients[i].b.data(),
                e.lddb = detail::leading(door, "the gradient of B", gradients[i].b, table.out(), rank);
        }
        device_.upload(std::as_const(entries_).view(), stream);
    }
    [[nodiscard]] const kernels::gradient_entry* data() const { return device_.data(); }
    [[nodiscard]] std::size_t size() const { return entries_.cols(); }

  private:
    matrix<kernels::gradient_entry> entries_;
    device_matrix<kernels::gradient_entry> device_;
};

/// dA_a += sum over a's rows of ds' x and dB_a += sum of dy' u, for every adapter.
/// @param u, ds  [m, table.rank()] that add_adapters and add_adapters_backward wrote
template <class T>
void add_adapter_gradients(const adapter_table<T>& table, const kernels::row_segments& rows,
                           detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<const T>> dy,
                           device_matrix_view<const float> u, device_matrix_view<const float> ds,
                           const gradient_table& to, cudaStream_t stream) {
    const char* const door = "adapters::add_adapter_gradients";
    const std::size_t m = x.rows();
    require(to.size() == table.size(), door, ": there are ", table.size(), " adapters, but gradients for ", to.size());
    kernels::segmented_gradient_args<T> args;
    args.tokens = static_cast<std::int64_t>(m), args.in = static_cast<std::int64_t>(table.in());
    args.out = static_cast<std::int64_t>(table.out()), args.rank = static_cast<std::int64_t>(table.rank());
    args.gradients = to.data(), args.adapter_count = static_cast<std::int32_t>(table.size()), args.rows = rows;
    args.x = x.data(), args.ldx = detail::leading(door, "x", x, m, table.in());
    args.dy = dy.data(), args.lddy = detail::leading(door, "dy", dy, m, table.out());
    (void)detail::leading(door, "u", u, m, table.rank()), (void)detail::leading(door, "ds", ds, m, table.rank());
    require(u.contiguous() && ds.contiguous(), door, ": u and ds must have no gaps between their rows");
    args.u = u.data(), args.ds = ds.data();
    detail::settle(door, kernels::segmented_lora_gradients(args, stream), args);
}

}  // namespace holdfast::adapters
