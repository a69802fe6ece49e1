// How far apart tasks are, with a proof. Instructions become points, a task becomes a cloud of them, and the distance
// between two tasks is what it costs to move one cloud onto the other. Every distance comes with bounds.

#include <holdfast/transport/embedding.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/similarity.hpp>

#include <Eigen/Core>

#include <cstdio>
#include <string>
#include <vector>

namespace transport = holdfast::transport;

namespace {

Eigen::MatrixXf embed(const std::vector<std::string>& instructions) {  // any embedder will do; this one needs no model
    const holdfast::matrix<float> m = transport::hashing_embedder{.dimensions = 256}.embed(instructions);
    using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const row_major>(m.data(), Eigen::Index(m.rows()), Eigen::Index(m.cols()));
}

}  // namespace

int main() {
    const std::vector<std::string> names = {"sentiment", "stance", "arithmetic"};
    const std::vector<Eigen::MatrixXf> tasks = {
        embed({"Is the sentiment of this review positive or negative?",
               "Say whether the review is positive or negative.", "Decide if the customer liked the product."}),
        embed({"Is the stance of this comment positive or negative?", "Say whether the speaker agrees or disagrees.",
               "Decide if the author supports the claim."}),
        embed({"Add the two numbers and give the sum.", "Solve the equation for x.",
               "Compute the product of the numbers."}),
    };
    const Eigen::MatrixXf &a = tasks[0], &b = tasks[1];

    const auto w = transport::wasserstein(a, b);  // cosine cost, 1 % certified
    std::printf(
        "%s to %s: %.3f, within 1 %%: %s\n", names[0].c_str(), names[1].c_str(), w.value,
        w.lower <= w.value && w.value <= w.upper && w.status != transport::status::not_converged ? "yes" : "no");

    const auto exact = transport::wasserstein(a, b, {.relative_gap = 0, .plan = true});
    std::printf("exactly %.6f; the cheapest plan:\n", exact.value);
    for (const auto& [i, j, mass] : exact.plan) std::printf("  %u -> %u  %.3f\n", i, j, mass);

    const auto table = transport::pairwise(tasks, {.cost = transport::squared_euclidean{}, .relative_gap = 0.01});
    std::printf("all pairs, squared Euclidean:\n");
    for (std::size_t i = 0; i < table.size(); ++i) {
        std::printf("  %-10s", names[i].c_str());
        for (std::size_t j = 0; j < table.size(); ++j) std::printf("  %.3f", table.value(i, j));
        std::printf("\n");
    }

    // The pieces are there for those who want them.
    const auto x = transport::measure(a), y = transport::measure(b);
    const auto cost = transport::cost_matrix(x.points, y.points, transport::cosine{});
    transport::plain_engine engine(cost.view(), x.weights, y.weights);
    const auto plan = transport::sinkhorn(engine, {.epsilon = 0.05});
    std::printf("Sinkhorn at epsilon %.2f: <P, C> %.3f, exact within [%.3f, %.3f], %s\n", plan.epsilon,
                plan.transport_cost, plan.lower, plan.upper, plan.converged ? "converged" : "not converged");
}
