# What one does with a clone. Needs Python, a C++ compiler and make; the rest is fetched.
#
#   make PYTHON=python3.12 test    uses another Python than python3 for .venv

PYTHON ?= python3
JOBS ?= $(shell nproc)
BIN := $(CURDIR)/.venv/bin
STAMPS := build/stamps

PACKAGE_SOURCES := $(shell find loadgen bindings -name '*.so' -prune -o -name '*.py[co]' -prune \
                     -o -type f -print) \
                   CMakeLists.txt $(wildcard cmake/*) mlperf.conf pyproject.toml setup.py VERSION
CXX_FILES = $(shell find $(wildcard loadgen bindings demos tests benchmarks) -name '*.h' -o -name '*.cc')
# The sanitizers need the usual memory layout, which kernels that randomise more bits do not give.
FIXED_LAYOUT = $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)

.PHONY: help demo test test-cpp test-python sanitize bench lint format clean gtest

help:  ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: $(STAMPS)/demos  ## Run the classification benchmark
	$(BIN)/python demos/classification/main.py

test: test-cpp test-python  ## Build with warnings as errors and run all tests

test-cpp: $(STAMPS)/tools gtest  ## Build and run the C++ tests
	$(BIN)/cmake --preset dev
	$(BIN)/cmake --build --preset dev -j $(JOBS)
	$(BIN)/ctest --preset dev -j $(JOBS)

test-python: $(STAMPS)/package  ## Install the package and run the Python tests
	PATH="$(BIN):$$PATH" $(BIN)/python -m pytest

sanitize: $(STAMPS)/tools gtest  ## Run the C++ tests under the sanitizers
	set -e; for preset in asan-ubsan tsan; do \
	  $(BIN)/cmake --preset $$preset; \
	  $(FIXED_LAYOUT) $(BIN)/cmake --build --preset $$preset -j $(JOBS); \
	  $(FIXED_LAYOUT) $(BIN)/ctest --preset $$preset -j $(JOBS); \
	done

bench: $(STAMPS)/package  ## Measure the speed of the load generator on this machine
	PATH="$(BIN):$$PATH" $(BIN)/python benchmarks/run.py

lint: $(STAMPS)/tools  ## Check formatting, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy bindings/python/mlperf_loadgen demos benchmarks
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)

format: $(STAMPS)/tools  ## Format all sources
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FILES)

clean:  ## Delete what was built
	rm -rf build .venv demo_logs demos/classification/cache .mypy_cache .pytest_cache .ruff_cache \
	  .hypothesis

gtest:
	@if ! echo '#include <gtest/gtest.h>' | $(CXX) -E -x c++ - >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update && apt-get install -y libgtest-dev; \
	  else \
	    echo "GoogleTest is missing; install it: sudo apt-get install -y libgtest-dev" >&2; exit 1; \
	  fi; \
	fi

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(STAMPS)/tools: requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: $(PACKAGE_SOURCES) $(STAMPS)/tools
	$(BIN)/pip install --config-settings=cmake.define.LOADGEN_WERROR=ON .
	@touch $@

$(STAMPS)/demos: $(PACKAGE_SOURCES) | $(BIN)/python
	$(BIN)/pip install '.[demos]'
	@mkdir -p $(STAMPS) && touch $@
