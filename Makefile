# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
# Python compiles what it imports; to compile all that is installed takes a third of the time of installing.
QUIETLY := --quiet --disable-pip-version-check --no-compile

.PHONY: run quick test lint types contracts unit clean
.DELETE_ON_ERROR:

run: $(RUNS)  ## environment + main job: the paper's argument on simulated data (about 5 minutes on 2 cores)
	$(BIN)/wiringup run --launch processes:2

quick: $(RUNS)  ## the same, smaller (under a minute): all works, too small for the argument
	$(BIN)/wiringup run --quick

test: lint types contracts unit  ## lint, types, import contracts, tests

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

# Two workers with one thread each are faster on small tests than one worker with two threads.
unit: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2

# What tests need beside takes half as long again to install.
$(RUNS): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "wiringup needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(QUIETLY) "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e '.[netcdf,results,slurm]'
	touch $(RUNS)

$(READY): $(RUNS)
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
