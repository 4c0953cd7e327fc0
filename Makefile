# Everything works from a fresh clone with Python 3.11 or newer (with its venv module) and make.
# `make help` lists the targets. PYTHON chooses the interpreter that .venv is made with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 10 --constraint constraints.txt
INPUTS := pyproject.toml constraints.txt

# Options for pytest, for example: make test PYTEST_ARGS="-x tests/unit"; with "-n 0" all tests run in one process.
PYTEST_ARGS ?=
# Tests of servers mostly wait for them: two workers for each processor, but no more than four, as each starts database
# servers of its own. A file's tests stay together, because they share those, and files begin in the order of tests/conftest.py.
WORKERS = -n $(shell $(BIN)/python -c 'import os; print(min(4, 2 * (os.cpu_count() or 1)))') --dist loadfile --no-loadscope-reorder

.PHONY: help run test lint check bench soak format clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: $(VENV)/.installed  ## open the dashboard on the embedded demo
	@$(BIN)/aishell demo

test: $(VENV)/.installed-dev  ## run every test once, soaks apart
	$(BIN)/python -m pytest $(WORKERS) --durations 25 --durations-min 1 $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev  ## format check, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## lint and test

bench: $(VENV)/.installed-dev  ## measure and write benchmarks/RESULTS.md, or the tables of PARTS in it
	$(BIN)/python -m benchmarks $(PARTS)

soak: $(VENV)/.installed-dev  ## long searches and soaks
	$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "hypothesis and not soak" --hypothesis-profile=soak $(PYTEST_ARGS)

format: $(VENV)/.installed-dev  ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment, caches and builds
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A half-made environment is removed, so that the next call starts clean.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "aishell needs Python 3.11 or newer; choose one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }

# The build backend comes first and pinned too: pip's isolated builds do not look at constraints.
$(VENV)/.installed: $(INPUTS) | $(BIN)/python
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(INPUTS) | $(BIN)/python
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $(VENV)/.installed $@
