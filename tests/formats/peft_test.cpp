#include <holdfast/formats/peft.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <cstdlib>

namespace formats = holdfast::formats;

namespace {

/// What PEFT 0.21.2 saved, and what its modules answered (tests/reference/peft_adapter.py).
const std::filesystem::path recorded = std::filesystem::path(HOLDFAST_TEST_DIR) / "reference" / "peft";

/// s x A' B' of one module, for one row of x.
std::vector<double> answer(const formats::peft_module& m, const formats::json& x) {
    std::vector<double> y(m.b.rows(), 0.0);
    for (std::size_t r = 0; r < m.a.rows(); ++r) {
        double u = 0;
        for (std::size_t k = 0; k < m.a.cols(); ++k) u += static_cast<double>(m.a(r, k)) * x[k].get<double>();
        for (std::size_t o = 0; o < y.size(); ++o) y[o] += m.scale * u * static_cast<double>(m.b(o, r));
    }
    return y;
}

void check_answers(const formats::peft_adapter& adapter) {
    const auto told = formats::read_json(recorded / "answers.json");
    for (std::size_t i = 0; i < told["x"].size(); ++i) {
        std::size_t at = 0;
        for (const char* name : {"layers.0.q_proj", "layers.0.v_proj", "layers.1.q_proj", "layers.1.v_proj"})
            for (const double y : answer(adapter.at(name), told["x"][i]))
                CHECK(y == Approx(told["y"][i][at++].get<double>()).epsilon(2e-6).margin(1e-5));
        CHECK(at == told["y"][i].size());
    }
}

}  // namespace

TEST_CASE("an adapter that PEFT saved answers as it does in PEFT") {
    const auto adapter = formats::read_peft(recorded);
    REQUIRE(adapter.modules.size() == 4);
    CHECK(adapter.rank_stabilised);
    CHECK(adapter.dropout == 0.1);
    CHECK(adapter.base_model.empty());
    const auto& v1 = adapter.at("layers.1.v_proj");
    CHECK((v1.a.rows() == 3 && v1.a.cols() == 6 && v1.b.rows() == 3 && v1.b.cols() == 3));
    CHECK(v1.alpha == 12);
    CHECK(v1.scale == Approx(12 / std::sqrt(3.0)));
    CHECK(adapter.at("layers.0.q_proj").scale == Approx(5 / std::sqrt(2.0)));
    check_answers(adapter);
    CHECK_REFUSES(adapter.at("lm_head"), "there is no module \"lm_head\"");
}

TEST_CASE("an adapter is written as it was read") {
    const holdfast_test::temporary_folder folder;
    // With the variable set the folder stays, for tests/reference/peft_adapter.py to load into PEFT.
    const char* wanted = std::getenv("HOLDFAST_PEFT_OUT");
    const auto out = wanted ? std::filesystem::path(wanted) : folder.path() / "adapter";
    auto adapter = formats::read_peft(recorded);
    formats::write_peft(out, adapter);
    const auto again = formats::read_peft(out);
    check_answers(again);
    CHECK(again.task_type.empty());
    for (const auto& m : adapter.modules) {
        CHECK(again.at(m.name).a == m.a);
        CHECK(again.at(m.name).b == m.b);
        CHECK(again.at(m.name).alpha == m.alpha);
    }
    adapter.task_type = "CAUSAL_LM";
    formats::write_peft(folder.path() / "named", adapter);
    CHECK(formats::read_peft(folder.path() / "named").task_type == "CAUSAL_LM");
    adapter.modules[0].b = holdfast::matrix<float>(4, 5);
    CHECK_REFUSES(formats::write_peft(out, adapter), "A [r, in] and B [out, r] of \"layers.0.q_proj\" do not fit");
    CHECK_REFUSES(formats::write_peft(out, {}), "needs at least one module");
}

TEST_CASE("what is no LoRA adapter, or half of one, is refused") {
    const holdfast_test::temporary_folder folder;
    const auto config = [&](const std::string& text) { folder.write("adapter_config.json", text); };
    holdfast::matrix<float> a(2, 3), b(4, 2), other(4, 3);
    const auto tensors = [&](const std::vector<formats::named_matrix<float>>& list) {
        formats::write_safetensors<float>(folder.path() / "adapter_model.safetensors", list);
    };
    const auto read = [&] { return formats::read_peft(folder.path()); };
    CHECK_MALFORMED(formats::read_peft(folder.path() / "nowhere"), "there is no such folder");
    CHECK_MALFORMED(read(), "adapter_config.json: there is no such file");
    config("[]");
    CHECK_MALFORMED(read(), "must be an object");
    config(R"({"peft_type": "IA3"})");
    CHECK_MALFORMED(read(), "\"peft_type\" must be LORA, it is \"IA3\"");
    config(R"({"peft_type": "LORA", "fan_in_fan_out": true})");
    CHECK_MALFORMED(read(), "\"fan_in_fan_out\" is true");
    config(R"({"peft_type": "LORA", "r": "two"})");
    CHECK_MALFORMED(read(), "field \"r\" must be a number");
    config(R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4})");
    CHECK_MALFORMED(read(), "adapter_model.safetensors: there is no such file");
    tensors({});
    CHECK_MALFORMED(read(), "holds no adapter");
    tensors({{"base_model.model.q.lora_A.weight", a.view()}});
    CHECK_MALFORMED(read(), "has no B beside it");
    tensors({{"base_model.model.q.lora_B.weight", b.view()}});
    CHECK_MALFORMED(read(), "has no A beside it");
    tensors({{"base_model.model.embed.lora_embedding_A", a.view()}});
    CHECK_MALFORMED(read(), "is no lora_A, lora_B or lora_magnitude_vector");
    tensors({{"base_model.model.q.lora_A.weight", a.view()}, {"base_model.model.q.lora_B.weight", other.view()}});
    CHECK_MALFORMED(read(), "is [2, 3] and its B [4, 3], where the configuration says rank 2");
    tensors({{"base_model.model.q.lora_A.weight", a.view()}, {"base_model.model.q.lora_B.weight", b.view()}});
    CHECK(read().at("q").scale == 2);
    config(R"({"peft_type": "LORA", "r": 8, "lora_alpha": 4, "rank_pattern": {"q": 2}, "alpha_pattern": {"q": 3}})");
    CHECK(read().at("q").scale == 1.5);
    config(R"({"peft_type": "LORA", "r": 8, "rank_pattern": {"q": 3}})");
    CHECK_MALFORMED(read(), "where the configuration says rank 3");
}

TEST_CASE("the magnitudes of DoRA are read") {
    const holdfast_test::temporary_folder folder;
    folder.write("adapter_config.json", R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_dora": true})");
    holdfast::matrix<float> a(2, 3), b(4, 2), m(4, 1, 1.5F), wrong(3, 1);
    const auto with = [&](holdfast::matrix_view<const float> magnitude) {
        formats::write_safetensors<float>(folder.path() / "adapter_model.safetensors",
                                          {{"base_model.model.q.lora_A.weight", a.view()},
                                           {"base_model.model.q.lora_B.weight", b.view()},
                                           {"base_model.model.q.lora_magnitude_vector", magnitude}});
        return formats::read_peft(folder.path());
    };
    CHECK(with(m.view()).at("q").magnitude == std::vector<float>(4, 1.5F));
    CHECK_MALFORMED(with(wrong.view()), "has 3 values for 4 outputs");
    CHECK_REFUSES(formats::write_peft(folder.path(), with(m.view())), "magnitudes of DoRA are read, not written");
}
