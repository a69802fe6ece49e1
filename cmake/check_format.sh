#!/bin/sh
# Every C++ and CUDA source is as .clang-format has it (clang-format 14, Debian 12's). Without that version: says so, passes.
set -eu
cd "$(dirname "$0")/.."
for tool in clang-format-14 clang-format; do
    if command -v $tool >/dev/null 2>&1 && $tool --version | grep -q 'version 14\.'; then
        find include tests examples benchmarks -name '*.hpp' -o -name '*.cuh' -o -name '*.cpp' -o -name '*.cu' |
            xargs $tool --dry-run --Werror
        exit 0
    fi
done
echo "SKIPPED: no clang-format 14 here"
