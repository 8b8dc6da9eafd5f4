# The commands of this project. `make help` lists them.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
# Where there is no folder for the user's sockets and locks, ours serves: /tmp would be shared with other users.
export XDG_RUNTIME_DIR ?= $(CURDIR)/var/run
# Tests that need a real hub get it from here: make contract HUB=... USER=... PASSWORD=...
HUB ?=
PASSWORD ?=
# More words for pytest: make test ARGS="-k reuse -x", or ARGS=tests/mbs/model/test_nsvc.py::test_... for just these.
ARGS ?=
CHOSEN := $(filter tests/%,$(ARGS))

.PHONY: help setup install clients demo test check bench contract lock stop clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing for development: system packages, .venv
	@tools/setup.sh

install: ## Install what a machine of the service needs in production, and no more
	@tools/setup.sh --service

clients: setup
	@tools/setup.sh --clients

demo: setup ## Build modules on this machine, with an embedded Koji hub, and show it
	@$(BIN)/python -m tools.demo

# The stories of the whole service come last and alone: they share one Airflow, and need the machine for themselves.
# The others wait more than they compute: three processes keep two cores busy. Exit code 5 is pytest's for ARGS that
# choose no test of a part.
test: clients ## Run the tests
ifneq ($(CHOSEN),)
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/e2e $(ARGS) || test $$? = 5
	@$(BIN)/python -m pytest tests/e2e $(ARGS) || test $$? = 5
endif

check: setup ## Lint, types, import contracts, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1
	@$(BIN)/codespell

bench: setup ## Measure what docs/benchmarks.md shows
	@$(BIN)/python -m tools.bench

contract: setup ## Run the hub stories against any hub: HUB=http://... USER=mbs PASSWORD=...
	@test -n "$(HUB)" || { echo "make contract: say which hub: HUB=http://host/kojihub USER=mbs PASSWORD=..." >&2; exit 2; }
	@$(BIN)/python -m pytest $(if $(CHOSEN),,tests/contract) --hub "$(HUB)" --hub-user "$(USER)" --hub-password "$(PASSWORD)" $(ARGS)

lock: setup ## Write requirements.txt anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.txt --upgrade

stop: ## Stop everything that `make demo` started
	@test ! -e .venv/laptop.stamp || $(BIN)/python -m tools.stack stop

clean: stop ## Stop, and remove everything generated
	@rm -rf var .venv *.egg-info
