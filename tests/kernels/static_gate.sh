#!/bin/sh
# Compiles every kernel for one architecture and reads what ptxas says: fails on a spill, a stack frame, or a warning
# that WGMMAs were serialised (C7508, C7510, C7515); where cuobjdump is, on local memory in the machine code and on a
# Hopper product without WGMMA and TMA; and on an architecture that the kernels do not know, unless the
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
    # per kernel: its name, and how many products of a warp and of a warpgroup its machine code has
    cuobjdump -sass "$out/kernels.o" | awk '/Function :/ { name = $3; seen[name] }
        /HGMMA/ { wgmma[name]++ } /HGMMA.64x256x16/ { wide[name]++ } !/HGMMA/ && /HMMA/ { mma[name]++ }
        /UTMALDG/ { tma[name]++ } /LDL|STL/ { local[name]++ }
        END { for (n in seen) print n, mma[n] + 0, wgmma[n] + 0, wide[n] + 0, tma[n] + 0, local[n] + 0 }' > "$out/sass"
    awk '{ h += $2; w += $3; if ($3) k++ } END {
        printf "tensor-core instructions: %d HMMA, %d HGMMA in %d kernels\n", h, w, k }' "$out/sass"
    if grep -E ' [1-9][0-9]*$' "$out/sass"; then bad=1 && echo "local memory in the kernels above"; fi
    if [ "$arch" = 90a ]; then # the Hopper product: WGMMAs of 64 x 256 x 16 and no others, TMA; and no other kernel has them
        awk '/hopper_product/ { found++; if ($3 == 0 || $3 != $4 || $5 == 0) { print "no WGMMA or no TMA:", $0; exit 1 }; next }
            $3 > 0 { print "WGMMA where none is expected:", $0; exit 1 }
            END { if (!found) exit 1; printf "%d Hopper products, each with HGMMA.64x256x16 and UTMALDG\n", found }' \
            "$out/sass" || bad=1
    fi
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
