#!/usr/bin/env bash
# Builds a wheel and runs the smoke test in a new environment: NumPy, SciPy and the wheel only, no
# compiler in PATH, away from the source tree.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf dist
python -m build --wheel --outdir dist --config-setting=build-dir=build/wheel .
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl
cp tests/test_smoke.py "$scratch/"
cd "$scratch"
if PATH="$scratch/venv/bin" command -v cc c++ gcc g++ clang; then
    echo "error: a compiler is in the test's PATH" >&2
    exit 1
fi
env -i HOME="$scratch" PATH="$scratch/venv/bin" "$scratch/venv/bin/python" -W error test_smoke.py
