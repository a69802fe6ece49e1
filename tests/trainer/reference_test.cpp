// The trainer against PyTorch: tests/reference/llama_torch.py wrote the numbers, in float64.

#include <trainer/adamw.hpp>

#include "tiny.hpp"

using namespace trainer_test;

TEMPLATE_TEST_CASE("logits, loss, pooled states and gradients are those of PyTorch", "", float, double) {
    const double near = std::is_same_v<TestType, double> ? 1e-11 : 2e-5;
    auto m = recorded_model<TestType>();
    const trainer::batch b = four_sequences();
    CHECK(furthest(m.logits(b).values(), recorded("logits")) < near);
    CHECK(furthest(std::vector{m.loss(b)}, recorded("loss")) < near);
    CHECK(furthest(m.embed(b).values(), recorded("pooled")) < near);
    CHECK(furthest(std::vector{m.gradients(b)}, recorded("loss")) < near);
    CHECK(furthest(std::span<const TestType>(m.gradient()), recorded("gradient")) < near);
}

TEMPLATE_TEST_CASE("five clipped steps of AdamW with warm-up end where PyTorch's end", "", float, double) {
    const double near = std::is_same_v<TestType, double> ? 1e-9 : 1e-3;  // AdamW divides small by small
    auto m = recorded_model<TestType>();
    const trainer::batch b = four_sequences();
    trainer::basic_adamw<TestType> optimiser({.learning_rate = 0.02,
                                              .beta1 = 0.9,
                                              .beta2 = 0.95,
                                              .epsilon = 1e-8,
                                              .weight_decay = 0.1,
                                              .clip = 0.5,
                                              .warm_up = 2},
                                             m.trainable().size());
    std::vector<double> losses, norms;
    for (int step = 0; step < 5; ++step) {
        losses.push_back(m.gradients(b));
        norms.push_back(optimiser.step(m.trainable(), m.gradient(), m.trainable_slices()));
    }
    CHECK(furthest(losses, recorded("adamw losses")) < near);
    CHECK(furthest(norms, recorded("adamw norms")) < near);
    std::vector<TestType> every_seventh;
    for (std::size_t i = 0; i < m.parameters().size(); i += 7) every_seventh.push_back(m.parameters()[i]);
    CHECK(furthest(every_seventh, recorded("adamw weights, every 7th")) < near);
}

TEMPLATE_TEST_CASE("the gradient of LoRA on all seven projections is PyTorch's", "", float, double) {
    const double near = std::is_same_v<TestType, double> ? 1e-11 : 2e-5;
    auto m = recorded_model<TestType>();
    adapt_as_recorded(m);
    const trainer::batch b = four_sequences();
    CHECK(furthest(std::vector{m.gradients(b)}, recorded("lora loss")) < near);
    CHECK(furthest(std::span<const TestType>(m.gradient()), recorded("lora gradient")) < near);
    CHECK(furthest(std::vector{m.loss(b)}, recorded("lora loss")) < near);  // adapters merged into a copy
    m.merge_adapters();
    CHECK_FALSE(m.adapted());
    CHECK(furthest(std::vector{m.loss(b)}, recorded("lora loss")) < near);
}
