# One command per need. `make help` lists them; nothing here needs Docker, a cluster or root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
PYTEST_ARGS ?=
# Arguments for the reconcile benchmark: make bench BENCH_ARGS="--full"
BENCH_ARGS ?=
SEED ?=
MINUTES ?= 10

# uv when it is there, because it is faster; otherwise what Python brings along.
ifneq ($(UV),)
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
PIP_INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

SOURCES := kaiwuctl runtime templates pyproject.toml hatch_build.py README.md LICENSE

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets.
	@awk 'BEGIN {FS = ":.*## "; printf "Usage: make <target>\n\n"} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ The two commands of the README

.PHONY: demo
demo: $(VENV)/.wheels ## Scaffold an operator, run it against a real API server, show it reconcile.
	@$(BIN)/kaiwuctl envtest setup
	@$(BIN)/python docs/demo.py

.PHONY: test
test: $(VENV)/.wheels ## Run every test, the ones against a real API server included.
	$(BIN)/kaiwuctl envtest setup
	KAIWU_TEST_WHEEL=1 $(BIN)/pytest $(PYTEST_ARGS)

.PHONY: coverage
coverage: $(VENV)/.wheels ## Run every test and report which lines of the runtime none of them reaches; fails below the floor.
	$(BIN)/kaiwuctl envtest setup
	KAIWU_TEST_WHEEL=1 $(BIN)/pytest --cov=kaiwu_runtime --cov-report=term:skip-covered $(PYTEST_ARGS)

##@ On a cluster: the current kubeconfig's, see CONTRIBUTING.md

.PHONY: e2e-seed
e2e-seed: $(VENV)/.wheels ## Go from kaiwuctl init to a manager pod that runs, on a cluster.
	PATH="$(CURDIR)/$(BIN):$$PATH" tests/e2e/seed.sh

.PHONY: test-e2e
test-e2e: $(VENV)/.wheels ## Test the image and the deployed operator, on a cluster.
	KAIWU_E2E=1 PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest tests/e2e $(PYTEST_ARGS)

##@ While developing

.PHONY: dev
dev: $(VENV)/.tools ## Install both distributions editable, for quick `pytest` runs.
	$(PIP_INSTALL) -c constraints.txt -e runtime -e .
	@rm -f $(VENV)/.wheels

.PHONY: lint
lint: $(VENV)/.wheels ## Run ruff, mypy and the import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

.PHONY: fmt
fmt: $(VENV)/.tools ## Format and fix what ruff can.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/.wheels ## Regenerate the documents that come from the code.
	$(BIN)/python docs/generate_cli.py

.PHONY: example
example: $(VENV)/.wheels ## Regenerate generated-example/ and the golden trees.
	$(BIN)/python tests/templates/regenerate.py

.PHONY: bench
bench: $(VENV)/.wheels ## Print the command-line timings, and measure reconciling side by side with other runtimes.
	$(BIN)/python benchmarks/cli.py
	$(BIN)/python -m benchmarks.reconcile $(BENCH_ARGS)

.PHONY: soak
soak: $(VENV)/.wheels ## Put an operator behind random faults for MINUTES=10; SEED=n repeats a run's.
	$(BIN)/kaiwuctl envtest setup
	$(BIN)/python -m tests.runtime.faults.soak $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES)

.PHONY: build
build: $(VENV)/.tools ## Build both wheels into dist/.
	@rm -rf dist
	cd runtime && ../$(BIN)/hatchling build --target wheel --directory ../dist
	$(BIN)/hatchling build --target wheel --directory dist

.PHONY: dist
dist: build ## Build what a release publishes into dist/: both wheels and both source distributions.
	cd runtime && ../$(BIN)/hatchling build --target sdist --directory ../dist
	$(BIN)/hatchling build --target sdist --directory dist

.PHONY: clean
clean: ## Remove the virtual environment and everything built.
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Stamps: the tools once, the wheels whenever a source file changed. Tests run what a user installs, the wheels.
$(VENV)/.tools: constraints.txt pyproject.toml runtime/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up $(VENV)"
	@$(MAKE_VENV)
	@$(PIP_INSTALL) -r requirements-dev.txt -c constraints.txt
	@touch $@

# find and not prerequisites, because the templates' file names have spaces and braces in them.
.PHONY: FORCE
FORCE:

$(VENV)/.wheels: $(VENV)/.tools FORCE
	@if [ ! -e $@ ] || [ -n "$$(find $(VENV)/.tools $(SOURCES) -newer $@ -not -path '*/__pycache__*' -print | head -n 1)" ]; then \
	  echo "Building and installing the wheels" && \
	  $(MAKE) --no-print-directory build >/dev/null && \
	  $(PIP_INSTALL) -c constraints.txt dist/*.whl && \
	  $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl && \
	  touch $@; \
	fi
