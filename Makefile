# Every target sets up what it needs; `make` alone lists them. Python >= 3.10 and a C++20 compiler suffice.
PYTHON ?= python3
VENV ?= .venv
export PYTHON
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
export PATH := $(abspath $(BIN)):$(PATH)

RUNTIME := $(VENV)/.runtime-stamp
TOOLS := $(VENV)/.tools-stamp
DOCS_TOOLS := $(VENV)/.docs-tools-stamp
INSTALLED := $(VENV)/.installed-stamp
SOURCES := $(shell find cpp -path cpp/tests -prune -o -type f -print)
CPP_FILES := $(shell find cpp -name '*.cpp' -o -name '*.hpp')
TESTS_BUILD := build/cpp-tests

.PHONY: help demo pictures test cpp-test py-test bench scaling lint format sanitize lowest hooks docs wheel clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUNTIME): pyproject.toml tools/setup_venv.sh
	tools/setup_venv.sh $(VENV) build extras
	@touch $@

$(TOOLS): $(RUNTIME)
	tools/setup_venv.sh $(VENV) dev
	@touch $@

$(DOCS_TOOLS): $(TOOLS)
	tools/setup_venv.sh $(VENV) docs
	@touch $@

$(INSTALLED): $(RUNTIME) CMakeLists.txt $(SOURCES)
	$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

demo: $(INSTALLED) ## the published curves, a Monte Carlo check, and a real data set
	$(BIN)/entroprod demo

pictures: demo $(TOOLS) ## renew the pictures in README.md and on the first page of the documentation
	mkdir -p docs/images && cp demo/kalman.png docs/images/
	$(BIN)/python tools/pictures.py

test: lint cpp-test py-test ## lint, types, C++ tests, Python tests and every documented example

cpp-test: $(TOOLS)
	cmake --preset dev --log-level=WARNING
	cmake --build --preset dev
	ctest --preset dev

py-test: $(INSTALLED) $(TOOLS)
	$(BIN)/python -m pytest -p no:benchmark --numprocesses auto

bench: $(INSTALLED) $(TOOLS) ## measure, compare, and write the tables in README.md and bench/results
	$(BIN)/python -m bench

scaling: $(INSTALLED) $(TOOLS) ## how the time of sigma grows with the length of a sequence, and its picture
	$(BIN)/python -m bench.scaling

lint: $(INSTALLED) $(TOOLS) ## formatting, ruff, mypy --strict, and the stub file against the module
	ruff check
	ruff format --check
	clang-format --dry-run -Werror $(CPP_FILES)
	mypy
	MYPYPATH=python stubtest entroprod._core --allowlist tools/stubtest_allowlist.txt

format: $(TOOLS) ## format Python and C++ in place
	ruff check --fix-only
	ruff format
	clang-format -i $(CPP_FILES)

sanitize: $(TOOLS) ## C++ and Python tests under the address and undefined-behaviour sanitizers
	tools/sanitize.sh

lowest: ## Python tests on the lowest versions that pyproject.toml names (PYTHON=python3.10)
	tools/lowest.sh

hooks: $(TOOLS) ## check formatting, ruff and types at every commit
	pre-commit install

docs: $(INSTALLED) $(DOCS_TOOLS) ## build docs/_build/html, running every page
	sphinx-build --quiet --jobs auto --fail-on-warning --keep-going docs docs/_build/html
	$(BIN)/python tools/check_formulas.py docs/_build/html
	@echo "open docs/_build/html/index.html"

wheel: $(TOOLS) ## build a wheel and try it in an empty environment without a compiler
	tools/check_wheel.sh

clean: ## remove what the build has made (not the environment)
	rm -rf build dist demo docs/_build docs/jupyter_execute $(INSTALLED)
