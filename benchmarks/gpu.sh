#!/bin/sh
# The kernels on this machine's GPU, in one call of under 8 minutes on 16 cores: build, check (the shape list;
# compute-sanitizer where it is), time (lora_bench.cu beside cuBLASLt, lora_serving_bench.cu beside a rendering of vLLM's
# launches). The tables go to standard output and to a file that names the date, the GPU, the driver and the CUDA
# version. What does not fit into the eight minutes is cut off, and said.
#
#   sh benchmarks/gpu.sh [--quick]          HOLDFAST_BUILD_DIR: where to build (default build/gpu)
#                                           HOLDFAST_PYTHON: a Python with benchmarks/peers/lora_requirements.txt
#
# Without nvcc it says so and does nothing; without a GPU it builds, says so, and measures nothing. Both exit with 0.
set -eu
began=$(date +%s)
within() { # SECONDS COMMAND...: at most so long, and not beyond the eight minutes
    left=$((470 - $(date +%s) + began))
    [ "$left" -gt 0 ] || { echo "SKIPPED for time: $2"; return 124; }
    limit=$1
    [ "$limit" -le "$left" ] || limit=$left
    shift
    timeout "$limit" "$@"
}
root=$(cd "$(dirname "$0")/.." && pwd)
build=${HOLDFAST_BUILD_DIR:-$root/build/gpu}
quick=${1-}
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
if [ ! -x "$nvcc" ]; then
    echo "SKIPPED: no nvcc here; nothing was built or measured"
    exit 0
fi
mkdir -p "$build"
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | head -1 | tr -d . || true)
case $capability in
    '') targets="-gencode=arch=compute_80,code=sm_80 -gencode=arch=compute_90a,code=sm_90a" ;;
    90) targets="-gencode=arch=compute_90a,code=sm_90a" ;;
    *) targets="-gencode=arch=compute_$capability,code=sm_$capability" ;;
esac
flags="-std=c++20 -O3 -lineinfo -I$root/include -I$root/tests $targets"
libraries="-L$(dirname "$(dirname "$nvcc")")/lib64 -Xlinker -rpath,$(dirname "$(dirname "$nvcc")")/lib64 -lcublasLt"

echo "Building (logs in $build) ..."
rm -f "$build/failed"
compile() { # PROGRAM SOURCE [LIBRARIES]: several at once, each is one long run of nvcc
    # shellcheck disable=SC2086
    "$nvcc" $flags "$root/$2" -o "$build/$1" ${3-} > "$build/$1.log" 2>&1 || echo "$1" >> "$build/failed"
}
for program in lora_matmul_test merge_test fused_adapter_test segmented_lora_test adapter_forms_test lora_hopper_gpu; do
    compile "$program" "tests/kernels/$program.cu" &
done
compile engine_cuda_test tests/transport/engine_cuda_test.cu &
compile lora_cublaslt_gpu tests/kernels/lora_cublaslt_gpu.cu "$libraries" &
compile lora_bench benchmarks/lora_bench.cu "$libraries" &
for program in lora_serving_bench sinkhorn_bench; do
    compile "$program" "benchmarks/$program.cu" &
done
compile 04_lora examples/04_lora.cu &
wait
echo "Built in $(($(date +%s) - began)) s"
if [ -s "$build/failed" ]; then
    while read -r program; do
        echo "FAILED to build: $program"
        tail -n 30 "$build/$program.log"
    done < "$build/failed"
    exit 1
fi
if [ -z "$capability" ]; then
    echo "SKIPPED: no GPU here; nothing was checked or measured."
    exit 0
fi

echo "Checking ..."
seed=$(date +%s)
within 120 "$build/lora_matmul_test" --seed "$seed"
for program in merge_test fused_adapter_test segmented_lora_test adapter_forms_test lora_cublaslt_gpu 04_lora engine_cuda_test; do
    within 60 "$build/$program"
done
hopper=
if within 60 "$build/lora_hopper_gpu"; then
    hopper=--hopper
else
    echo "The Hopper routes, which nothing chooses, are not timed: their check ended with $? (77: another GPU, 124: it hung)"
fi
overlap=
if [ -n "$hopper" ]; then
    if within 60 "$build/lora_hopper_gpu" --overlap; then
        overlap=--overlap
    else
        echo "The overlapped Hopper routes are not timed: their check ended with $? (124: it hung)"
    fi
fi
python=${HOLDFAST_PYTHON:-python3}
peers=no
if "$python" -c "import peft, torch, triton" 2> /dev/null; then
    peers=yes
    "$python" "$root/examples/torch_extension/check.py"
fi
sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$nvcc")/compute-sanitizer")
if [ -x "$sanitizer" ]; then
    for tool in memcheck racecheck initcheck synccheck; do
        for program in merge_test "lora_matmul_test --sanitize" "segmented_lora_test --sanitize" "adapter_forms_test --sanitize" \
            "lora_hopper_gpu --sanitize" "lora_hopper_gpu --sanitize --overlap" "engine_cuda_test --sanitize"; do
            case $tool,$program in initcheck,adapter* | synccheck,adapter*) continue ;; esac
            [ -n "$hopper" ] || case $program in lora_hopper*) continue ;; esac
            [ -n "$overlap" ] || case $program in *--overlap) continue ;; esac
            status=0
            within 30 "$sanitizer" --tool "$tool" --error-exitcode 1 "$build/"$program > "$build/sanitizer.log" 2>&1 || status=$?
            case $status in
                0) echo "compute-sanitizer $tool, $program: clean" ;;
                124) echo "compute-sanitizer $tool, $program: SKIPPED, not done in 30 s" ;;
                *)
                    echo "compute-sanitizer $tool, $program: FAILED"
                    tail -n 30 "$build/sanitizer.log"
                    exit 1
                    ;;
            esac
            [ $(($(date +%s) - began)) -lt 300 ] || { echo "SKIPPED for time: the rest of compute-sanitizer" && break 2; }
        done
    done
else
    echo "SKIPPED: no compute-sanitizer here"
fi

echo "Timing ..."
results=$build/lora-$(date -u +%Y-%m-%d).md
{
    echo "## LoRA kernels, $(date -u '+%Y-%m-%d %H:%M') UTC"
    echo
    nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,power.limit --format=csv,noheader | head -1
    "$nvcc" --version | tail -n 2 | head -n 1
    echo "holdfast $(git -C "$root" rev-parse --short HEAD 2> /dev/null || echo 'without git'); reproduce: sh benchmarks/gpu.sh $quick"
    echo
    within 60 "$build/lora_serving_bench" $quick || echo "lora_serving_bench: status $?"
    echo
    within 180 "$build/lora_bench" $quick $hopper $overlap || echo "lora_bench: status $? (124: cut off, the lines above hold)"
    echo
    within 60 "$build/sinkhorn_bench" $quick || echo "sinkhorn_bench: status $?"
    echo
    within 40 "$python" "$root/benchmarks/peers/sinkhorn_gpu_peers.py" $quick || echo "sinkhorn_gpu_peers.py: status $?"
    echo
    if "$python" -c "import torch, triton" 2> /dev/null; then
        within 60 "$python" "$root/benchmarks/peers/lora_serving_peers.py" $quick || echo "lora_serving_peers.py: status $?"
        echo
    fi
    if [ "$peers" = yes ]; then
        within 90 "$python" "$root/benchmarks/peers/lora_peers.py" --quick || echo "lora_peers.py: status $?"
    else
        echo "SKIPPED: no torch, triton and peft for $python; the Python peers were not measured"
    fi
} | tee "$results"
echo "Written to $results"
