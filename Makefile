# Everything runs in .venv from the locked, hashed requirements. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
WORKERS ?= 2

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found." >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.runtime: requirements/runtime.txt pyproject.toml | .venv/pyvenv.cfg
	@echo "Installing the locked dependencies ..."
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q fhir_service
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: install
install: .venv/.runtime ## .venv with the command fhir-service in it

.PHONY: install-dev
install-dev: .venv/.dev ## The same with the tools for tests and checks

.PHONY: up
up: install ## Load seeds/ and serve http://127.0.0.1:8000 (Ctrl-C stops it)
	@$(BIN)/fhir-service load seeds
	@exec $(BIN)/fhir-service serve

.PHONY: check
check: install-dev ## Format, lint, types, import direction
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: test
test: check ## Every check and test, on SQLite and PostgreSQL (what CI runs)
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup

.PHONY: coverage
coverage: install-dev ## The same tests, and the lines and branches that none of them reaches (half as long again)
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term

.PHONY: format
format: install-dev ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: openapi
openapi: install ## Write openapi/fhir-service.json anew
	@$(BIN)/fhir-service openapi > openapi/fhir-service.json

.PHONY: lock
lock: install-dev ## Resolve pyproject.toml into requirements/*.txt anew
	@$(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --no-header --quiet -o requirements/runtime.txt
	@$(BIN)/uv pip compile pyproject.toml --group build --group dev -c requirements/runtime.txt --universal --generate-hashes --no-header --quiet -o requirements/dev.txt
	@$(BIN)/uv pip compile requirements/bulk-clients.in --universal --generate-hashes --no-header --quiet -o requirements/bulk-clients.txt

.PHONY: clean
clean: ## Remove the environment and the local database
	rm -rf .venv var

.PHONY: test-long
test-long: install-dev ## The tests marked long, and property tests with new random examples each time
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m long
	@HYPOTHESIS_PROFILE=default $(BIN)/pytest -n $(WORKERS) --dist loadgroup -k "whatever or survive" tests/unit
	@HYPOTHESIS_PROFILE=default OPENAPI_CASES=3000 $(BIN)/pytest -n $(WORKERS) tests/api/test_openapi_schemathesis.py

.PHONY: test-npm
test-npm: install-dev ## FHIR clients from npm against the service (needs node and npm)
	@cd tests/clients/npm && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@FHIR_SERVICE_COMMAND=$(CURDIR)/$(BIN)/fhir-service node --test tests/clients/npm/

.PHONY: test-bulk-clients
test-bulk-clients: install-dev ## smart-fetch and cumulus-library from PyPI (in var/bulk-clients) against the service
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python var/bulk-clients
	@$(BIN)/uv pip sync --quiet --require-hashes --python var/bulk-clients/bin/python requirements/bulk-clients.txt
	@BULK_CLIENTS=$(CURDIR)/var/bulk-clients/bin $(BIN)/pytest -s -m long tests/clients/test_bulk_clients.py

.PHONY: bench
bench: install-dev ## Measure: every bench/*.py, its figures in bench/results/ and in one table
	@$(BIN)/python bench/run.py

.PHONY: bench-full
bench-full: install-dev ## The same at full size (a million resources and so on), which takes an hour or so
	@$(BIN)/python bench/run.py --full

.PHONY: performance
performance: install-dev ## Write docs/performance.md and its plots from the figures in bench/results/
	@$(BIN)/python scripts/write_performance.py

.PHONY: rules
rules: install-dev ## Write the lists of rules in docs/conformance anew
	@$(BIN)/python scripts/write_rest_rules.py
	@$(BIN)/python scripts/write_validation_rules.py

.PHONY: versions
versions: install ## Raise the version of every changed artifact of mappings/, and write versions.lock
	@$(BIN)/python scripts/raise_versions.py
