#!/usr/bin/env bash
# The Python tests on the lowest versions that pyproject.toml names, with a wheel, in an environment of
# its own. $PYTHON should be the lowest that is supported: newer ones have no wheels of old packages.
# Arguments go to pytest: tools/lowest.sh tests/series
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/lowest-venv
rm -rf "$venv" build/lowest-wheel
"${PYTHON:-python3}" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet --upgrade 'pip>=25.1' tomli
"$venv/bin/python" tools/lowest.py >build/lowest.txt
cat build/lowest.txt
pip wheel --quiet --no-deps --wheel-dir build/lowest-wheel .
pip install --quiet --constraint build/lowest.txt --group extras --group test build/lowest-wheel/*.whl
"$venv/bin/python" -m pytest -p no:cacheprovider -p no:benchmark --numprocesses auto "${@:-tests}"
