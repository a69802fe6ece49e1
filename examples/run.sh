#!/bin/sh
# Builds one program of holdfast and runs it:
#
#   sh examples/run.sh [PROGRAM] [ARGUMENTS...]
#
# PROGRAM: trainer (the default: a language model learns a stream of tasks, with and without replay), report,
# similarity, plan_replay, score, or a step of the ladder: 01_metrics, 02_task_similarity, 03_replay, 04_lora,
# 05_experiment. Installs what is missing. Standard output holds the program's own words alone; the build's are in
# build/examples/build.log.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${HOLDFAST_BUILD_DIR:-$root/build/examples}

program=trainer
case ${1-} in
    "" | -*) ;;
    *) program=$1; shift ;;
esac
if ! { [ -f "$root/examples/$program.cpp" ] || [ -f "$root/examples/$program/main.cpp" ]; }; then
    echo "examples/run.sh: there is no program '$program'; there are:" >&2
    for there in "$root"/examples/0*.cpp "$root"/examples/*/main.cpp; do
        [ -f "$there" ] || continue
        there=${there%/main.cpp}
        echo "  $(basename "${there%.cpp}")" >&2
    done
    exit 2
fi

mkdir -p "$build"
log=$build/build.log
say() { echo "$*" >&2; }
if ! sh "$root/cmake/install_dependencies.sh" examples >"$log" 2>&1; then
    say "Something that the build needs could not be installed:"
    tail -n 15 "$log" >&2
    exit 1
fi
[ -x "$build/bin/$program" ] || say "Building $program (the build's words: $log) ..."
if ! { cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHOLDFAST_BUILD_TESTS=OFF \
        -DHOLDFAST_BUILD_EXAMPLES=ON -DHOLDFAST_CUDA=OFF -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$build/bin" &&
    cmake --build "$build" --target "$program"; } >>"$log" 2>&1; then
    say "The build of $program failed; the end of $log:"
    tail -n 30 "$log" >&2
    exit 1
fi
exec "$build/bin/$program" "$@"
