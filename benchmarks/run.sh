#!/bin/sh
# Builds and runs the benchmarks:
#
#   sh benchmarks/run.sh [NAME...] [-- ARGUMENTS OF GOOGLE BENCHMARK]
#
# NAME: metrics, scoring, transport, replay, lora_cpu, trainer (default: all that are there). Results also go to
# build/benchmarks/NAME.json. GPU kernels have a script of their own: benchmarks/gpu.sh.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${HOLDFAST_BUILD_DIR:-$root/build/benchmarks}

names=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [ -f "$root/benchmarks/$1_bench.cpp" ] || { echo "benchmarks/run.sh: there is no benchmark '$1'" >&2; exit 2; }
    names="$names $1"
    shift
done
[ "${1-}" != -- ] || shift
[ -n "$names" ] || for there in "$root"/benchmarks/*_bench.cpp; do names="$names $(basename "$there" _bench.cpp)"; done

mkdir -p "$build"
log=$build/build.log
targets=
for name in $names; do targets="$targets ${name}_bench"; done
if ! { sh "$root/cmake/install_dependencies.sh" benchmarks &&
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHOLDFAST_BUILD_TESTS=OFF -DHOLDFAST_CUDA=OFF \
        -DHOLDFAST_BUILD_EXAMPLES=OFF -DHOLDFAST_BUILD_BENCHMARKS=ON -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$build/bin" &&
    cmake --build "$build" --target $targets; } >"$log" 2>&1; then
    echo "The build failed; the end of $log:" >&2
    tail -n 30 "$log" >&2
    exit 1
fi
for name in $names; do
    "$build/bin/${name}_bench" --benchmark_out="$build/$name.json" --benchmark_out_format=json "$@"
done
