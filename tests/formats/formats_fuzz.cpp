// libFuzzer target for every parser: whatever the bytes, it returns or throws what its comment says, and never reads
// beyond them. The first byte chooses the parser. tests/fuzz.sh builds it and runs it for a minute.

#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/checkpoint.hpp>
#include <holdfast/experiment/report_json.hpp>
#include <holdfast/formats/csv_scores.hpp>
#include <holdfast/formats/general.hpp>
#include <holdfast/formats/lm_eval.hpp>
#include <holdfast/formats/npy.hpp>
#include <holdfast/formats/peft.hpp>
#include <holdfast/formats/safetensors.hpp>
#include <holdfast/formats/superni.hpp>
#include <holdfast/formats/trace.hpp>
#include <holdfast/metrics/gate.hpp>
#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/priority_tree.hpp>
#include <holdfast/replay/reservoir.hpp>
#include <holdfast/replay/state.hpp>
#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace experiment = holdfast::experiment;
namespace formats = holdfast::formats;
namespace replay = holdfast::replay;
namespace scoring = holdfast::scoring;

namespace {

void expect(bool holds) {
    if (!holds) std::abort();
}

/// Parsers refuse with format_error; what takes values besides, with invalid_argument.
template <class Parse>
void parse(Parse body) {
    try {
        body();
    } catch (const holdfast::format_error&) {
    } catch (const holdfast::invalid_argument&) {}
}

/// A folder of this process for what is read from files.
const std::filesystem::path& folder() {
    static const std::filesystem::path made = [] {
        auto path = std::filesystem::temp_directory_path() / ("holdfast-fuzz-" + std::to_string(::getpid()));
        std::filesystem::create_directories(path);
        std::atexit([] {
            std::error_code ignored;
            std::filesystem::remove_all(folder(), ignored);
        });
        return path;
    }();
    return made;
}

std::filesystem::path file(const char* name, const std::string& bytes) {
    const auto path = folder() / name;
    formats::detail::write_bytes(path, bytes);
    return path;
}

/// The bytes as a .safetensors header, with its length in front and some values behind.
std::string safetensors_of(const std::string& header) {
    std::string bytes;
    for (std::size_t k = 0; k < 8; ++k)
        bytes += static_cast<char>(static_cast<unsigned char>(header.size() >> (8 * k)));
    return bytes + header + std::string(64, '\x3f');
}

void read_tensors(const formats::safetensors& f) {
    for (const auto& t : f.tensors()) parse([&] { (void)f.values<float>(t.name); });
}

/// A state of this kind with the checksum that fits. What is accepted is written and read alike.
template <class Sampler>
void read_state(std::string_view kind, const std::string& content) {
    replay::state_writer to(kind, 1);
    for (std::size_t at = 0; at + 8 <= content.size(); at += 8) {
        std::uint64_t word = 0;
        for (std::size_t k = 0; k < 8; ++k)
            word |= static_cast<std::uint64_t>(static_cast<unsigned char>(content[at + k])) << (8 * k);
        to.word(word);
    }
    parse([&] {
        const std::string state = Sampler::from_state(to.finish()).state();
        expect(Sampler::from_state(state).state() == state);
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'c':
            parse([&] {
                const auto table = formats::parse_csv_scores(text, "fuzz");
                const std::string csv = formats::to_csv(table);  // what was read is written and read alike
                expect(formats::to_csv(formats::parse_csv_scores(csv, "again")) == csv);
            });
            break;
        case 'n':
            parse([&] { (void)formats::parse_npy<float>("\x93NUMPY" + text, "fuzz"); });
            break;
        case 'j':
            parse([&] {
                const formats::json_record r{formats::parse_json(text, "fuzz"), "fuzz", 1, 1};
                if (r.value.is_object()) (void)r.text("a");
            });
            break;
        case 'u':
            parse([&] { (void)formats::detail::read_superni_split(file("u.jsonl", text)); });
            break;
        case 't':
            parse([&] { (void)formats::detail::read_trace_split(file("t.json", text), "t"); });
            break;
        case 'r':
            file("results-0-0-C-STANCE.json", text);
            parse([&] { (void)formats::read_trace_results(folder()); });
            std::filesystem::remove(folder() / "results-0-0-C-STANCE.json");
            break;
        case 'g':
            parse([&] { (void)formats::read_general_file(file("g.jsonl", text)); });
            break;
        case 'l':
            parse([&] { (void)formats::parse_lm_eval_results(text, "fuzz"); });
            break;
        case 'L':
            parse([&] { (void)formats::read_lm_eval_samples(file("samples_x.jsonl", text)); });
            break;
        case 's':
            parse([&] { read_tensors(formats::safetensors::parse(text, "fuzz")); });
            break;
        case 'S':
            parse([&] { read_tensors(formats::safetensors::parse(safetensors_of(text), "fuzz")); });
            break;
        case 'p': {
            const std::size_t split = std::min(text.find('\n'), text.size());  // configuration, then header
            file("adapter_config.json", text.substr(0, split));
            file("adapter_model.safetensors", safetensors_of(text.substr(std::min(split + 1, text.size()))));
            parse([&] { (void)formats::read_peft(folder()); });
            break;
        }
        case 'R':
            parse([&] { (void)experiment::parse_report(text); });
            break;
        case 'a':  // with the checksum that fits: what a change of one byte would be refused for is not the question
            parse([&] {
                experiment::checksum sum;
                const std::string content = "holdfast checkpoint 2\n" + text;
                sum.add(content);
                experiment::archive_reader in(file("a", content + "checksum " + sum.text() + "\n"), "checkpoint", 2);
                (void)experiment::detail::get_record(in);
            });
            break;
        case 'x':
            read_state<replay::reservoir_r>("reserv r", text);
            read_state<replay::reservoir_l>("reserv l", text);
            read_state<replay::weighted_reservoir>("weighted", text);
            read_state<replay::keyed_reservoir>("keyed", text);
            read_state<replay::balanced_reservoir>("balanced", text);
            read_state<replay::priority_tree>("priority", text);
            break;
        case 'G':
            parse([&] {
                for (const auto& c : holdfast::metrics::parse_gate(text))
                    expect(holdfast::metrics::parse_gate(c.text).front().limit == c.limit);
            });
            break;
        case 'U': {
            (void)formats::detail::parse_result_name(text);
            expect(!formats::natural_less(text, text));
            const bool valid = formats::first_invalid_utf8(text) == std::string::npos;
            std::string back;
            bool escaped = false;
            for (const char32_t c : scoring::code_points(text)) {
                scoring::append(back, c);
                escaped = escaped || (c >= 0xDC80 && c <= 0xDCFF);
            }
            expect(back == text && escaped == !valid);  // both readers of UTF-8 agree
            break;
        }
        default: {
            const std::size_t half = text.size() / 2;
            const std::string a = text.substr(0, half), b = text.substr(half);
            const std::vector<std::string> reference{b};
            (void)scoring::sacrebleu::bleu{}.score(a, reference);
            (void)scoring::trace::py150{}.score(a, reference);
            expect(scoring::trace::rouge_l{}.score(a, reference) <= 1);
            expect(scoring::inscl::rouge_l{}.score(a, reference) <= 1);
            expect(scoring::indel{}.ratio(a, b) == scoring::indel{}.ratio(b, a));
        }
    }
    return 0;
}
