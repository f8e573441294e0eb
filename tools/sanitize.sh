#!/usr/bin/env bash
# C++ tests, then the Python tests, under the address and undefined-behaviour sanitizers. The
# instrumented package goes to an environment of its own, which borrows the packages of the one that
# `python` belongs to. Arguments go to pytest: tools/sanitize.sh tests/questions/test_trajectory.py
set -euo pipefail
cd "$(dirname "$0")/.."

compiler=${CXX:-c++}
packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
venv=$PWD/build/sanitize-venv

if [ ! -x "$venv/bin/python" ]; then python -m venv --without-pip "$venv"; fi
own=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$packages" >"$own/borrowed.pth"
rm -rf "$own/entroprod"
python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --upgrade \
    --target "$own" --config-settings=build-dir=build/sanitize-module \
    --config-settings=cmake.build-type=Sanitize --config-settings=install.strip=false \
    --config-settings=cmake.define.CMAKE_CXX_FLAGS_SANITIZE="-O1 -g1" \
    --config-settings=cmake.define.ENTROPROD_SANITIZE=ON \
    --config-settings=cmake.define.ENTROPROD_BUILD_TESTS=ON .
ctest --test-dir build/sanitize-module --output-on-failure

# Python leaks by design; the runtimes must come before everything that Python loads.
export LD_PRELOAD="$("$compiler" -print-file-name=libasan.so):$("$compiler" -print-file-name=libstdc++.so)"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" -c 'import entroprod; print("testing", entroprod.__file__)'
"$venv/bin/python" -m pytest -p no:cacheprovider -p no:benchmark "${@:-tests}"
