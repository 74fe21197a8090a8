# Everything needs only python3 (3.11 or newer) and make; the first target that runs sets up .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Compiled modules are kept, whatever the machine is set to: the tests start hundreds of interpreters.
export PYTHONDONTWRITEBYTECODE :=

NEWEST := .venv-newest
TESTS ?=

SEEDS ?= 2500
NIGHTLY_SEEDS ?= 20000
FROM ?= 0

# The rooms that start nothing and wait for nothing: under 20 s on two cores.
QUICK := model situation config report probes notices doctor engine journal/test_chain.py journal/test_tables.py

.PHONY: simulate-incidents demo test quick nightly newest screens lint types docs man bench ci clean

demo: $(READY)  ## the whole cycle on the built-in simulator
	@$(BIN)/hamr demo

test: $(READY)  ## every test but what is nightly
	@$(BIN)/python -m pytest

quick: $(READY)  ## the tests of the pure rooms
	@$(BIN)/python -m pytest -q $(addprefix tests/,$(QUICK))

nightly: $(READY)  ## what takes too long for every change: NIGHTLY_SEEDS=20000 incidents from FROM on, what is marked nightly, the newest dependencies
	@$(BIN)/python -m tests.incidents --seeds $(NIGHTLY_SEEDS) --from $(FROM)
	@$(BIN)/python -m pytest -m "nightly or hypothesis" --hypothesis-profile nightly
	@$(MAKE) --no-print-directory newest

# Nothing is locked here: it is made anew each time, and shows what a fresh installation would get.
newest:  ## every test, with the newest versions that pyproject.toml allows, in a venv of its own
	@$(PYTHON) -m venv --clear $(NEWEST)
	@$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --editable . --group dev
	@$(NEWEST)/bin/python -m pytest $(TESTS)

screens: $(READY)  ## write the pages that the tests keep anew; git diff then shows what people get to see
	@$(BIN)/python -m tests.report.test_screens && $(BIN)/python -m tests.report.test_forms

lint: $(READY)  ## ruff: every rule considered, and the formatter; and which room imports which
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-logo --no-cache

types: $(READY)  ## mypy --strict
	@$(BIN)/mypy

docs: $(READY)  ## documented commands, flags, codes and kinds are the real ones
	@$(BIN)/python -m pytest -q -n 0 tests/docs

man: $(READY)  ## the manual page, of every command's own help: build/hamr.1
	@mkdir -p build && $(BIN)/python -m tests.docs.man > build/hamr.1

bench: $(READY)  ## speeds and sizes, as ratios
	@$(BIN)/python -m tests.bench

simulate-incidents: $(READY)  ## incidents drawn from seeds, every invariant checked: SEEDS=N FROM=SEED
	@$(BIN)/python -m tests.incidents --seeds $(SEEDS) --from $(FROM)

ci:  ## what must hold before a change lands, one after the other; the tests and their closing line last
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory docs
	@$(MAKE) --no-print-directory demo
	@$(MAKE) --no-print-directory simulate-incidents
	@$(MAKE) --no-print-directory test

clean:
	rm -rf $(VENV) $(NEWEST) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

# Locked: every package with its version and hashes, the build backend included; nothing is resolved here.
$(READY): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hamr needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=..."; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .ci/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(READY)
