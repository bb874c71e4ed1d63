# make train   create the environment, install, train the default task (overrides: make train ARGS="seed=1 size=tiny")
# make test    the test suite; make slow: the tests marked slow; make lint: ruff and mypy
# make dflex   install dflex from its archive: make dflex ARCHIVE=FILE (ACCEPT=1 accepts its licence unasked)
# make gpu     on a machine with a GPU: contract checks, speed and memory in eight minutes (without: ARGS="--device cpu")
# make docs    the documentation's site, build/docs/index.html; Python 3.11 or later
# PYTHON=…     the interpreter to build .venv with; PIP_ARGS=… is passed to every pip install

VENV := .venv
BIN := $(VENV)/bin
PIP_ARGS ?=
ARGS ?=

FITS := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3.13 python3.14 python3 python; do \
	$$p -c '$(FITS)' 2>/dev/null && { echo $$p; break; }; done)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# worksteal: a process gets a half of the tests in one piece, so that a module's fixtures are made once.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q

.PHONY: train test slow lint format docs dflex gpu clean
.DEFAULT_GOAL := train

train: $(VENV)/.installed-run
	$(BIN)/wmzoo train dynamics=flow integrator=heun $(ARGS)

test: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(ARGS)

slow: $(VENV)/.installed-test
	$(PYTEST) -m slow $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dflex: $(VENV)/.installed-run
	@$(BIN)/python -m wmzoo.envs.dflex_install $(if $(ACCEPT),--accept) $(ARCHIVE)

gpu: $(VENV)/.installed-test
	$(BIN)/python benchmarks/gpu.py $(ARGS)

docs: $(VENV)/.installed-docs
	@$(BIN)/python -c 'import sphinx' 2>/dev/null || { echo "the site's generator needs Python 3.11 or 3.12: \
	make docs VENV=.venv-docs PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(BIN)/python -m sphinx -W -E -q -c docs . build/docs

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "wmzoo needs Python 3.10 to 3.14; \
	install one, or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot create environments: install its venv \
	package (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras; a change of the pins or of the metadata installs again. From Python 3.13 on dm_control
# is none of the dependencies, since its labmaze has no wheel; the suite never imports labmaze, and goes in without.
$(VENV)/.installed-run: EXTRAS :=
$(VENV)/.installed-test: EXTRAS := [test]
$(VENV)/.installed-dev: EXTRAS := [test,dev]
$(VENV)/.installed-docs: EXTRAS := [docs]
$(VENV)/.installed-dev: COVERS := run test docs
$(VENV)/.installed-test: COVERS := run docs
$(VENV)/.installed-docs: COVERS := run
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q $(PIP_ARGS) -c constraints.txt -e '.$(EXTRAS)'
	$(BIN)/python -m pip install -q $(PIP_ARGS) -c constraints.txt --no-deps dm_control
	@touch $(COVERS:%=$(VENV)/.installed-%) $@
