# make            what can be made
# make demo       the paper, measured on the twin; PRESET=... SEED=... SPEED=... TRUTH=... reach the twin; QUICK=1
# make report     the demo's table and report again, from its stored runs; FOLDER=demo
# make lab        the IPython session
# make past       a prompt with past data, without instruments: DATA=demo/data
# make view       the lab and its past runs in a browser, read only: DATA=demo/data, PORT=...
# make panic      dark, now: shutter closed, lasers on standby, latched
# make night      profile/overnight.py, or the night that is not finished; QUEUE=file.toml|file.py NAME=... NEW=1
# make import     old files become runs: FOLDER=... SAMPLE=..., CONFIG=... another lab.toml
# make figures  every figure of a lab, drawn again from its stored runs: FOLDER=demo; nothing else is needed
# make wheel      dist/: the whole lab as a wheel and as sources, to be installed anywhere
# make bench      ours beside its peers; QUICK=1 small, CASE=decays one case, CPA=... the folder of that toolbox

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.installed
BENCH := .venv-bench
BENCH_MARK := $(BENCH)/.installed
TWIN := $(foreach option,PRESET SEED SPEED TRUTH,$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) $($(option))))

# Compiled modules make every start of the lab several times faster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo figures night queue import test lab view panic past check wheel bench lock clean

help:
	@echo "make demo     measure the paper on the twin and compare (figures and results in demo/)"
	@echo "make lab      open the IPython session"
	@echo "make past     open past data at a prompt, without instruments: DATA=demo/data"
	@echo "make view     see the lab and its past runs in a browser: DATA=demo/data, PORT=..."
	@echo "make panic    dark, now: shutter closed, lasers on standby, latched"
	@echo "make night    measure through the night: QUEUE=file.toml or file.py; EXPLAIN=1 only tells, STATUS=1 how it stands"
	@echo "make queue    serve a queue for several operators (bluesky-queueserver)"
	@echo "make import   make runs of old files: FOLDER=... SAMPLE=..."
	@echo "make figures  draw every figure of a lab again from its stored runs: FOLDER=demo"
	@echo "make test     run the tests"
	@echo "make check    ruff, pyright, import contracts"
	@echo "make wheel    build what can be installed anywhere, into dist/ (docs/how-to/install.md)"
	@echo "make bench    speed and accuracy beside other packages, a quarter of an hour (writes bench/RESULTS.md)"
	@echo "make lock     resolve the dependencies again (needs uv)"
	@echo "make clean    remove the virtual environment and the demo; recorded data in data/ stay"

install: $(MARK)

$(MARK): requirements.lock pyproject.toml
	$(call into,$(VENV),requirements.lock)

$(BENCH_MARK): bench/requirements.lock pyproject.toml
	$(call into,$(BENCH),bench/requirements.lock)

# A new virtual environment: folder, locked requirements.
define into
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$$($(PYTHON) --version 2>&1) found, Python 3.11 to 3.13 needed: make PYTHON=python3.12 ..."; exit 1; }
	@echo "installing into $(1): two to five minutes the first time, nothing is printed meanwhile"
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(2)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(1)/.installed
endef

demo: install
	$(BIN)/python profile/demo.py $(TWIN) $(if $(QUICK),--quick)

report: install
	$(BIN)/python -m lab.report "$(or $(FOLDER),demo)"

NIGHT = $(QUEUE) $(if $(NAME),--name "$(NAME)") $(if $(NEW),--new) $(if $(EXPLAIN),--explain) $(if $(STATUS),--status)

night: install
	@exec $(BIN)/python -m lab.night $(NIGHT) $(filter-out --truth $(TRUTH),$(TWIN))

lab: install
	$(BIN)/ipython --profile-dir=profile --no-banner

view: install
	@exec $(BIN)/python -m lab.view $(if $(DATA),--data "$(DATA)") $(if $(PORT),--port $(PORT))

past: install
	@$(BIN)/python -m lab.past $(or $(DATA),data)

panic:
	@$(BIN)/python -m lab.panic

import: install
	@$(BIN)/python -m lab.imports "$(FOLDER)" $(if $(SAMPLE),--sample "$(SAMPLE)") $(if $(CONFIG),--config "$(CONFIG)")

figures: install
	@$(BIN)/python -m lab.figures "$(or $(FOLDER),data)"

queue: install
	$(BIN)/python -m lab.queue_server

test: install
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if $(BIN)/pyright --version >/dev/null 2>&1; then $(BIN)/pyright; \
	  else echo "pyright cannot get its Node package here: types were not checked"; fi
	$(BIN)/lint-imports

# Sources first, the wheel from them: what they lack fails here, not at somebody who installs them.
wheel: install
	rm -rf dist
	$(BIN)/python -m build

bench: $(BENCH_MARK)
	$(BENCH)/bin/python -m bench $(if $(QUICK),--quick) $(CASE)

LOCK := uv pip compile --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" \
  pyproject.toml --extra dev --extra queue --extra scale

lock:
	$(LOCK) --output-file requirements.lock
	$(LOCK) --extra bench --constraint requirements.lock --output-file bench/requirements.lock

clean:
	rm -rf $(VENV) $(BENCH) demo
