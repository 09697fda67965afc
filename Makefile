# `make demo` shows the product at work, `make test` tests it; both set up all they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo none)

export PYTHONUNBUFFERED := 1

.PHONY: help setup demo test unit e2e lint prove bench engine down wheel lock clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 16

setup: $(READY) ## the virtual environment in .venv, with labgrade in it

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "installing python3-venv, which Debian keeps apart"; apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null; }
	@echo "setting up $(VENV) (under a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## a practice cluster, a lab started, graded wrong and graded right
	@$(BIN)/python -m images up
	@$(BIN)/python -m labgrade.demo

test: lint unit e2e ## everything: lint, types, unit tests, end-to-end tests on kind clusters

lint: $(READY) ## style, types, and who may import whom
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@$(BIN)/pyright --warnings
	@$(BIN)/lint-imports --no-cache

unit: $(READY) ## tests without a cluster: seconds
	@$(BIN)/pytest tests -m 'not e2e' -q

e2e: $(READY) ## tests on kind clusters, and a share of the proofs that the commit picks
	@LABGRADE_PROOF_SEED=$(COMMIT) $(BIN)/python -m images run -- $(BIN)/pytest tests -m e2e -v --tb=short

prove: $(READY) ## proves every answer of every lab
	@$(BIN)/python -m images run -- $(BIN)/labgrade prove --all

bench: $(READY) ## the figures that labgrade claims, beside what people use today
	@$(BIN)/python -m images run -- $(BIN)/python -m benchmarks

engine: $(READY) ## only where there is no Docker: set up and start a container engine
	@$(BIN)/python -m images up

down: $(READY) ## remove the practice cluster, and stop the engine if it is ours
	@$(BIN)/labgrade down || true
	@$(BIN)/python -m images down

wheel: $(READY) ## what a release installs, with the probe's image for two architectures in it; needs Go
	@$(BIN)/python -m images probe
	@$(BIN)/python -m hatchling build --target wheel

lock: ## choose the newest versions of all dependencies and pin them
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev pyproject.toml --output-file requirements.lock

clean: ## remove the virtual environment; caches stay
	@rm -rf $(VENV)
