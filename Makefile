# `make benchmark` and `make test` are the main targets. Everything is installed into this checkout, except Debian
# packages, which need root.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
ARGS ?=
# Test processes in parallel. The third one starts when the longest tests are done (tests/conftest.py).
JOBS ?= 3
INVENTORY ?= inventory/local
HOSTS ?= $(ZK_LOCUST_HOSTS)
LAB ?=
STEP ?= 5
WORKERS ?= 7
BENCHMARK ?= locust_cost

.PHONY: help benchmark starter-kit test install install-dev lint lint-python lint-ansible unit integration fleet browser measure system-packages lab-packages test-packages lab-images lab-up lab-down lab-status teardown lock docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

benchmark: install ## run an ensemble and a load, and write a report; ARGS='-e benchmark_run_time=10s'
	@$(BIN)/ansible-playbook playbooks/benchmark.yml -i $(INVENTORY) $(ARGS)

starter-kit: install ## run every locustfile of the starter kit; HOSTS=127.0.0.1:2181 [STEP=5, in seconds] [WORKERS=7]
	@WORKERS="$(WORKERS)" tools/run-starter-kit $(BIN)/locust out "$(STEP)" "$(HOSTS)"

teardown: install ## remove the processes, data and configuration of `benchmark`
	@$(BIN)/ansible-playbook playbooks/teardown.yml -i $(INVENTORY) $(ARGS)

install: $(VENV)/.runtime ## make the environment that benchmarks run in

install-dev: $(VENV)/.dev ## add to it what linters and tests need

$(VENV)/.python: tools/make-venv
	@tools/make-venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements/runtime.txt pyproject.toml
	@echo "Installing the pinned requirements into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing the requirements of the tests …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

system-packages: ## install the Debian packages of the tests (root)
	@tools/install-packages tests

test: $(VENV)/.python ## run the linters and all tests; [JOBS=3] in parallel
	@# pip and apt download at the same time. The environment is made before, because that may use apt too.
	@$(MAKE) --no-print-directory --jobs 2 install-dev lab-images
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint
	@# Hundreds of short processes load the project's modules: what was compiled is kept, also where that is switched off.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(JOBS)

lint: lint-python lint-ansible ## run ruff, mypy, ansible-lint and yamllint

lint-python: install-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lint-ansible: install-dev
	@$(BIN)/yamllint --strict .
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint -q

unit: install-dev ## run the tests that need neither servers nor root
	@$(BIN)/python -m pytest tests/unit

integration: install-dev system-packages ## run the tests with real ZooKeeper servers
	@$(BIN)/python -m pytest tests/integration

fleet: install-dev lab-packages ## run the tests on the lab's hosts (root)
	@$(BIN)/python -m pytest tests/fleet

browser: install-dev system-packages ## run the tests of pages in Chromium
	@$(BIN)/python -m pytest tests/browser

measure: install ## measure a part of the project beside a rival; BENCHMARK=locust_cost, or load for several [ARGS=--help]
	@tools/install-packages benchmarks
	@$(BIN)/python -m benchmarks.$(BENCHMARK) $(ARGS)

lab-packages:
	@tools/install-packages lab

test-packages:
	@tools/install-packages tests lab

# In the background, beside what follows. Tests that need root file systems or wheels wait for them.
lab-images: $(VENV)/.runtime test-packages
	@if [ "$$(id -u)" -eq 0 ]; then { $(BIN)/python -m lab image && $(BIN)/python -m lab wheels; } >.lab-images.log 2>&1 & fi

lab-up: install lab-packages ## make real hosts on this machine, and inventory/lab (root); LAB='--members 5 --observers 1'
	@$(BIN)/python -m lab up $(LAB)

lab-down: install ## remove these hosts (root); LAB='--images' also removes the cached root file systems
	@$(BIN)/python -m lab down $(LAB)

lab-status: install ## show which of these hosts answer
	@$(BIN)/python -m lab status $(LAB)

docs: install ## write docs/parameters.md
	@$(BIN)/zk-locust parameters > docs/parameters.md

lock: install-dev ## pin the newest requirements, with hashes
	@for set in runtime dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header requirements/$$set.in -o requirements/$$set.txt || exit 1; done
	@$(BIN)/uv pip compile --quiet --upgrade --universal --only-binary :all: --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header -c requirements/runtime.txt requirements/load_host.in -o requirements/load_host.txt

clean: ## remove the environment and caches; results stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
