// libFuzzer target: whatever the bytes, a parser returns or throws format_error, and text functions return.
//
//     clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude tests/formats/formats_fuzz.cpp -o fuzz
//     ./fuzz -max_total_time=60

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <holdfast/formats/csv_scores.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/npy.hpp>
#include <holdfast/formats/trace.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokenisers.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace formats = holdfast::formats;
namespace scoring = holdfast::scoring;

namespace {

void expect(bool holds) {
    if (!holds) std::abort();
}

template <class Parse>
void parse(Parse body) {
    try {
        body();
    } catch (const holdfast::format_error&) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 6) {
        case 0:
            parse([&] {
                const auto table = formats::parse_csv_scores(text, "fuzz");
                const std::string csv = formats::to_csv(table);  // what was read is written and read alike
                expect(formats::to_csv(formats::parse_csv_scores(csv, "again")) == csv);
            });
            break;
        case 1:
            parse([&] { (void)formats::parse_npy<float>(text, "fuzz"); });
            break;
        case 2:
            parse([&] { (void)formats::parse_npy<float>("\x93NUMPY" + text, "fuzz"); });
            break;
        case 3:
            parse([&] {
                const formats::json_record r{formats::parse_json(text, "fuzz"), "fuzz", 1, 1};
                if (r.value.is_object()) (void)r.text("a");
            });
            break;
        case 4: {
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
            (void)scoring::tokens_13a(scoring::lower(a));
            (void)scoring::trace::py150{}.score(a, reference);
            expect(scoring::trace::rouge_l{}.score(a, reference) <= 1);
            expect(scoring::inscl::rouge_l{}.score(a, reference) <= 1);
            expect(scoring::indel{}.ratio(a, b) == scoring::indel{}.ratio(b, a));
        }
    }
    return 0;
}
