# Everything that one does with tseep, a target each. `make serve` and `make test` do all their set-up themselves.

PYTHON ?= python3
PYPY ?= pypy3
VENV ?= .venv
PYPY_VENV ?= .venv-pypy
APPS_VENV ?= .venv-apps
SECONDS ?= 120
AT_ONCE ?= -n 4 --dist loadfile # tests wait for servers more than they compute
BIN = $(VENV)/bin

.PHONY: help serve test test-pypy fuzz apps soak kills lint format types stress agree bench debian clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/serve ## Install into .venv and run the server on 127.0.0.1:6379
	$(BIN)/twistd -n --pidfile= tseep --mode v2

test: $(VENV)/test debian ## Run trial's unit tests, then the tests against real servers and clients
	$(BIN)/trial tseep
	$(BIN)/pytest tests $(AT_ONCE)

test-pypy: $(PYPY_VENV)/test debian ## The same on PyPy
	$(PYPY_VENV)/bin/trial tseep
	$(PYPY_VENV)/bin/pytest tests $(AT_ONCE) -m "not packaging and not soak and not apps and not browser and not peers and not tls"

fuzz: $(VENV)/test debian ## Compare with redis-server, and feed the parsers, for longer
	HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/differential/test_differential.py tests/server/test_bad_input.py
	HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/server/test_endpoints.py tests/server/test_web.py tests/persistence/test_snapshots.py -k "anything or faults"

apps: $(APPS_VENV)/apps debian ## Run Celery, RQ, Django and others against tseep in each mode, and against redis-server
	$(APPS_VENV)/bin/pytest tests/apps -m apps

soak: $(VENV)/test ## All that clients do, in each mode: make soak SECONDS=3600 for an hour each
	$(BIN)/python stress/soak.py --time $(SECONDS)
	$(BIN)/python stress/soak.py --time $(SECONDS) --mode v3
	$(BIN)/python stress/soak.py --time $(SECONDS) --mode v1 --clients 1k --rate 1000

kills: $(VENV)/test debian ## The long runs: thousands of clients in each mode, servers killed hundreds of times
	TSEEP_KILLS=300 $(BIN)/pytest tests/persistence/test_kills.py
	$(BIN)/pytest tests -m soak

lint: $(VENV)/lint ## Look for mistakes and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/lint ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/lint $(VENV)/test ## Check the types
	$(BIN)/mypy

stress: $(VENV)/test ## Compare v1 and v2 under 1,024 clients; see stress/run.py --help for more
	$(BIN)/python stress/run.py --clients 1k

agree: $(VENV)/test debian ## Hold the stress rig against redis-benchmark; wants a quiet machine
	$(BIN)/python stress/study.py agree

ifdef BASE
bench: $(VENV)/test debian
	$(BIN)/python stress/study.py baseline $(BASE) $(OPTIONS)
else
bench: $(VENV)/test $(PYPY_VENV)/test debian ## Measure beside redis-server, and print README's tables; with BASE=COMMIT beside that commit
	$(BIN)/python stress/study.py versus --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py versus --types --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py publish --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py large --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py durable --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py slow --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py memory
endif

# What the tests need of Debian: the oracle, the load, a browser, and PyPy. Installed where one may, named where not.
debian:
	@sh .ci/debian redis-server redis-cli redis-benchmark chromium chromedriver $(PYPY)

$(VENV)/serve: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[lua]'
	touch $@

$(VENV)/test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

$(APPS_VENV)/apps: pyproject.toml
	$(PYTHON) -m venv $(APPS_VENV)
	$(APPS_VENV)/bin/pip install --quiet --editable '.[apps]'
	$(APPS_VENV)/bin/pip install --quiet --no-deps arq==0.28.0 # which asks for an older redis-py than Celery does
	touch $@

$(VENV)/lint: pyproject.toml $(VENV)/test
	$(BIN)/pip install --quiet --editable '.[lint]'
	touch $@

$(PYPY_VENV)/test: pyproject.toml debian
	$(PYPY) -m venv $(PYPY_VENV)
	$(PYPY_VENV)/bin/pip install --quiet --editable '.[test]'
	touch $@

clean: ## Remove what the other targets made
	rm -rf $(VENV) $(PYPY_VENV) $(APPS_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis _trial_temp*
