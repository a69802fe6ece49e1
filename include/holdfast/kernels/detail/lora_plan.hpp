#pragma once
// What a LoRA product needs before it may run: sizes of workspaces, how the sums are cut, and what is wrong with the
// arguments, in words. Host only, without CUDA: tested on every machine. Builds on tile.hpp and dropout.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/kernels/detail/dropout.hpp>
#include <holdfast/kernels/detail/tile.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace holdfast::kernels {

/// Sizes of one adapted layer: x [tokens, in], W [out, in], A [rank, in], B [out, rank].
struct lora_shape {
    std::int64_t tokens = 0, in = 0, out = 0, rank = 0;
};

inline constexpr std::int64_t largest_rank = 256;

namespace detail {

/// Why a call cannot run; `none` where it can.
enum class refusal {
    none,
    negative_tokens,
    empty_layer,
    rank_out_of_range,
    too_large,
    null_pointer,
    narrow_leading_dimension,
    misaligned,
    missing_mask,
    missing_u,
    small_workspace,
    dropout_out_of_range,
    not_bf16,
    slices_out_of_range,
    no_rows_named,
    no_column_scale,
    no_residual,
    no_activation,
    not_a_pair,
    different_widths,
    experts_out_of_range,
    rows_off_borders,
    not_fp32
};

struct refused {
    refusal why = refusal::none;
    const char* name = "";   ///< the argument
    std::int64_t value = 0;  ///< what it is
    std::int64_t limit = 0;  ///< what it must be
};

[[nodiscard]] inline refused check_shape(const lora_shape& s) noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 1024;  // tile arithmetic in 32 bits
    if (s.tokens < 0) return {refusal::negative_tokens, "tokens", s.tokens, 0};
    if (s.in < 1) return {refusal::empty_layer, "in", s.in, 1};
    if (s.out < 1) return {refusal::empty_layer, "out", s.out, 1};
    if (s.rank < 1 || s.rank > largest_rank) return {refusal::rank_out_of_range, "rank", s.rank, largest_rank};
    if (s.tokens > most) return {refusal::too_large, "tokens", s.tokens, most};
    if (s.in > most) return {refusal::too_large, "in", s.in, most};
    if (s.out > most) return {refusal::too_large, "out", s.out, most};
    return {};
}

/// A matrix argument: there, wide enough, on an element's border. `rows` = 0 asks for nothing.
[[nodiscard]] inline refused check_matrix(const char* name, const void* data, std::int64_t ld, std::int64_t rows,
                                          std::int64_t cols, std::size_t element) noexcept {
    if (rows == 0) return {};
    if (data == nullptr) return {refusal::null_pointer, name, 0, 0};
    if (ld < cols) return {refusal::narrow_leading_dimension, name, ld, cols};
    if (reinterpret_cast<std::uintptr_t>(data) % element != 0)
        return {refusal::misaligned, name, static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data) % element),
                static_cast<std::int64_t>(element)};
    return {};
}

[[nodiscard]] inline std::string in_words(const char* door, const refused& r) {
    switch (r.why) {
        case refusal::none:
            return {};
        case refusal::negative_tokens:
            return sentence(door, ": tokens must not be negative, they are ", r.value);
        case refusal::empty_layer:
            return sentence(door, ": ", r.name, " must be at least 1, it is ", r.value);
        case refusal::rank_out_of_range:
            return sentence(door, ": rank must be 1 to ", r.limit, ", it is ", r.value);
        case refusal::too_large:
            return sentence(door, ": ", r.name, " must be at most ", r.limit, ", it is ", r.value);
        case refusal::null_pointer:
            return sentence(door, ": ", r.name, " is a null pointer");
        case refusal::narrow_leading_dimension:
            return sentence(door, ": the leading dimension of ", r.name, " must be at least its width ", r.limit,
                            ", it is ", r.value);
        case refusal::misaligned:
            return sentence(door, ": ", r.name, " must lie on a border of ", r.limit, " bytes, it is off by ", r.value);
        case refusal::missing_mask:
            return sentence(door,
                            ": dropout is on and mask is a null pointer: backward needs the mask that forward wrote");
        case refusal::missing_u:
            return sentence(door, ": u is a null pointer: the gradient of B needs what forward saved");
        case refusal::small_workspace:
            return sentence(door, ": the workspace must hold ", r.limit, " bytes, it holds ", r.value);
        case refusal::dropout_out_of_range:
            return sentence(door, ": the dropout threshold must be below 65536, it is ", r.value);
        case refusal::slices_out_of_range:
            return sentence(door, ": slices must be 1 to ", r.limit, ", they are ", r.value);
        case refusal::no_rows_named:
            return sentence(door,
                            ": either token_adapter or row_offsets with segment_adapter must say which rows an "
                            "adapter has");
        case refusal::no_column_scale:
            return sentence(door, ": column_scale must be null: cuBLASLt scales no columns, lora_matmul does");
        case refusal::no_residual:
            return sentence(door, ": ", r.name, " must not have a residual: it would come before the activation");
        case refusal::no_activation:
            return sentence(door, ": ", r.name, " must be none: there are no activations here, lora_matmul has them");
        case refusal::not_a_pair:
            return sentence(door, ": there must be two slices, the gate and up, they are ", r.value);
        case refusal::different_widths:
            return sentence(door, ": the gate and up must be of one width, they are ", r.value, " and ", r.limit);
        case refusal::experts_out_of_range:
            return sentence(door, ": experts must divide the rank ", r.limit, ", they are ", r.value);
        case refusal::rows_off_borders:
            return sentence(door, ": the leading dimension of ", r.name, " must be a multiple of ", r.limit, ", it is ",
                            r.value);
        case refusal::not_fp32:
            return sentence(door, ": ", r.name,
                            " is there for fp32 only: 16-bit types are on tensor cores as they are");
        case refusal::not_bf16:
            return sentence(door, ": stochastic rounding is there for bf16 only, ", r.name, " is of another type");
    }
    return {};
}

inline constexpr std::size_t workspace_alignment = 256;

/// Bytes of consecutive parts, each on a border of 256.
class layout {
  public:
    /// Adds a part and says where it begins.
    std::size_t add(std::int64_t elements, std::size_t element_bytes) noexcept {
        const std::size_t at = bytes_;
        bytes_ = round_up(bytes_ + static_cast<std::size_t>(elements) * element_bytes, workspace_alignment);
        return at;
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    std::size_t bytes_ = 0;
};

/// Elements from one row of u or ds to the next: the rank, up to the next multiple of 8, for 16-byte rows.
[[nodiscard]] inline std::int64_t padded_rank(std::int64_t rank) noexcept { return round_up<std::int64_t>(rank, 8); }

/// Width of the tile that a rank is given in the skinny products.
[[nodiscard]] inline int rank_tile(std::int64_t rank) noexcept { return rank <= 16 ? 16 : 64; }
inline constexpr int skinny_rows = 64;

/// How the sum over `depth` of a skinny product [rows, rank] is cut.
[[nodiscard]] inline split_plan skinny_split(std::int64_t rows, std::int64_t rank, std::int64_t depth) noexcept {
    return split_sum(ceil_div<std::int64_t>(rows, skinny_rows) * ceil_div<std::int64_t>(rank, rank_tile(rank)), depth);
}

/// fp32 numbers that the partial sums of a skinny product take; none if it is not cut.
[[nodiscard]] inline std::int64_t partial_size(std::int64_t rows, std::int64_t rank, const split_plan& s,
                                               bool always) noexcept {
    return s.splits > 1 || always ? rows * rank * s.splits : 0;
}

struct forward_layout {
    std::size_t u = 0, mask = 0, partial = 0, bytes = 0;
    split_plan shrink;
};

/// @param keeps_u, keeps_mask  the caller has memory of its own for them
[[nodiscard]] inline forward_layout plan_forward(const lora_shape& s, std::size_t element, bool dropout, bool keeps_u,
                                                 bool keeps_mask) noexcept {
    forward_layout l;
    layout all;
    l.shrink = skinny_split(s.tokens, s.rank, s.in);
    l.u = all.add(keeps_u ? 0 : s.tokens * padded_rank(s.rank), element);
    l.mask = all.add(
        dropout && !keeps_mask ? s.tokens * static_cast<std::int64_t>(mask_words(static_cast<std::size_t>(s.in))) : 0,
        4);
    l.partial = all.add(partial_size(s.tokens, s.rank, l.shrink, false), 4);
    l.bytes = all.bytes();
    return l;
}

struct backward_layout {
    std::size_t ds = 0, partial = 0, bytes = 0;
    split_plan ds_split, a_split, b_split;
};

[[nodiscard]] inline backward_layout plan_backward(const lora_shape& s, std::size_t element) noexcept {
    backward_layout l;
    layout all;
    l.ds_split = skinny_split(s.tokens, s.rank, s.out);
    l.a_split = skinny_split(s.in, s.rank, s.tokens);
    l.b_split = skinny_split(s.out, s.rank, s.tokens);
    l.ds = all.add(s.tokens * padded_rank(s.rank), element);
    const std::int64_t ds = partial_size(s.tokens, s.rank, l.ds_split, false);
    const std::int64_t a = partial_size(s.in, s.rank, l.a_split, true),
                       b = partial_size(s.out, s.rank, l.b_split, true);
    l.partial = all.add(larger(ds, larger(a, b)), 4);  // one after the other on the stream: they share it
    l.bytes = all.bytes();
    return l;
}

}  // namespace detail
}  // namespace holdfast::kernels
