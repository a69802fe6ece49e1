#!/bin/sh
# Every parser fed with what nobody would write, for a minute (or as many seconds as asked): libFuzzer with the address and
# undefined-behaviour sanitizers, starting from tests/formats/corpus. A crash leaves its input in BUILD_DIR.
#
#   sh tests/fuzz.sh [SECONDS] [BUILD_DIR]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=${1:-60}
build=${2:-$root/build/fuzz}
compiler=${HOLDFAST_FUZZ_CXX:-clang++}
mkdir -p "$build"
if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    "$compiler" -x c++ -fsanitize=fuzzer - -o "$build/probe" 2>/dev/null; then
    echo "SKIPPED: fuzzing needs Clang with libFuzzer, which is not here"
    exit 0
fi
"$compiler" -std=c++20 -O1 -g1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I"$root/include" \
    "$root/tests/formats/formats_fuzz.cpp" -o "$build/formats_fuzz" -pthread
rm -rf "$build/corpus"
cp -r "$root/tests/formats/corpus" "$build/corpus"
cd "$build"
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # some parsers read files: on a disk that takes most of the minute
./formats_fuzz -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3072 -max_len=4096 -print_final_stats=1 corpus \
    >fuzz.log 2>&1 || {
    tail -n 40 fuzz.log
    exit 1
}
grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' fuzz.log
