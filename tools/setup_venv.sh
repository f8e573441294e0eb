#!/usr/bin/env bash
# Creates the virtual environment $1 (when missing) and installs the dependency groups $2... of pyproject.toml into it.
set -euo pipefail
venv=$1
shift
base=${PYTHON:-python3}

if ! command -v "$base" >/dev/null; then
    echo "error: '$base' was not found; install Python >= 3.10, or name one: make PYTHON=python3.12" >&2
    exit 1
fi
if ! "$base" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "error: Python >= 3.10 is wanted, '$base' is $("$base" --version); name another: make PYTHON=python3.12" >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
    if "$base" -c 'import venv, ensurepip' 2>/dev/null; then
        "$base" -m venv "$venv"
    elif "$base" -m virtualenv --version >/dev/null 2>&1; then
        "$base" -m virtualenv --quiet "$venv"
    else
        echo "error: '$base' has no venv/ensurepip module (on Debian: apt install python3-venv)" >&2
        echo "       nor virtualenv (python3 -m pip install --user virtualenv); one of them is needed" >&2
        exit 1
    fi
fi
echo "setting up $venv: $* (see [dependency-groups] in pyproject.toml)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
groups=()
for group in "$@"; do groups+=(--group "$group"); done
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${groups[@]}"
