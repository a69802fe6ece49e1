#!/bin/sh
# Compiles every kernel for one architecture, header by header (gate/), says how long each takes, and reads what ptxas
# says: fails on a spill, a stack frame, or a warning that WGMMAs were serialised (C7508, C7510, C7515); where cuobjdump
# is, on local memory in the machine code and on a Hopper product without WGMMA and TMA; and on an architecture that the
# kernels do not know, unless the compiler says so in our words. Needs nvcc, no GPU.
# Usage: static_gate.sh NVCC SOURCE_FOLDER ARCH     e.g. static_gate.sh nvcc . 90a
set -eu
nvcc=$1 root=$2 arch=$3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
compile() { # ARCH HEADER
    "$nvcc" -std=c++20 -gencode=arch=compute_"$1",code=sm_"$1" -I"$root/include" -Xptxas -v,-warn-spills \
        -c -o "$out/$2.o" "$root/tests/kernels/gate/$2.cu" > "$out/$2.log" 2>&1
}
echo "seconds to compile, all types, sm_$arch:"
for source in "$root"/tests/kernels/gate/*.cu; do
    header=$(basename "$source" .cu)
    began=$(date +%s)
    if ! compile "$arch" "$header"; then
        cat "$out/$header.log"
        exit 1
    fi
    printf '%4d  %s\n' "$(($(date +%s) - began))" "$header"
done
cat "$out"/*.log > "$out/log"
# A kernel that two headers share is one kernel.
kernels=$(sed -n "s/.*Compiling entry function '\([^']*\)'.*/\1/p" "$out/log" | sort -u | wc -l)
registers=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "$out/log" | sort -n | tail -1)
bad=0
if grep -E 'C7508|C7510|C7515' "$out/log"; then bad=1; fi
if grep -E '(^|[^0-9])[1-9][0-9]* bytes (stack frame|spill)' "$out/log"; then bad=1; fi
[ "$kernels" -gt 0 ] || bad=1
echo "sm_$arch: $kernels kernels, $registers registers at most"
if command -v cuobjdump > /dev/null; then
    # per kernel: its name, and how many products of a warp and of a warpgroup its machine code has
    for object in "$out"/*.o; do cuobjdump -sass "$object"; done | awk '/Function :/ { again = $3 in seen; name = $3; seen[name] }
        again { next }
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
    if compile 75 lora_matmul || ! grep -q 'compute capability 8.0 or later' "$out/lora_matmul.log"; then
        echo "FAILED: sm_75 must be refused in a sentence"
        exit 1
    fi
fi
