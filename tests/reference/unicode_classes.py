"""Writes include/holdfast/scoring/unicode_classes.hpp: numbers, punctuation and symbols beyond ASCII as run-length tables.

Asked of the regex package, which sacreBLEU's intl tokeniser asks too; its version decides the version of Unicode.

    pip install regex==2026.11.15
    python3 tests/reference/unicode_classes.py > include/holdfast/scoring/unicode_classes.hpp
"""
import importlib.metadata

import regex

POINTS = [c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000]


def runs_of(points):
    runs = []
    for c in points:
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def main():
    print("#pragma once")
    print("// Which code points beyond ASCII are numbers, punctuation and symbols: \\p{N}, \\p{P} and \\p{S} of Python's regex")
    print(f"// package. Written by tests/reference/unicode_classes.py from regex {importlib.metadata.version('regex')}; do not edit. "
          "ASCII is in\n// tokenisers.hpp.\n")
    print("#include <array>\n")
    print("#include <holdfast/scoring/unicode.hpp>\n")
    print("namespace holdfast::scoring::detail {\n")
    print("// clang-format off")
    for name, letter in (("number_runs", "N"), ("punctuation_runs", "P"), ("symbol_runs", "S")):
        pattern = regex.compile(rf"\p{{{letter}}}")
        runs = [f"{{0x{a:x},0x{b:x}}}," for a, b in runs_of([c for c in POINTS if pattern.match(chr(c))])]
        print(f"inline constexpr std::array<point_run, {len(runs)}> {name}{{{{")
        for i in range(0, len(runs), 8):
            print("    " + " ".join(runs[i:i + 8]))
        print("}};\n")
    print("// clang-format on\n")
    print("}  // namespace holdfast::scoring::detail")


main()
