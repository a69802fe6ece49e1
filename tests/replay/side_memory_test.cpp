// Records on disk and the memory on them: killed writers, torn ends, any damaged byte, any order and any shards, one
// writer beside many readers.

#include "support/test.hpp"

#include <holdfast/replay/record_log.hpp>
#include <holdfast/replay/reservoir.hpp>
#include <holdfast/replay/side_memory.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary_folder.hpp"

namespace replay = holdfast::replay;
namespace fs = std::filesystem;
using holdfast::philox;

namespace {

std::vector<std::byte> bytes_of(std::size_t n, std::uint64_t seed) {
    philox g{seed};
    std::vector<std::byte> made(n);
    for (std::byte& b : made) b = static_cast<std::byte>(g() & 0xff);
    return made;
}

/// The record number i of the killed writer, some long enough for a kill to fall into them.
std::vector<std::byte> record_number(std::size_t i) { return bytes_of(i % 5 == 4 ? 40000 + i % 97 : 1 + i % 61, i); }

bool same(const replay::record_view& a, const std::vector<std::byte>& b) {
    return std::equal(a.bytes().begin(), a.bytes().end(), b.begin(), b.end());
}

std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

using ids = std::vector<std::uint64_t>;

ids held(const replay::side_memory& memory) {
    ids all;
    const auto seen = memory.snapshot();
    for (std::size_t i = 0; i < seen->size(); ++i) all.push_back(seen->id(i));
    std::sort(all.begin(), all.end());
    return all;
}

/// Two tensors of an item: `logits` with 1 + id % 5 numbers, and one strength.
bool show(replay::side_memory& memory, std::uint64_t id, double weight = 1) {
    const std::vector<float> logits(1 + id % 5, static_cast<float>(id)), strength{0.5f};
    const std::vector<std::span<const float>> tensors{logits, strength};
    return memory.offer(id, tensors, weight);
}

const std::vector<std::string> names{"logits", "strength"};

}  // namespace

TEST_CASE("a log gives back its records, now and when it is opened again") {
    const holdfast_test::temporary_folder folder;
    const fs::path file = folder.path() / "log";
    {
        replay::record_log log(file);
        for (std::size_t i = 0; i < 200; ++i) CHECK(log.append(record_number(i)) == i);
        CHECK(log.append({}) == 200);
        log.sync();
        CHECK_REFUSES(replay::record_log(file), "has another writer");
        CHECK_REFUSES(log[201], "replay::record_log: there are 201 records, asked for record 201");
    }
    const replay::record_log log(file);
    REQUIRE(log.size() == 201);
    CHECK(log.notice().empty());
    CHECK(log.bytes() == fs::file_size(file));
    for (std::size_t i = 0; i < 200; ++i) REQUIRE(same(log[i], record_number(i)));
    CHECK(log[200].size == 0);
}

TEST_CASE("a view of a record outlives the log") {
    const holdfast_test::temporary_folder folder;
    replay::record_view view;
    {
        replay::record_log log(folder.path() / "log");
        log.append(record_number(5));
        view = log[0];
    }
    CHECK(same(view, record_number(5)));
}

TEST_CASE("a torn last record is dropped with a notice, at whatever byte it ends, and nothing else") {
    const holdfast_test::temporary_folder folder;
    const fs::path file = folder.path() / "log";
    std::uint64_t whole = 0;
    {
        replay::record_log log(file);
        log.append(record_number(1)), log.append(record_number(2));
        whole = log.bytes();
        log.append(record_number(40));
    }
    const std::string all = content(file);
    for (std::size_t length = 0; length <= all.size(); ++length) {
        write(file, all.substr(0, length));
        replay::record_log log(file);
        const bool torn = length > whole && length < all.size();
        if (length >= whole) {
            REQUIRE(log.size() == (length == all.size() ? 3 : 2));
            REQUIRE(same(log[1], record_number(2)));
        }
        if (torn) REQUIRE(log.notice().find("the last record was not whole and was dropped") != std::string::npos);
        if (torn) REQUIRE(log.notice().find("2 records are kept") != std::string::npos);
        if (length == whole || length == all.size()) REQUIRE(log.notice().empty());
        const std::size_t next = log.append(record_number(7));
        REQUIRE(same(log[next], record_number(7)));
    }
    write(file, all.substr(0, whole) + std::string(5000, '\0'));  // what a loss of power leaves
    CHECK(replay::record_log(file).size() == 2);
}

TEST_CASE("any damaged byte of a log is an error, or the last record dropped with a notice: never another record") {
    const holdfast_test::temporary_folder folder;
    const fs::path file = folder.path() / "log";
    {
        replay::record_log log(file);
        for (const std::size_t i : {1u, 2u, 40u}) log.append(record_number(i));
    }
    const std::string all = content(file);
    std::size_t refused = 0, dropped = 0, unharmed = 0;
    for (std::size_t at = 0; at < all.size(); ++at)
        for (const int flip : {1, 0x80, 0xff}) {
            std::string damaged = all;
            damaged[at] = static_cast<char>(damaged[at] ^ flip);
            write(file, damaged);
            try {
                const replay::record_log log(file);
                REQUIRE(log.size() + (log.notice().empty() ? 0 : 1) == 3);
                for (std::size_t i = 0; i < log.size(); ++i) REQUIRE(same(log[i], record_number(i == 2 ? 40 : i + 1)));
                ++(log.notice().empty() ? unharmed : dropped);
            } catch (const holdfast::format_error&) {
                ++refused;
            }
        }
    CHECK(refused > 300);
    CHECK(dropped > 50);
    CHECK(unharmed < 3 * 3 * 8);  // the zeros that fill up a record
    write(file, "something else that is long enough to be a file of records");
    CHECK_THROWS_WITH(replay::record_log(file), Contains("is no file of records"));
    CHECK_THROWS_WITH(replay::record_log(folder.path() / "no" / "such"), Contains("cannot be opened"));
    std::string future = all;
    future[16] = 9;
    write(file, future);
    CHECK_THROWS_WITH(replay::record_log(file), Contains("is of version 9, this is version 1"));
}

TEST_CASE("a writer killed 200 times loses no record that it had committed") {
    const holdfast_test::temporary_folder folder;
    const fs::path file = folder.path() / "log";
    philox g{2};
    std::size_t torn = 0, last_size = 0;
    for (int trial = 0; trial < 200; ++trial) {
        int told[2];
        REQUIRE(::pipe(told) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            replay::record_log log(file);
            for (std::size_t i = log.size();; ++i) {
                log.append(record_number(i));
                const char done = 1;
                if (::write(told[1], &done, 1) != 1) ::_exit(0);
            }
        }
        ::close(told[1]);
        std::size_t committed = 0;
        const std::size_t enough = 1 + holdfast::uniform_index(g, 12);
        char done[64];
        while (committed < enough) {
            const ssize_t n = ::read(told[0], done, enough - committed);
            REQUIRE(n > 0);
            committed += static_cast<std::size_t>(n);
        }
        volatile std::size_t spin = holdfast::uniform_index(g, 20000);  // somewhere inside the next one
        while (spin > 0) spin = spin - 1;
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        for (ssize_t n = 1; n > 0; committed += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
            n = ::read(told[0], done, sizeof done);
        ::close(told[0]);
        const replay::record_log log(file);
        REQUIRE(log.size() >= last_size + committed);
        REQUIRE(log.size() <= last_size + committed + 1);
        for (std::size_t i = last_size; i < log.size(); ++i) REQUIRE(same(log[i], record_number(i)));
        torn += !log.notice().empty();
        last_size = log.size();
    }
    const replay::record_log log(file);
    for (std::size_t i = 0; i < log.size(); ++i) REQUIRE(same(log[i], record_number(i)));
    INFO(torn << " torn records");
    CHECK(log.size() >= 200);
}

TEST_CASE("a side memory holds the sample that the keyed reservoir holds, with its tensors") {
    replay::side_memory memory({.tensors = names, .max_items = 40}, philox{7});
    replay::keyed_reservoir reservoir(40, philox{7});
    for (std::uint64_t id = 0; id < 1000; ++id) {
        const double w = static_cast<double>(id % 4);
        REQUIRE(show(memory, id, w) == reservoir.offer(id, w));
    }
    memory.publish();
    auto expected = reservoir.items();
    std::sort(expected.begin(), expected.end());
    CHECK(held(memory) == expected);
    const auto seen = memory.snapshot();
    for (std::size_t i = 0; i < seen->size(); ++i) {
        REQUIRE(seen->tensor(i, 0).size() == 1 + seen->id(i) % 5);
        for (const float x : seen->tensor(i, 0)) REQUIRE(x == static_cast<float>(seen->id(i)));
        REQUIRE(seen->tensor(i, 1)[0] == 0.5f);
        REQUIRE(seen->weight(i) == static_cast<double>(seen->id(i) % 4));
    }
    CHECK_REFUSES(seen->tensor(0, 2), "replay::side_snapshot: an item has 2 tensors, asked for number 2");
    CHECK_REFUSES(seen->tensor(40, 0), "replay::side_snapshot: there are 40 items, asked for item 40");
    CHECK_REFUSES(seen->draw(41, philox{1}), "replay::side_snapshot: 41 items asked, there are 40");
    CHECK_REFUSES(show(memory, expected[0]), "an identifier is offered once");
    CHECK_REFUSES(show(memory, 5000, -1), "that of item 5000 is -1");
    CHECK_REFUSES(memory.offer(5000, {}), "an item has 2 tensors, item 5000 comes with 0");
    CHECK_REFUSES(memory.set(5000, 0, {}), "replay::side_memory: item 5000 is not held");
    CHECK_REFUSES(memory.set(expected[0], 2, {}), "asked for number 2");
    CHECK_REFUSES(memory.set(expected[0], 1, {}), "'strength' of item ");
}

TEST_CASE("a bound in bytes keeps as many of the smallest keys as fit, in any order and from any shards") {
    philox g{3};
    const std::uint64_t bound = 600;
    std::vector<std::uint64_t> order(300);
    for (std::uint64_t i = 0; i < 300; ++i) order[i] = i;
    replay::keyed_reservoir all(300, philox{11});
    for (const auto id : order) all.offer(id);
    ids expected;
    std::uint64_t used = 0;
    for (const auto id : all.items()) {  // smallest key first
        used += 16 + 4 * (1 + id % 5) + 4;
        if (used > bound) break;
        expected.push_back(id);
    }
    std::sort(expected.begin(), expected.end());
    for (int trial = 0; trial < 20; ++trial) {
        holdfast::shuffle(std::span(order), g);
        const replay::side_memory_options options{.tensors = names, .max_bytes = bound};
        replay::side_memory one(options, philox{11}), left(options, philox{11}), right(options, philox{11});
        for (std::size_t i = 0; i < order.size(); ++i) {
            show(one, order[i]);
            show(i % 3 == 0 ? left : right, order[i]);
        }
        one.publish(), right.publish();
        left.merge(*right.snapshot());
        left.publish();
        REQUIRE(held(one) == expected);
        REQUIRE(held(left) == expected);
        REQUIRE(one.bytes() <= bound);
    }
    replay::side_memory small({.tensors = names, .max_bytes = 20}, philox{1});
    CHECK_FALSE(show(small, 1));
    replay::side_memory none({.tensors = names, .max_items = 0}, philox{1});
    CHECK_FALSE(show(none, 1));
}

TEST_CASE("which identifiers a snapshot draws does not depend on where they stand, and all are equally likely") {
    const replay::side_memory_options options{.tensors = names};
    replay::side_memory up(options, philox{1}), down(options, philox{1});
    for (std::uint64_t id = 0; id < 10; ++id) show(up, id), show(down, 9 - id);
    up.publish(), down.publish();
    const auto a = up.snapshot(), b = down.snapshot();
    std::vector<int> counts(10, 0);
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        const auto x = a->draw(3, philox{seed}), y = b->draw(3, philox{seed});
        for (std::size_t i = 0; i < 3; ++i) {
            REQUIRE(a->id(x[i]) == b->id(y[i]));
            ++counts[a->id(x[i])];
        }
        REQUIRE(std::set<std::uint32_t>(x.begin(), x.end()).size() == 3);
    }
    for (const int c : counts) CHECK(std::abs(c - 900) < 4 * 25);  // sd = sqrt(3000 * .3 * .7) = 25
}

TEST_CASE("a memory in a file goes on where it stopped, at every point, and cleans the file up") {
    const holdfast_test::temporary_folder folder;
    const auto options = [&](const fs::path& file) {
        return replay::side_memory_options{
            .tensors = names, .max_items = 9, .max_bytes = 260, .file = file, .spare_bytes = 500};
    };
    const auto step = [](replay::side_memory& memory, std::uint64_t id) {
        show(memory, id, 1.0 + static_cast<double>(id % 3));
        const std::vector<float> strength{static_cast<float>(id)};
        for (std::uint64_t other = 0; other <= id; other += 7)
            if (memory.contains(other)) memory.set(other, 1, strength);
    };
    const auto text = [](const replay::side_memory& memory) {
        std::string all;
        const auto seen = memory.snapshot();
        for (std::size_t i = 0; i < seen->size(); ++i)
            all += holdfast::sentence(seen->id(i), ":", seen->weight(i), ":", seen->tensor(i, 0).size(), ":",
                                      seen->tensor(i, 0)[0], ":", seen->tensor(i, 1)[0], " ");
        return all;
    };
    replay::side_memory never_stopped(options({}), philox{5});
    const fs::path file = folder.path() / "memory";
    std::uint64_t largest = 0;
    for (std::uint64_t id = 0; id < 150; ++id) {
        step(never_stopped, id);
        never_stopped.publish();
        replay::side_memory resumed(options(file), philox{5});
        step(resumed, id);
        resumed.publish();
        REQUIRE(text(resumed) == text(never_stopped));
        REQUIRE(resumed.notice().empty());
        largest = std::max(largest, resumed.file_bytes());
        resumed.sync();
    }
    CHECK(never_stopped.size() > 3);
    CHECK(largest < 4000);  // without cleaning up, ten times that
    CHECK_REFUSES(replay::side_memory(options(file), philox{6}), "belongs to a memory with other tensors, bounds");
    auto other = options(file);
    other.tensors = {"logits", "nll"};
    CHECK_REFUSES(replay::side_memory(other, philox{5}), "belongs to a memory with other tensors, bounds");
}

TEST_CASE("a memory from a damaged file is an error or what it was, never another one") {
    const holdfast_test::temporary_folder folder;
    const fs::path file = folder.path() / "memory";
    const replay::side_memory_options options{.tensors = names, .max_items = 4, .file = file};
    ids before, after;
    {
        replay::side_memory memory(options, philox{5});
        for (std::uint64_t id = 0; id < 30; ++id) show(memory, id);
        memory.publish();
        after = held(memory);
    }
    const std::string all = content(file);
    philox g{8};
    std::size_t refused = 0;
    for (int trial = 0; trial < 600; ++trial) {
        std::string damaged = all;
        for (std::size_t n = 1 + holdfast::uniform_index(g, 3); n > 0; --n)
            damaged[holdfast::uniform_index(g, damaged.size())] = static_cast<char>(g() & 0xff);
        write(file, damaged);
        try {
            const replay::side_memory memory(options, philox{5});
            if (memory.notice().empty()) REQUIRE(held(memory) == after);
        } catch (const std::exception&) {
            ++refused;
        }
    }
    CHECK(refused > 480);
    // Records that are whole and make no sense: written by somebody else's program.
    const auto rejects = [&](std::vector<std::uint64_t> words, const char* why) {
        write(file, all);
        {
            replay::record_log log(file);
            log.append(std::as_bytes(std::span(words)));
        }
        CHECK_THROWS_WITH(replay::side_memory(options, philox{5}), Contains(why));
    };
    const std::uint64_t one = std::bit_cast<std::uint64_t>(1.0);
    rejects({1}, "is too short");
    rejects({1, 999, one, 1}, "is too short");
    rejects({1, 999, one, ~0ULL, 0}, "has a length that does not fit");
    rejects({1, 999, one, 1, 1, 0, 0}, "has a length that does not fit");
    rejects({1, 999, 0, 1, 1, 0}, "has no weight");
    rejects({1, after[0], one, 1, 1, 0}, "holds an identifier that is held already");
    rejects({1, 999, std::bit_cast<std::uint64_t>(1e-9), 1, 1, 0}, "holds an item beyond those that were let go");
    rejects({1, 999, std::bit_cast<std::uint64_t>(1e9), 1, 1, 0}, "is more than the memory holds");
    rejects({2, 999, 0}, "changes nothing there is");
    rejects({2, after[0], 2}, "changes nothing there is");
    rejects({2, after[0], 1}, "has a length that does not fit");
    rejects({3, 999}, "drops an item that is not the last");
    rejects({4, 999}, "has a length that does not fit");
    rejects({9, 999}, "is of no known kind");
}

TEST_CASE("one writer and many readers: every snapshot is whole, and a draw holds no lock") {
    for (const bool on_disk : {false, true}) {
        const holdfast_test::temporary_folder folder;
        replay::side_memory memory({.tensors = names,
                                    .max_items = 50,
                                    .file = on_disk ? folder.path() / "memory" : fs::path(),
                                    .spare_bytes = 20000},
                                   philox{1});
        std::atomic<bool> stop = false;
        std::atomic<std::size_t> wrong = 0, looked = 0;
        std::vector<std::thread> readers;
        for (std::uint64_t r = 0; r < 3; ++r)
            readers.emplace_back([&, r] {
                for (std::uint64_t round = 0; !stop; ++round) {
                    const auto seen = memory.snapshot();
                    for (const auto i : seen->draw(std::min<std::size_t>(5, seen->size()), philox{r, round})) {
                        const auto logits = seen->tensor(i, 0);
                        bool fits = logits.size() == 1 + seen->id(i) % 5;
                        for (const float x : logits) fits = fits && x == static_cast<float>(seen->id(i));
                        wrong += !fits;
                        ++looked;
                    }
                }
            });
        for (std::uint64_t id = 0; id < 2000 || looked < 100; ++id) {
            show(memory, id);
            const std::vector<float> strength{static_cast<float>(id)};
            if (memory.contains(id / 2)) memory.set(id / 2, 1, strength);
            if (id % 3 == 0) memory.publish();
        }
        stop = true;
        for (auto& reader : readers) reader.join();
        CHECK(wrong == 0);
    }
}
