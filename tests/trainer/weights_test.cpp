// Saving and loading: the round trip, and every way in which a file can be wrong.

#include <trainer/adamw.hpp>
#include <trainer/weights.hpp>

#include "support/temporary_folder.hpp"
#include "tiny.hpp"

#include <filesystem>
#include <fstream>

using namespace trainer_test;
namespace fs = std::filesystem;

namespace {

std::string bytes_of(const fs::path& p) {
    std::ifstream file(p, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void write(const fs::path& p, const std::string& bytes) { std::ofstream(p, std::ios::binary) << bytes; }

}  // namespace

TEST_CASE("a model that was saved and loaded has the same bits, and nothing else stays behind") {
    const holdfast_test::temporary_folder folder;
    auto m = recorded_model<float>();
    trainer::save_weights(folder.path() / "m.bin", m.config(), m.parameters());
    trainer::save_weights(folder.path() / "m.bin", m.config(), m.parameters());  // over itself
    trainer::model other(tiny(), 5);
    trainer::load_weights(folder.path() / "m.bin", other.config(), other.parameters());
    CHECK(std::equal(m.parameters().begin(), m.parameters().end(), other.parameters().begin()));
    CHECK(other.loss(four_sequences()) == m.loss(four_sequences()));
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a run that goes on from saved weights and optimiser has the bits of one that never stopped") {
    const holdfast_test::temporary_folder folder;
    const auto train = [](trainer::model& m, trainer::adamw& o, std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t step = from; step < to; ++step) {
            m.gradients(random_batch(6, 12, 23, step), step);
            o.step(m.trainable(), m.gradient(), m.trainable_slices());
        }
    };
    const trainer::adamw_options how{.learning_rate = 0.02, .warm_up = 3};
    auto straight = recorded_model<float>();
    trainer::adamw a(how, straight.trainable().size());
    train(straight, a, 0, 4);
    const trainer::section state[] = {
        {"weights", std::as_const(straight).parameters()}, {"first", a.first_moment()}, {"second", a.second_moment()}};
    trainer::save_sections(folder.path() / "state.bin", tiny(), state);
    train(straight, a, 4, 8);

    const auto saved = trainer::load_sections(folder.path() / "state.bin", tiny());
    trainer::model resumed(tiny());
    trainer::load_weights(folder.path() / "state.bin", tiny(), resumed.parameters());
    trainer::adamw b(how, resumed.trainable().size());
    b.restore(4, saved.at("first"), saved.at("second"));
    train(resumed, b, 4, 8);
    CHECK(std::equal(straight.parameters().begin(), straight.parameters().end(), resumed.parameters().begin()));
}

TEST_CASE("a file that is not what it should be is refused with its name and the reason") {
    const holdfast_test::temporary_folder folder;
    const fs::path good = folder.path() / "good.bin", bad = folder.path() / "bad.bin";
    auto m = recorded_model<float>();
    const auto load = [&](const fs::path& p, trainer::model_config c = tiny()) {
        trainer::load_weights(p, c, m.parameters());
    };
    trainer::save_weights(good, tiny(), m.parameters());
    const std::string bytes = bytes_of(good);
    const std::vector<float> before(m.parameters().begin(), m.parameters().end());

    CHECK_THROWS_WITH(load(folder.path() / "none.bin"), Contains("none.bin: cannot be opened"));
    write(bad, "{\"weights\": []}");
    CHECK_THROWS_WITH(load(bad), Contains("bad.bin: not a file of weights"));
    write(bad, "");
    CHECK_THROWS_WITH(load(bad), Contains("not a file of weights"));
    std::string next = bytes;
    next[std::string("holdfast weights ").size()] = '2';
    write(bad, next);
    CHECK_THROWS_WITH(load(bad), Contains("another version"));
    for (const std::size_t cut : {std::size_t{25}, bytes.size() / 2, bytes.size() - 1}) {
        write(bad, bytes.substr(0, cut));
        CHECK_THROWS_WITH(load(bad), Contains("the file ends at byte " + std::to_string(cut)));
    }
    std::string changed = bytes;
    changed[bytes.size() / 2] = static_cast<char>(changed[bytes.size() / 2] ^ 1);
    write(bad, changed);
    CHECK_THROWS_WITH(load(bad), Contains("checksum does not fit"));
    trainer::model_config wider = tiny();
    wider.width = 32;
    CHECK_THROWS_WITH(load(good, wider), Contains("the file says width 16, the model width 32"));
    trainer::save_sections(bad, tiny(), {});
    CHECK_THROWS_WITH(load(bad), Contains("no weights that fit"));
    CHECK(std::equal(before.begin(), before.end(), m.parameters().begin()));
    CHECK_THROWS_WITH(trainer::save_weights(folder.path() / "no" / "such.bin", tiny(), before),
                      Contains("cannot write") && Contains("such.bin"));
}
