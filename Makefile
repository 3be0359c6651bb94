# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
# Each prepares what it needs first (see tools/setup.sh).

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup demo test lint unit property integration simulation browser e2e vm vm-quick test-vm \
	test-delivered nightly bench generate dist clean

help: ## Show the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  \1: /p' $(MAKEFILE_LIST)

.venv/.ready: pyproject.toml constraints.txt debian-packages.txt tools/setup.sh
	tools/setup.sh

setup: .venv/.ready ## Install what is needed into .venv

demo: setup ## See the agent place pods on a 32-cpu machine, without a cluster
	$(BIN)/python -m nodesim.demo

test: lint unit property integration simulation browser e2e vm-quick ## Run every tier

lint: setup ## Style, types, import contracts, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python tools/generate_messages.py --check

unit: setup ## Tests of each module
	$(PYTEST) tests/unit

property: setup ## State machines and properties against slow obvious models
	$(PYTEST) tests/property
	$(BIN)/python fuzz/fuzz_session.py --rounds 2000 --seed 1

nightly: setup ## The same with 20,000 examples for each property that does not say how many
	HYPOTHESIS_PROFILE=nightly $(PYTEST) --timeout 7200 tests/property

integration: setup ## The daemon against a small runtime over a real socket
	$(PYTEST) tests/integration

simulation: setup ## The agent on simulated hosts: storms, faults, and deliberate bugs
	$(PYTEST) tests/simulation

browser: setup ## The page in a real browser; pictures are kept in .cache/screenshots
	$(PYTEST) tests/browser

e2e: setup ## The daemon under a real containerd (needs root; fetches Debian packages)
	$(BIN)/python -m tests.e2e.packages
	$(PYTEST) tests/e2e

vm: setup ## A shell in a virtual node with 20 cpus, containerd and the agent
	@$(BIN)/python -m tests.vm.shell

vm-quick: setup ## The short profile of the tests in a virtual node, on one containerd
	$(PYTEST) tests/vm -m quick --vm-containerd containerd-2.1

test-vm: setup ## All tests of the agent in a virtual node, on both containerds
	$(PYTEST) tests/vm --ignore tests/vm/delivered

test-delivered: setup ## The chart's pod and the executable in a virtual node, on both containerds
	$(PYTEST) tests/vm/delivered

bench: setup ## Handler cost, waits in a storm, start-up time, memory
	$(BIN)/python -m bench

generate: setup ## Regenerate the message classes, and what follows from chart and settings
	$(BIN)/python tools/generate_messages.py
	$(BIN)/python tools/reference_pages.py
	$(BIN)/python tools/generate_dashboard.py
	$(BIN)/python tools/generate_chart.py

dist: setup ## Build wheel, sdist, executable, chart, bill of materials and checksums into dist/
	$(BIN)/python -m tools.release

clean: ## Remove what the other targets made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
