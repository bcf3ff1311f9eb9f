# Two commands on a machine with Python and nothing else: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV   ?= .venv
PINS   := constraints/py311.txt
JOBS   ?= 2

BIN    := $(VENV)/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip --disable-pip-version-check --quiet --quiet install --constraint $(PINS)
DEMO   := build/demo
QUICK  := tests/unit tests/contract tests/golden tests/packaging/test_source_rules.py

# All optional packages but torch, which only the probes of a GPU use.
ALL    := dev,docs,export,cluster,prices,hub,formats,web

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: loop oracle help demo test browser web dev lint format unit quick docs wheel bench fuzz predictions mutants pins clean distclean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ------------------------------------------------------------------ environment (stamps make repeat calls quick)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "tokenroof needs Python 3.11 or later; this is " + sys.version.split()[0] + " (make PYTHON=python3.x ...)")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# hatchling first: the package then builds against the pinned one, without an isolated environment.
$(VENV)/.core: $(VENV)/.made pyproject.toml $(PINS)
	@echo "setting up $(VENV): the package and what it needs"
	@$(PIP) hatchling
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml $(PINS)
	@echo "setting up $(VENV): the package and the tools that test it (a minute or two the first time)"
	@$(PIP) hatchling
	@$(PIP) --no-build-isolation --editable '.[$(ALL)]'
	@touch $(VENV)/.core $@

dev: $(VENV)/.dev  ## set up .venv with everything for development

# ------------------------------------------------------------------ the two commands

demo: $(VENV)/.core  ## set up, analyze DeepSeek-V3 on one GB200 NVL72 rack, draw its roofline
	@mkdir -p $(DEMO)
	@$(BIN)/tokenroof analyze deepseek-v3 --system gb200-nvl72 -o $(DEMO)/roofline.png > $(DEMO)/answer.txt \
	  || { status=$$?; cat $(DEMO)/answer.txt; exit $$status; }
	@cat $(DEMO)/answer.txt
	@echo
	@echo "answer: $(DEMO)/answer.txt   chart: $(DEMO)/roofline.png"

# The tests look into this wheel, and build the documentation as one of them beside the others: each is built once.
test: $(VENV)/.dev  ## set up, then lint, types, floors, wheel, tests and docs
	@$(MAKE) lint
	@$(MAKE) wheel
	@$(MAKE) browser
	@TOKENROOF_WHEEL_FOLDER=build/dist TOKENROOF_KEEP_DOCS=build $(MAKE) unit
	@echo "docs: build/docs/index.html"

# ------------------------------------------------------------------ the steps of `make test`

lint: $(VENV)/.dev  ## ruff, ruff format, mypy, import-linter
	@mkdir -p build
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check . >build/format.txt 2>&1 || { cat build/format.txt; echo "to mend it: make format"; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >build/lint-imports.txt 2>&1 || { cat build/lint-imports.txt; exit 1; }
	@echo "lint: ruff, format, mypy and the floors are clean"

format: $(VENV)/.dev  ## let ruff fix and format the tree
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

# Tests of the page drive the system's own Chromium. Where it cannot be had they are skipped, and say so.
browser:  ## install Chromium where it is missing and root or sudo is there, and what looks at the page for those who cannot
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; } && { \
	    SUDO=$$([ "$$(id -u)" = 0 ] || echo "sudo -n"); echo "installing Chromium for the tests of the page"; \
	    $$SUDO apt-get -qq update >/dev/null 2>&1; $$SUDO apt-get -qq install -y --no-install-recommends chromium fonts-liberation >/dev/null 2>&1; } \
	  || echo "no Chromium, and no way to install it: tests of the page are skipped"; }
	@command -v npm >/dev/null || exit 0; cd frontend && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent >/dev/null 2>&1; } \
	  || echo "the packages of the page cannot be fetched: it is not built anew, nor are its views tested"

# Each worker gets files that stand together, so that what their tests share is made once.
unit: $(VENV)/.dev  ## the tests alone (ARGS="-k word" to choose)
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal $(ARGS)

quick: $(VENV)/.dev  ## in under a minute: lint, and the tests of units, contracts and golden values
	@$(MAKE) lint
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal -m "not slow" $(ARGS) $(QUICK)

docs: $(VENV)/.dev  ## build the documentation; a warning is an error
	@$(PY) -m sphinx -q -W --keep-going -n -b html -d build/doctrees docs build/docs
	@echo "docs: build/docs/index.html"

# Users never need Node: the bundle is committed, and a test compares it with what the sources build.
web:  ## build the page of `tokenroof web` from frontend/ (needs Node 20.19 or later)
	@cd frontend && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent; } && npm run --silent types && npx vite build --logLevel warn
	@echo "page: src/tokenroof/web/static"

wheel: $(VENV)/.dev  ## build the wheel, install it elsewhere and run it from there
	@rm -rf build/dist build/wheel-check && mkdir -p build
	@$(PY) -m build --no-isolation --wheel --outdir build/dist . >build/wheel.txt 2>&1 || { cat build/wheel.txt; exit 1; }
	@$(PIP) --no-deps --target build/wheel-check build/dist/*.whl
	@PYTHONPATH=build/wheel-check $(PY) -c 'import pathlib, tokenroof; p = pathlib.Path(tokenroof.__file__); assert "wheel-check" in p.parts, p'
	@PYTHONPATH=build/wheel-check $(PY) -m tokenroof analyze deepseek-v3 --system gb200-nvl72 --json >build/wheel-check.json
	@echo "wheel: $$(ls build/dist/*.whl) installs and runs"

bench: $(VENV)/.dev  ## measure speed (benchmarks/); never part of `make test`
	@mkdir -p build/bench
	@$(BIN)/pytest -q -o addopts= -o pythonpath="tests benchmarks" -o 'python_files=bench_*.py test_*.py' --import-mode=importlib --benchmark-only \
	  --benchmark-columns=min,median,stddev,ops,rounds --benchmark-json=build/bench/latest.json $(ARGS) benchmarks

# ------------------------------------------------------------------ upkeep

predictions: $(VENV)/.core  ## write what is predicted for the frozen scenarios anew, and say what moved since the release
	@$(PY) scripts/predictions.py
	@$(PY) scripts/predictions.py --report

# An environment of its own: the library and torch take gigabytes, and nothing else here needs them.
oracle:  ## hold the reader of configs to the modelling library's builds (downloads torch; never part of `make test`)
	@$(PYTHON) -m venv build/oracle-venv
	@build/oracle-venv/bin/python -m pip --disable-pip-version-check -qq install --editable '.[oracle]'
	@build/oracle-venv/bin/python scripts/oracle.py --write --fixture $(ARGS)

# Also an environment of its own: the engine is built from its source package.
loop:  ## measure this machine, serve random models on it by llama.cpp, and predict what comes out (builds the engine: ten minutes; never part of `make test`)
	@$(PYTHON) -m venv build/loop-venv
	@build/loop-venv/bin/python -m pip --disable-pip-version-check -qq install --editable '.[loop]'
	@PYTHONPATH=benchmarks build/loop-venv/bin/python -m loop.run $(ARGS)

fuzz: $(VENV)/.dev  ## 30,000 made-up inputs at every door (FUZZ=N for another number, FUZZ_SEED=N to go on from there)
	@TOKENROOF_FUZZ=$(or $(FUZZ),30000) TOKENROOF_FUZZ_SEED=$(or $(FUZZ_SEED),0) $(BIN)/pytest -q $(ARGS) tests/property/test_doors_fuzz.py

mutants: $(VENV)/.dev  ## make small faults on purpose and count those that tests catch (ARGS="--count 20")
	@$(PY) scripts/mutants.py $(ARGS)

pins:  ## write the constraints file anew, from a fresh environment (needs Python 3.11)
	@rm -rf build/pins && mkdir -p build/pins && $(PYTHON) -m venv build/pins/venv
	@build/pins/venv/bin/python -m pip --disable-pip-version-check -qq install '.[$(ALL)]'
	@{ echo "# Exact versions that tests and demo run with (Python 3.11 to 3.13). Written by 'make pins'; not edited by hand."; \
	  build/pins/venv/bin/python -m pip --disable-pip-version-check -qq freeze --exclude tokenroof; } > build/pins/py311.txt
	@mv build/pins/py311.txt $(PINS) && rm -rf build/pins

clean:  ## remove what was built, keep .venv
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks
	@find src tests benchmarks docs examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## remove .venv too
	@rm -rf $(VENV)
