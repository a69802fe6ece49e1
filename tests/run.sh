#!/bin/sh
# The whole test suite, from a fresh clone, with one command: installs what is missing, builds all that this machine can
# build (CUDA sources too where nvcc is), runs everything, and ends with the count.
#
#   sh tests/run.sh                 everything but the sanitizers
#   sh tests/run.sh --sanitizers    and the unit tests once more under address, undefined-behaviour and thread sanitizers
#   sh tests/run.sh --fast          without clang-tidy, fuzzing and the CUDA sources
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
build=${HOLDFAST_BUILD_DIR:-$root/build}
fast=no sanitizers=no
case ${1-} in
    "") ;;
    --fast) fast=yes ;;
    --sanitizers) sanitizers=yes ;;
    *) echo "tests/run.sh: unknown option '$1' (there are --sanitizers and --fast)" >&2; exit 2 ;;
esac
passed=0 failed=0 skipped=0
started=$(date +%s)

heading() { printf '\n== %s (%s s)\n' "$*" "$(($(date +%s) - started))"; }

# A step that is a test of its own: its words only when it fails.
step() {
    name=$1
    shift
    if "$@" >"$build/step.log" 2>&1; then
        if grep '^SKIPPED:' "$build/step.log"; then
            skipped=$((skipped + 1))
            return
        fi
        passed=$((passed + 1))
        echo "passed: $name"
    else
        failed=$((failed + 1))
        tail -n 60 "$build/step.log"
        echo "FAILED: $name"
    fi
}

# ctest over a build folder, its counts added to ours.
suite() {
    folder=$1
    shift
    ctest --test-dir "$folder" -j "$(nproc)" --output-on-failure --no-tests=error \
        --output-junit "$folder/junit.xml" "$@" >"$folder/ctest.log" 2>&1
    result=$?
    if [ ! -f "$folder/junit.xml" ]; then
        tail -n 40 "$folder/ctest.log"
        failed=$((failed + 1))
        return
    fi
    count() { sed -n "s/.*<testsuite.*/&/p; s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$folder/junit.xml" | grep -E '^[0-9]+$' | head -n 1; }
    tests=$(count tests) bad=$(count failures) left=$(count skipped)
    [ $result -eq 0 ] || grep -avE '^ *[0-9]+/[0-9]+ Test .*Passed|^ *Start +[0-9]+:' "$folder/ctest.log" | tail -n 150
    grep -aE '\*\*\*Skipped|^SKIPPED:' "$folder/ctest.log" | sed 's/^/  /' || true
    echo "$folder: $tests tests, $bad failed, $left skipped"
    passed=$((passed + tests - bad - left)) failed=$((failed + bad)) skipped=$((skipped + left))
    [ $result -eq 0 ] || [ "$bad" -gt 0 ] || failed=$((failed + 1))
}

# Configures and builds, or counts a failure and says why.
build() {
    folder=$1
    shift
    mkdir -p "$folder"
    if cmake -S "$root" -B "$folder" -G Ninja "$@" >"$folder/build.log" 2>&1 &&
        cmake --build "$folder" >>"$folder/build.log" 2>&1; then
        return 0
    fi
    grep -E -A6 'error|FAILED|Error' "$folder/build.log" | head -n 80
    echo "FAILED: the build in $folder (see build.log there)"
    failed=$((failed + 1))
    return 1
}

mkdir -p "$build"
heading "Installing what is missing"
sh "$root/cmake/install_dependencies.sh" || { echo "0 passed, 1 failed"; exit 1; }

heading "Format"
step "every source is as .clang-format writes it" sh "$root/cmake/check_format.sh"

cuda=AUTO
[ $fast = no ] || cuda=OFF
heading "Building (CUDA: $cuda)"
if build "$build/release" -DCMAKE_BUILD_TYPE=Release -DHOLDFAST_CUDA=$cuda -DHOLDFAST_BUILD_BENCHMARKS=ON \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON; then
    heading "Running"
    suite "$build/release"
fi

if [ $sanitizers = yes ]; then
    heading "Building with the address and undefined-behaviour sanitizers"
    if build "$build/asan-ubsan" -DCMAKE_BUILD_TYPE=None -DHOLDFAST_CUDA=OFF -DHOLDFAST_NATIVE=OFF -DHOLDFAST_UNIT_TESTS_ONLY=ON -DHOLDFAST_BUILD_EXAMPLES=OFF \
        "-DCMAKE_CXX_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1"; then
        heading "Running under them"
        suite "$build/asan-ubsan"
    fi
    heading "Building what is concurrent with the thread sanitizer"
    if build "$build/tsan" -DCMAKE_BUILD_TYPE=None -DHOLDFAST_CUDA=OFF -DHOLDFAST_NATIVE=OFF -DHOLDFAST_UNIT_TESTS_ONLY=ON -DHOLDFAST_BUILD_EXAMPLES=OFF \
        -DHOLDFAST_TEST_FOLDERS="core;replay" \
        "-DCMAKE_CXX_FLAGS=-fsanitize=thread -fno-omit-frame-pointer -O1 -g1"; then
        suite "$build/tsan"
    fi
fi
if [ $fast = no ]; then
    heading "clang-tidy"
    step "clang-tidy has nothing to say" sh "$root/cmake/check_tidy.sh" "$build/release"
fi

if [ $fast = no ]; then
    heading "Fuzzing every parser for a minute"
    step "no parser crashes on what nobody would write" sh "$root/tests/fuzz.sh" 60 "$build/fuzz"
fi

heading "Done"
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
