#include <holdfast/experiment/archive.hpp>

#include "experiment/toy.hpp"
#include "support/test.hpp"

#include <cmath>
#include <limits>

namespace experiment = holdfast::experiment;

TEST_CASE("what is written comes back to the bit") {
    toy::temporary_folder folder("archive");
    const auto file = folder.path / "x";
    const std::vector<double> numbers = {0.1, -0.0, std::nan("1"), 5e-324, std::numeric_limits<double>::max(), 1.0 / 3};
    experiment::archive_writer out("thing", 3);
    out.number("n", std::numeric_limits<std::uint64_t>::max());
    out.reals("x", numbers);
    out.text("s", std::string("two\nlines, \0 and 'checksum '", 27));
    out.texts("list", std::vector<std::string>{"", "ä", "a b"});
    out.numbers("small", std::vector<std::uint32_t>{1, 4294967295u});
    experiment::write_atomically(file, out.finish());

    experiment::archive_reader in(file, "thing", 3);
    CHECK(in.number("n") == std::numeric_limits<std::uint64_t>::max());
    const auto back = in.reals("x");
    REQUIRE(back.size() == numbers.size());
    for (std::size_t i = 0; i < back.size(); ++i)
        CHECK(std::bit_cast<std::uint64_t>(back[i]) == std::bit_cast<std::uint64_t>(numbers[i]));
    CHECK(in.text("s") == std::string("two\nlines, \0 and 'checksum '", 27));
    CHECK(in.texts("list") == std::vector<std::string>{"", "ä", "a b"});
    CHECK(in.numbers<std::uint32_t>("small") == std::vector<std::uint32_t>{1, 4294967295u});
    CHECK_FALSE(std::filesystem::exists(folder.path / "x.partial"));
}

TEST_CASE("a reader that expects something else says the line") {
    toy::temporary_folder folder("order");
    const auto file = folder.path / "x";
    experiment::archive_writer out("thing", 1);
    out.number("first", 1);
    out.number("second", 2);
    experiment::write_atomically(file, out.finish());
    experiment::archive_reader in(file, "thing", 1);
    CHECK(in.number("first") == 1);
    try {
        (void)in.real("second");
        FAIL("was not refused");
    } catch (const holdfast::format_error& e) {
        CHECK(e.line == 3);
        CHECK_THAT(e.what(), Contains("lacks 'second' here"));
    }
    CHECK_THROWS_WITH(experiment::archive_reader(file, "other", 1), Contains("is no holdfast other"));
    CHECK_THROWS_WITH(experiment::archive_reader(folder.path / "absent", "thing", 1), Contains("cannot be read"));
}

TEST_CASE("a count that is larger than the file allocates nothing") {
    toy::temporary_folder folder("count");
    experiment::archive_writer out("thing", 1);
    out.number("x", 1ULL << 60);
    experiment::write_atomically(folder.path / "x", out.finish());
    experiment::archive_reader in(folder.path / "x", "thing", 1);
    CHECK_THROWS_WITH(in.reals("x"), Contains("more than follow"));
}

TEST_CASE("every flipped bit of an archive is found") {
    toy::temporary_folder folder("flip");
    experiment::archive_writer out("thing", 1);
    out.text("s", "some text");
    out.real("x", 0.5);
    const std::string good = out.finish();
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 4);
        experiment::write_atomically(folder.path / "x", bad);
        CHECK_THROWS_AS(experiment::archive_reader(folder.path / "x", "thing", 1), holdfast::format_error);
    }
}

TEST_CASE("a file that cannot be written is refused with the system's reason, the old one stays") {
    toy::temporary_folder folder("write");
    CHECK_THROWS_WITH(experiment::write_atomically(folder.path / "no" / "x", "text"), Contains("cannot be written"));
    experiment::write_atomically(folder.path / "x", "old");
    std::filesystem::create_directory(folder.path / "x.partial");
    CHECK_THROWS_AS(experiment::write_atomically(folder.path / "x", "new"), holdfast::format_error);
    std::ifstream in(folder.path / "x");
    std::string text;
    in >> text;
    CHECK(text == "old");
}

TEST_CASE("a folder's checksum sees names, contents and borders") {
    toy::temporary_folder folder("sum");
    const auto with = [&](const std::string& a, const std::string& b, const std::string& name) {
        std::filesystem::remove_all(folder.path / "f");
        std::filesystem::create_directories(folder.path / "f");
        std::ofstream(folder.path / "f" / "a") << a;
        std::ofstream(folder.path / "f" / name) << b;
        return experiment::checksum_of(folder.path / "f");
    };
    const auto plain = with("xy", "z", "b");
    CHECK(plain == with("xy", "z", "b"));
    CHECK(plain != with("x", "yz", "b"));
    CHECK(plain != with("xy", "z", "c"));
    CHECK(plain != with("xz", "z", "b"));
}
