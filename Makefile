# A fresh machine needs Python 3.11+ and make. Each target sets up .venv by itself from the locks in deploy/locks/,
# whose hashes pip checks; a set that is already there is not installed again.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

# Options of one call, for example: make test PYTEST_ARGS="-n 0 -x tests/domain"
DEMO_ARGS ?=
PYTEST_ARGS ?= -n 3 --dist loadfile
BENCH_ARGS ?=
# Scripts of other systems, run in turn with this one by `make bench`; VENVS has an environment for each.
PEERS ?=
VENVS ?=

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test lint types layers bench lock clean

help:
	@echo "make demo    set up the small set and run the demonstration job"
	@echo "make test    set up everything; format, lint, types, layers and all tests"
	@echo "make lint    format and lint only (types and layers: make types, make layers)"
	@echo "make bench   the workloads, one JSON line each (BENCH_ARGS=..., PEERS=DIR to compare)"
	@echo "make lock    resolve pyproject.toml into deploy/locks/ anew (needs uv; LOCK_ARGS=--upgrade for newer versions)"
	@echo "make clean   remove .venv and caches"

demo: $(VENV)/.installed-demo
	$(BIN)/flotilla demo $(DEMO_ARGS)

test: lint types layers
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks $(BENCH_ARGS) $(if $(PEERS),--peers $(PEERS)) $(if $(VENVS),--venvs $(VENVS))

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer on PATH; name one: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo "$(PYTHON) has no ensurepip; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-%: deploy/locks/%.lock pyproject.toml | $(VENV)/.created
	$(PIP) install --require-hashes --only-binary :all: -r $<
	$(PIP) install --no-index --no-deps --no-build-isolation -e .
	@touch $@

# dev.lock is resolved first; the others take its versions, so that one .venv can hold them all.
UV_COMPILE = uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate $(LOCK_ARGS)

lock:
	$(UV_COMPILE) --extra dev --group build -o deploy/locks/dev.lock
	$(UV_COMPILE) --extra embedded --extra demo --group build -c deploy/locks/dev.lock -o deploy/locks/demo.lock
	$(UV_COMPILE) --extra postgres --extra s3 --extra gcs --extra otel --extra oidc --extra flower --group build -c deploy/locks/dev.lock -o deploy/locks/fleet.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
