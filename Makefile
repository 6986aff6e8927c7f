# Works with GNU make 3.81, the one macOS has.

PYTHON ?= python3
VENV ?= .venv
# On Linux without a GPU: where to take PyTorch's CPU build from (README.md says); empty: where pip takes all else.
TORCH_INDEX_URL ?=
PYTEST_ARGS ?=

# One thread a process, since tests run side by side; no hub: everything the tests need comes with the packages. Compiled
# modules are kept, also where the surroundings say not to: each process that a test starts would compile them anew.
TEST_ENV = HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=

.PHONY: help setup demo loop test test-slow test-heavy check format docs wheel clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=python3.12 chooses the Python (3.11 to 3.13); VENV=.venv the environment's folder."

setup: ## make or repair the virtual environment
	@TORCH_INDEX_URL="$(TORCH_INDEX_URL)" sh scripts/setup_environment.sh "$(PYTHON)" "$(VENV)"

demo: setup ## audit the data set that comes with the package; prints a verdict and the path of the report
	@HF_HUB_OFFLINE=1 $(VENV)/bin/rewardsmith audit --dataset_name embedded/dialogues --output_dir runs/demo --overwrite

loop: setup ## improve a tiny policy in three rounds, true reward known; prints where the report is
	@HF_HUB_OFFLINE=1 $(VENV)/bin/rewardsmith iterate --config embedded/loop --output_dir runs/loop --overwrite

test: setup ## run the default tests (PYTEST_ARGS="-k name" chooses some)
	@$(TEST_ENV) $(VENV)/bin/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

test-slow: setup ## run the tests that take long: kills and resumes, several processes, a browser where there is one
	@$(TEST_ENV) $(VENV)/bin/python -m pytest -n 2 --dist worksteal -m "slow or distributed or browser" $(PYTEST_ARGS)

test-heavy: setup ## read 10,000 files of any content; kill each verb at every one of its writes
	@$(TEST_ENV) FUZZ_EXAMPLES=10000 KILL_STRIDE=1 $(VENV)/bin/python -m pytest -n 2 -m slow \
		tests/preferences/test_any_file.py tests/workflows/test_killed_writes.py $(PYTEST_ARGS)

check: setup ## formatting, lint, types, import layers, generated documentation
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(TEST_ENV) $(VENV)/bin/python -m pytest -q tests/test_architecture.py
	$(VENV)/bin/python scripts/generate_cli_docs.py --check

format: setup ## format the code and mend what the linter can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: setup ## write docs/cli.md anew from the options' docstrings
	$(VENV)/bin/python scripts/generate_cli_docs.py

wheel: setup ## build the wheel into dist/
	$(VENV)/bin/python -m pip wheel --no-build-isolation --no-deps --wheel-dir dist .

clean: ## remove the environment, built files and caches
	rm -rf "$(VENV)" build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/rewardsmith.egg-info
