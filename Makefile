# Everything a person does with this repository. `make` alone lists the targets.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 4
HAPROXY ?=
SUITE ?= sid

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH_VENV := .venv-bench
LOCK_VENV := .venv-lock
# The peers' wheels (nginx, Envoy, ...) stay out of haloy's own environment.
PEERS := $(if $(wildcard bench/requirements.lock),$(BENCH_VENV)/.installed)
UV_VERSION := 0.13.8
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK_VENV)/bin/uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url $(ARGS)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Compiled modules are kept wherever this is set: the tests start many interpreters, and each would compile all of haloy.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run test proof haproxy3 lint generate bench e2e cluster-up cluster-down image image-lock lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## make the environment in .venv from the lock file (PYTHON=python3.12 chooses another Python)
	@echo "haloy is installed: $(BIN)/haloy --help"

run: $(INSTALLED) ## serve examples/quickstart with its demo upstreams (ARGS="--http 127.0.0.1:8000" adds flags)
	@$(BIN)/haloy serve examples/quickstart --demo $(ARGS)

test: $(INSTALLED) ## run every test that needs no cluster (ARGS="-k tls", WORKERS=2, HAPROXY=PATH for another HAProxy)
	$(if $(HAPROXY),HALOY_TEST_HAPROXY=$(HAPROXY) )$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not proof" $(ARGS)

proof: $(INSTALLED) ## keep the promises about changes under load at full length, one after the other (a few minutes)
	$(BIN)/python -m pytest -m proof -v $(ARGS)

haproxy3: ## get a newer Debian suite's HAProxy, not installed, and print its path (SUITE=trixie, ...)
	@$(PYTHON) tests/haproxy3/get.py $(SUITE)

lint: $(INSTALLED) ## check format, style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

generate: $(INSTALLED) ## write crds/, docs/reference/ and docs/reloads.md from the code
	$(BIN)/python -m haloy.cli.generate $(ARGS)

bench: $(INSTALLED) $(PEERS) ## measure CPU per request, by kind of rule too, and large directories (ARGS: python -m bench's)
	$(BIN)/python -m bench $(ARGS)
	$(BIN)/python -m bench.rules
	$(BIN)/python -m bench.scale

e2e: $(INSTALLED) ## run the tests that need a Kubernetes: one of our own, or KUBECONFIG_E2E's (first build: minutes)
	$(BIN)/python -m pytest e2e $(ARGS)

cluster-up: $(INSTALLED) ## start a Kubernetes, print the export lines for kubectl (NODE=1 runs pods, as root; NAME=x: one more)
	@$(BIN)/python -m e2e.cluster up $(if $(NODE),--node) $(if $(NAME),--name $(NAME))

cluster-down: $(INSTALLED) ## stop it; nothing of it stays
	@$(BIN)/python -m e2e.cluster down $(if $(NAME),--name $(NAME))

image: $(INSTALLED) ## write dist/haloy-VERSION.oci.tar for docker load, ctr, skopeo (ARGS: python -m image's)
	@$(BIN)/python -m image $(ARGS)

image-lock: $(INSTALLED) ## write image/debian.lock anew, with the Debian packages of today
	@$(BIN)/python -m image --relock $(ARGS)

lock: ## write the lock files anew from pyproject.toml (ARGS=--upgrade takes newer versions)
	@$(require-python)
	@test -x $(LOCK_VENV)/bin/uv || $(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip install --quiet uv==$(UV_VERSION)
	$(COMPILE) --extra haproxy -o requirements.lock pyproject.toml
	$(COMPILE) --extra haproxy --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	@if test -f bench/requirements.in; then $(COMPILE) -o bench/requirements.lock bench/requirements.in; fi

clean: ## remove the environments and every cache
	rm -rf $(VENV) $(BENCH_VENV) $(LOCK_VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find operator tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

define require-python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "haloy needs Python 3.11 or newer; choose one with: make install PYTHON=/path/to/python3" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "This Python has no venv. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
endef

# The stamp is written last, so that an install that was cut short is done again.
$(INSTALLED): pyproject.toml requirements-dev.lock
	@$(require-python)
	@$(BIN)/python -c 'import pip' 2>/dev/null || { echo "Making $(VENV) ..."; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the locked packages (about half a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(BENCH_VENV)/.installed: bench/requirements.lock
	@$(require-python)
	@$(BENCH_VENV)/bin/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --require-hashes -r bench/requirements.lock
	@touch $@
