#!/bin/sh
# Installs what holdfast's programs need, and nothing that is there already. The library itself needs a C++20 compiler;
# everything else here is for its optional headers, examples, tests and benchmarks.
#
#   sh cmake/install_dependencies.sh [examples] [tests] [benchmarks]     (default: all three)
#
# Debian and Ubuntu: through apt-get, as root or with sudo. Elsewhere: prints what to install.
# Works without a network when the packages are there. Its words go to standard error.
set -eu

[ $# -gt 0 ] || set -- examples tests benchmarks
packages="g++ cmake ninja-build libeigen3-dev libboost-dev nlohmann-json3-dev"
for part in "$@"; do
    case $part in
        examples) packages="$packages libcli11-dev" ;;
        tests) packages="$packages libcli11-dev libxtensor-dev catch2 clang clang-format clang-tidy libomp-dev python3" ;;
        benchmarks) packages="$packages libxtensor-dev libbenchmark-dev" ;;
        *) echo "install_dependencies.sh: unknown part '$part': examples, tests or benchmarks" >&2; exit 2 ;;
    esac
done

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    missing=
    for tool in c++ cmake ninja; do command -v $tool >/dev/null 2>&1 || missing="$missing $tool"; done
    cat >&2 <<'WORDS'
This is not a Debian or Ubuntu system, so nothing was installed. holdfast's programs need:
  a C++20 compiler (GCC 12, Clang 16 or newer), CMake 3.25, Ninja
  Eigen 3.4, Boost headers 1.74 (Boost.Math), nlohmann-json 3.10, CLI11 2
  for the tests also: Catch2 (2.13 or 3), xtensor 0.24; for the benchmarks: Google Benchmark, xtensor 0.24
  by name, macOS:  brew install cmake ninja eigen boost nlohmann-json cli11 catch2 xtensor google-benchmark
           Fedora: dnf install gcc-c++ cmake ninja-build eigen3-devel boost-devel json-devel cli11-devel catch-devel xtensor-devel google-benchmark-devel
           Arch:   pacman -S gcc cmake ninja eigen boost nlohmann-json cli11 catch2 xtensor benchmark
WORDS
    [ -z "$missing" ] || { echo "Not found here:$missing" >&2; exit 1; }
    exit 0
fi

missing=
for package in $packages; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

echo "Installing:$missing" >&2
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        echo "Please run as root: apt-get install$missing" >&2
        exit 1
    fi
fi
export DEBIAN_FRONTEND=noninteractive
# An old package list finds old versions that are gone: look again only when the first try fails.
if ! $as_root apt-get install -y -q --no-install-recommends $missing >&2; then
    $as_root apt-get update -q >&2
    $as_root apt-get install -y -q --no-install-recommends $missing >&2
fi
