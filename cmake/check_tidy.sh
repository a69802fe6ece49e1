#!/bin/sh
# clang-tidy over the programs that include every header of the library: sh cmake/check_tidy.sh BUILD
# (BUILD holds compile_commands.json). Without clang-tidy: says so, passes.
set -eu
build=$1
cd "$(dirname "$0")/.."
command -v clang-tidy >/dev/null 2>&1 || { echo "SKIPPED: no clang-tidy here"; exit 0; }
# clang-tidy 14 stops at a flag of GCC's that it does not know
commands=$(mktemp -d)
trap 'rm -rf "$commands"' EXIT
sed 's/-fvect-cost-model=dynamic//g' "$build/compile_commands.json" >"$commands/compile_commands.json"
find "$PWD/tests/static" "$PWD/examples" -name '*_test.cpp' -o -name '0*.cpp' -o -path '*trainer/main.cpp' | sort |
    xargs -P "$(nproc)" -n 1 clang-tidy -p "$commands" --quiet --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option
