// Who plays the engine, the embedder and the cost, and who does not: yes and no side by side, decided by the compiler.

#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/embedding.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <functional>
#include <type_traits>

#include "support/archetypes_transport.hpp"

namespace transport = holdfast::transport;

static_assert(transport::engine<archetypes::minimal_engine>);
static_assert(!transport::engine<archetypes::engine_without_sweep>);
static_assert(!transport::engine<int>);
static_assert(transport::engine<transport::plain_engine>);
static_assert(transport::engine<transport::simd_engine<float>> && transport::engine<transport::simd_engine<double>>);

static_assert(transport::embedder<archetypes::minimal_embedder>);
static_assert(!transport::embedder<archetypes::embedder_of_lists>);
static_assert(!transport::embedder<archetypes::embedder_without_dimension>);
static_assert(transport::embedder<transport::hashing_embedder>);

static_assert(transport::radial_cost<archetypes::minimal_radial_cost>);
static_assert(!transport::radial_cost<archetypes::minimal_pointwise_cost>);
static_assert(transport::pointwise_cost<archetypes::minimal_pointwise_cost>);
static_assert(!transport::pointwise_cost<archetypes::minimal_radial_cost>);
static_assert(!transport::pointwise_cost<archetypes::cost_of_numbers>);
static_assert(transport::radial_cost<transport::cosine> && transport::radial_cost<transport::squared_euclidean> &&
              transport::radial_cost<transport::euclidean>);

static_assert(std::is_convertible_v<archetypes::minimal_radial_cost, transport::ground_cost>);
static_assert(std::is_convertible_v<archetypes::minimal_pointwise_cost, transport::ground_cost>);
static_assert(!std::is_convertible_v<archetypes::cost_of_numbers, transport::ground_cost>);
static_assert(std::is_copy_constructible_v<transport::ground_cost> &&
              std::is_nothrow_move_constructible_v<transport::ground_cost>);
