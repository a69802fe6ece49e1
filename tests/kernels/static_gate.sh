#!/bin/sh
# Compiles every kernel for one architecture and reads what ptxas says: fails on a spill, a stack frame, or a warning
# that WGMMAs were serialised (C7508, C7510, C7515); and on an architecture that the kernels do not know, unless the
# compiler says so in our words. Needs nvcc, no GPU.
# Usage: static_gate.sh NVCC SOURCE_FOLDER ARCH     e.g. static_gate.sh nvcc . 90a
set -eu
nvcc=$1 root=$2 arch=$3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
compile() { # ARCH OUTPUT
    "$nvcc" -std=c++20 -gencode=arch=compute_"$1",code=sm_"$1" -I"$root/include" -Xptxas -v,-warn-spills \
        -c -o "$2" "$root/tests/kernels/all_kernels.cu"
}
began=$(date +%s)
if ! compile "$arch" "$out/kernels.o" > "$out/log" 2>&1; then
    cat "$out/log"
    exit 1
fi
seconds=$(($(date +%s) - began))
kernels=$(grep -c 'Compiling entry function' "$out/log")
registers=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "$out/log" | sort -n | tail -1)
bad=0
if grep -E 'C7508|C7510|C7515' "$out/log"; then bad=1; fi
if grep -E '(^|[^0-9])[1-9][0-9]* bytes (stack frame|spill)' "$out/log"; then bad=1; fi
[ "$kernels" -gt 0 ] || bad=1
echo "sm_$arch: $kernels kernels, $registers registers at most, compiled in $seconds s"
if command -v cuobjdump > /dev/null; then
    cuobjdump -sass "$out/kernels.o" > "$out/sass"
    echo "tensor-core instructions: $(grep -c HMMA "$out/sass" || true) HMMA, $(grep -c HGMMA "$out/sass" || true) HGMMA"
    if [ "$arch" = 90a ] && ! grep -q 'HGMMA.64x256x16' "$out/sass"; then bad=1; fi
fi
if [ "$bad" -ne 0 ]; then
    echo "FAILED: spills, stack frames, serialised WGMMAs (above), or no WGMMA at all"
    exit 1
fi
if [ "$arch" = 80 ] && "$nvcc" --list-gpu-code | grep -q sm_75; then
    if compile 75 "$out/old.o" > "$out/log" 2>&1 || ! grep -q 'compute capability 8.0 or later' "$out/log"; then
        echo "FAILED: sm_75 must be refused in a sentence"
        exit 1
    fi
fi
