# Bare `make` lists the tasks. Every task makes the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
FLUX ?=
FLUX_LOCAL ?=
# Most tests wait for a server; those that share one stay together (tests/conftest.py).
WORKERS ?= 2
SIDE_BY_SIDE := -n $(WORKERS) --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help venv demo test check format real test-real bench docs lock clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyflux needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@# as an installed package would be: without compiled modules each command takes twice as long to start
	@$(BIN)/python -m compileall -q pyflux
	@touch $(STAMP)

venv: $(STAMP) ## make the virtual environment

demo: $(STAMP) ## the whole GitOps day on an embedded cluster; leaves ./demo to play with
	@$(BIN)/pyflux sandbox demo --dir demo

test: $(STAMP) ## unit, command-line and sandbox tests
	$(BIN)/pytest -q tests -m "not real" $(SIDE_BY_SIDE)

check: $(STAMP) ## format, lint, types, layers, fresh docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pyflux.cli.docs --check docs/commands

format: $(STAMP) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## write the command reference
	$(BIN)/python -m pyflux.cli.docs docs/commands

real: ## build the real servers (needs Go 1.26)
	$(MAKE) -C tests/real all

test-real: $(STAMP) ## end-to-end tests on the real servers
	$(BIN)/pytest -q tests -m real $(SIDE_BY_SIDE)

bench: $(STAMP) ## measure; FLUX=/path/to/flux and FLUX_LOCAL=… put those beside
	$(BIN)/python bench/run.py $(if $(FLUX),--flux $(FLUX))
	$(BIN)/python bench/render.py $(if $(FLUX),--flux $(FLUX)) $(if $(FLUX_LOCAL),--flux-local $(FLUX_LOCAL))
	$(BIN)/python bench/sandbox.py

lock: $(STAMP) ## pin the newest allowed versions in requirements.lock
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --all-extras --group dev -o requirements.lock pyproject.toml

clean: ## remove what the tasks made
	rm -rf $(VENV) demo dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
