"""Writes include/holdfast/scoring/unicode.hpp: what Python's str knows of code points, as run-length tables.

Asked of the interpreter itself (str.lower, re), so that the tables say what Python does, not what a
reading of the standard suggests. Run: python3 tests/reference/unicode_tables.py > include/holdfast/scoring/unicode.hpp
"""
import platform
import re
import unicodedata

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
SIGMA = "\u03a3"


def lower_runs():
    mapped = {c: ord(chr(c).lower()) for c in POINTS if chr(c).lower() != chr(c) and len(chr(c).lower()) == 1}
    keys, runs, i = sorted(mapped), [], 0
    while i < len(keys):
        delta, step, j = mapped[keys[i]] - keys[i], 1, i + 1
        if j < len(keys) and mapped[keys[j]] - keys[j] == delta and keys[j] - keys[i] in (1, 2):
            step = keys[j] - keys[i]
            while j < len(keys) and mapped[keys[j]] - keys[j] == delta and keys[j] - keys[j - 1] == step:
                j += 1
        runs.append((keys[i], keys[j - 1], step, delta))
        i = j
    return runs


def plain_runs(points):
    runs = []
    for c in points:
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def rows(items, per_line):
    for i in range(0, len(items), per_line):
        print("    " + " ".join(items[i:i + per_line]))


def main():
    cased = [c for c in POINTS if (chr(c) + SIGMA).lower().endswith("\u03c2")]
    known = set(cased)
    ignorable = [c for c in POINTS if c not in known and ("A" + chr(c) + SIGMA).lower().endswith("\u03c2")]
    odd = [hex(c) for c in POINTS if len(chr(c).lower()) != 1]
    assert odd == ["0x130"], odd
    print("#pragma once")
    print("// What Python's str knows of single code points: lower case, and which ones decide how a final sigma is written.")
    print(f"// Written by tests/reference/unicode_tables.py from CPython {platform.python_version()} "
          f"(Unicode {unicodedata.unidata_version}); do not edit. U+0130, the one")
    print("// code point that becomes two, and white space (29 code points) are handled in text.hpp.")
    print()
    print("#include <array>\n#include <cstdint>\n")
    print("namespace holdfast::scoring::detail {\n")
    print("// clang-format off")
    print("/// Code points first, first + step, ... last become themselves + delta in lower case.")
    print("struct lower_run { std::uint32_t first, last; std::int32_t step, delta; };")
    print("struct point_run { std::uint32_t first, last; };\n")
    lower = [f"{{0x{a:x},0x{b:x},{s},{d}}}," for a, b, s, d in lower_runs()]
    print(f"inline constexpr std::array<lower_run, {len(lower)}> lower_runs{{{{")
    rows(lower, 5)
    print("}};\n")
    words = [c for c in POINTS if re.match(r"\w", chr(c)) and c >= 128]
    for name, points, what in (("cased_runs", cased, "Letters that have a case."),
                               ("case_ignorable_runs", ignorable, "Marks and signs that one looks through when asking for a cased neighbour."),
                               ("word_runs", words, "Word characters beyond ASCII: what \\w of Python's re matches.")):
        runs = [f"{{0x{a:x},0x{b:x}}}," for a, b in plain_runs(points)]
        print(f"/// {what}")
        print(f"inline constexpr std::array<point_run, {len(runs)}> {name}{{{{")
        rows(runs, 7)
        print("}};\n")
    print("// clang-format on\n")
    print("}  // namespace holdfast::scoring::detail")


main()
