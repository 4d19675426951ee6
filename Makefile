# The two commands of the README are `make benchmark` and `make test`. Everything is installed into this checkout,
# but for Debian's packages, which need root.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
ARGS ?=
# Processes that test side by side; more than two of them only once the longest tests are done (tests/conftest.py).
JOBS ?= 3
INVENTORY ?= inventory/local
HOSTS ?= $(ZK_LOCUST_HOSTS)
LAB ?=
STEP ?= 5
WORKERS ?= 7
BENCHMARK ?= locust_cost

.PHONY: help benchmark starter-kit test install install-dev lint lint-python lint-ansible unit integration fleet browser measure system-packages lab-packages test-packages lab-up lab-down lab-status teardown lock docs clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

benchmark: install ## a real ensemble and a load on this machine, to a report; ARGS='-e benchmark_run_time=10s'
	@$(BIN)/ansible-playbook playbooks/benchmark.yml -i $(INVENTORY) $(ARGS)

starter-kit: install ## every locustfile for STEP seconds, headless; HOSTS=127.0.0.1:2181 or ZK_LOCUST_HOSTS [STEP=5] [WORKERS=7]
	@WORKERS="$(WORKERS)" tools/run-starter-kit $(BIN)/locust out "$(STEP)" "$(HOSTS)"

teardown: install ## remove what the benchmark has made: processes, data, configuration
	@$(BIN)/ansible-playbook playbooks/teardown.yml -i $(INVENTORY) $(ARGS)

install: $(VENV)/.runtime ## the environment that benchmarks run in

install-dev: $(VENV)/.dev ## what linters and tests need on top

$(VENV)/.python: tools/make-venv
	@tools/make-venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements/runtime.txt pyproject.toml
	@echo "Installing the pinned requirements into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing what the tests need …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

system-packages: ## Debian's packages that the tests need (root)
	@tools/install-test-packages

test: $(VENV)/.python ## linters and all tests; [JOBS=3] of them side by side
	@# The index of Python and the archive of Debian are asked at the same time; making the environment may use apt itself.
	@$(MAKE) --no-print-directory --jobs 2 install-dev test-packages
	@# The lab's root file systems are made meanwhile, and wheels gathered; the tests that need them wait for them.
	@if [ "$$(id -u)" -eq 0 ]; then { $(BIN)/python -m lab image && $(BIN)/python -m lab wheels; } >.lab-images.log 2>&1 & fi
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint
	@$(BIN)/python -m pytest --numprocesses $(JOBS)

lint: lint-python lint-ansible ## ruff, mypy, ansible-lint, yamllint

lint-python: install-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lint-ansible: install-dev
	@$(BIN)/yamllint --strict .
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint -q

unit: install-dev ## the tests that need nothing and take seconds
	@$(BIN)/python -m pytest tests/unit

integration: install-dev system-packages ## the tests with real ZooKeeper servers
	@$(BIN)/python -m pytest tests/integration

fleet: install-dev lab-packages ## the tests on the lab's hosts, over SSH (root)
	@$(BIN)/python -m pytest tests/fleet

browser: install-dev system-packages ## the tests that look at pages in Chromium
	@$(BIN)/python -m pytest tests/browser

measure: install-dev system-packages ## a benchmark of the project's own parts, next to a rival; BENCHMARK=locust_cost, or load for several
	@$(BIN)/python -m benchmarks.$(BENCHMARK) $(ARGS)

lab-packages:
	@tools/install-lab-packages

test-packages: # one after the other: apt has a lock
	@tools/install-test-packages
	@tools/install-lab-packages

lab-up: install lab-packages ## make real hosts on this machine, and inventory/lab (root); LAB='--members 5 --observers 1'
	@$(BIN)/python -m lab up $(LAB)

lab-down: install ## remove every trace of them; LAB='--images' removes the cached root file systems too
	@$(BIN)/python -m lab down $(LAB)

lab-status: install ## say which of the lab's hosts answer
	@$(BIN)/python -m lab status $(LAB)

docs: install ## write docs/parameters.md from the table of parameters
	@$(BIN)/zk-locust parameters > docs/parameters.md

lock: install-dev ## pin the newest requirements for every Python from 3.11 on, with hashes
	@for set in runtime dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header requirements/$$set.in -o requirements/$$set.txt || exit 1; done
	@$(BIN)/uv pip compile --quiet --upgrade --universal --only-binary :all: --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header -c requirements/runtime.txt requirements/load_host.in -o requirements/load_host.txt

clean: ## remove the environment and what tools have cached; results stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
