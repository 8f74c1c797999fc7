# The two commands are `make run` and `make test`; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test test-chaos test-year quick lint types golden lock clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

install: .venv/run.stamp ## Build .venv with the baton command in it

install-dev: .venv/dev.stamp ## The same, with what tests and checks need

.venv/run.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Baton needs Python 3.11 or newer; set PYTHON=… to one"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.txt
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

run: install ## Start Baton on this machine; a first run plays a short story with sandbox vendors
	$(BIN)/baton run

test: install-dev ## Every test, on SQLite and on a real PostgreSQL
	@sh tests/chromium.sh
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not process and not chaos"
	$(BIN)/python -m pytest -m "process and not chaos"  # one at a time: they measure how soon processes recover

test-chaos: install-dev ## The long runs: hundreds of kills, crashes and outages (about an hour)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m chaos tests/chaos
	BATON_ORDER_EXAMPLES=2000 $(BIN)/python -m pytest -n 2 tests/jobs/test_order.py

test-year: install-dev ## A simulated year of 5,000 people, in ten parts on both databases (some hours)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m chaos tests/year

quick: install-dev ## The tests that need no processes and no browser
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not process and not browser and not chaos"

lint: install-dev ## Style and common mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev ## Type check
	$(BIN)/mypy

golden: install-dev ## Rewrite the golden files of the samples; read the diff
	BATON_GOLDEN=write $(BIN)/python -m pytest tests/adapters/test_samples.py

lock: ## Pin all requirements anew (needs uv)
	uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --upgrade --quiet -o requirements.txt
	uv pip compile pyproject.toml --extra build --extra dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet -o requirements-dev.txt

clean: ## Remove the environment and caches, not your data in var/
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build *.egg-info
