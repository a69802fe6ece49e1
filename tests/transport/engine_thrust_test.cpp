// Built where Thrust's headers are, on its OpenMP system: what nvcc would run on a GPU, on the CPU.

#include <holdfast/transport/engine_thrust.hpp>

#include <span>
#include <vector>

#include "support/engine_parity.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix_view;

TEST_CASE("the Thrust engine computes what the plain engine does") {
    holdfast_test::check_engine_parity<double>(
        [](matrix_view<const double> c, std::span<const double> a, std::span<const double> b) {
            return transport::thrust_engine<double>(c, a, b);
        });
    holdfast_test::check_engine_parity<float>(
        [](matrix_view<const float> c, std::span<const double> a, std::span<const double> b) {
            return transport::thrust_engine<float>(c, a, b);
        });
}
