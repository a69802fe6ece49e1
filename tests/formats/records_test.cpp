#include <holdfast/formats/records.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

TEST_CASE("a file is read whole, whatever its size and bytes") {
    const holdfast_test::temporary_folder folder;
    for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 200000U}) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 256);
        CHECK(formats::detail::read_bytes(folder.write("bytes", bytes)) == bytes);
    }
}

TEST_CASE("names sort by the numbers in them") {
    std::vector<std::string> names{"task10", "task2", "task02", "Task1", "a-10-b", "a-9-b", "a-9", "", "b"};
    std::sort(names.begin(), names.end(), formats::natural_less);
    CHECK(names == std::vector<std::string>{"", "Task1", "a-9", "a-9-b", "a-10-b", "b", "task02", "task2", "task10"});
    CHECK_FALSE(formats::natural_less("x", "x"));
    CHECK(formats::natural_less("v99999999999999999999", "v100000000000000000000"));  // longer than any integer type
}

TEST_CASE("the first byte that is not UTF-8 is found") {
    CHECK(formats::first_invalid_utf8("") == std::string::npos);
    CHECK(formats::first_invalid_utf8("aä我🙂") == std::string::npos);
    CHECK(formats::first_invalid_utf8("ab\xff") == 2);
    CHECK(formats::first_invalid_utf8("ab\xc3") == 2);            // cut off
    CHECK(formats::first_invalid_utf8("\xc0\xaf") == 0);          // overlong
    CHECK(formats::first_invalid_utf8("a\xed\xa0\x80") == 1);     // surrogate
    CHECK(formats::first_invalid_utf8("\xf4\x90\x80\x80") == 0);  // beyond U+10FFFF
    CHECK(formats::first_invalid_utf8("\xe0\x80\x80") == 0);      // overlong
    CHECK(formats::first_invalid_utf8("\xf4\x8f\xbf\xbf") == std::string::npos);
}

TEST_CASE("a file that cannot be read as text says why") {
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::detail::read_text(folder.path() / "none"), "none: there is no such file");
    CHECK_MALFORMED(formats::detail::read_text(folder.path()), "is a folder, not a file");
    CHECK_MALFORMED(formats::detail::read_text(folder.write("latin1",
                                                            "a\nb\nStra\xdf"
                                                            "e")),
                    "latin1:3: not UTF-8 at byte offset 8");
    CHECK(formats::detail::read_text(folder.write("mark", "\xef\xbb\xbfhi")) == "hi");
    CHECK_MALFORMED(formats::detail::names_in(folder.path() / "none"), "there is no such folder");
    CHECK_MALFORMED(formats::detail::names_in(folder.path() / "mark"), "is a file, not a folder");
}
