# One target per task. Each target installs what it needs.

PYTHON ?= python3
PYPY ?= pypy3
VENV ?= .venv
PYPY_VENV ?= .venv-pypy
APPS_VENV ?= .venv-apps
DOCS_VENV ?= .venv-docs
SECONDS ?= 120
MODE ?= v2
AT_ONCE ?= -n 4 --dist loadfile # tests wait for servers more than they compute
BIN = $(VENV)/bin
COMPLETE = TSEEP_TEST_COMPLETE=1
PART = tests/differential tests/persistence/test_aof.py $(addprefix tests/server/test_,acl.py bad_input.py start.py)
interpreter = $(if $(filter $(PYPY_VENV)/%,$@),$(PYPY),$(PYTHON))

.PHONY: help serve test test-part test-pypy deploy-check fuzz apps soak kills lint format types docs stress agree bench debian debian13 redis-suite clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/serve ## Install into .venv and run the server on 127.0.0.1:6379
	$(BIN)/twistd -n --pidfile= tseep --mode v2

test: $(VENV)/test debian ## Run the unit tests, then the tests against real servers and clients
	$(COMPLETE) $(BIN)/trial tseep
	$(BIN)/pytest tests $(AT_ONCE)

test-part: $(VENV)/test debian ## Run the unit tests and the chosen part for other interpreters: PYTHON=python3.13 VENV=.venv-3.13
	$(COMPLETE) $(BIN)/trial tseep
	$(BIN)/pytest $(PART) $(AT_ONCE)

test-pypy: $(PYPY_VENV)/test debian ## Run the tests of make test on PyPy
	$(COMPLETE) $(PYPY_VENV)/bin/trial tseep
	$(PYPY_VENV)/bin/pytest tests $(AT_ONCE) -m "not packaging and not soak and not apps and not browser and not peers and not tls and not deploy"

redis-suite: $(VENV)/test debian ## Run Redis's own test suite: MODE=v1, v2 (default), v3 or redis; UNITS=unit/sort,... or chosen
	@sh .ci/debian tclsh dpkg-source
	$(BIN)/python -m tests.redis_suite --mode $(MODE) --units "$(UNITS)"

deploy-check: $(VENV)/deploy ## Check the examples of deploy/ with promtool, systemd and schemas
	@sh .ci/debian promtool systemd-analyze systemd-socket-activate
	$(BIN)/pytest tests/project/test_deploy.py -m deploy

debian13: ## Run make serve and make test in a new Debian 13, as root (about 15 minutes)
	@sh .ci/debian debootstrap git
	$(PYTHON) -m tests.project.debian13

fuzz: $(VENV)/test debian ## Run the differential test and the parser fuzzing for longer
	HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/differential/test_differential.py tests/server/test_bad_input.py
	HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/server/test_endpoints.py tests/server/test_web.py tests/persistence/test_snapshots.py -k "anything or faults"

apps: $(APPS_VENV)/apps debian ## Run Celery, RQ, Django and others against tseep in each mode and against redis-server
	$(APPS_VENV)/bin/pytest tests/apps -m apps

soak: $(VENV)/test ## Run the soak test in each mode: SECONDS=3600 for an hour each (default: 120)
	$(BIN)/python stress/soak.py --time $(SECONDS)
	$(BIN)/python stress/soak.py --time $(SECONDS) --mode v3
	$(BIN)/python stress/soak.py --time $(SECONDS) --mode v1 --clients 1k --rate 1000

kills: $(VENV)/test debian ## Kill servers hundreds of times under load, interrupt 100 runs of pytest, and stop servers under thousands of clients
	TSEEP_KILLS=300 $(BIN)/pytest tests/persistence/test_kills.py
	TSEEP_INTERRUPTIONS=13 $(BIN)/pytest tests/testing/test_interruption.py
	$(BIN)/pytest tests -m soak

lint: $(VENV)/lint ## Check code, formatting and workflow files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

format: $(VENV)/lint ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/lint $(VENV)/test ## Check the types
	$(BIN)/mypy

docs: $(DOCS_VENV)/docs ## Generate the tables of docs/ and build the site in build/docs
	$(DOCS_VENV)/bin/python docs/generate.py
	$(DOCS_VENV)/bin/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs
	$(DOCS_VENV)/bin/pydoctor

stress: $(VENV)/test ## Compare v1 and v2 under 1,024 clients
	$(BIN)/python stress/run.py --clients 1k

agree: $(VENV)/test debian ## Compare the load generator with redis-benchmark; needs a quiet machine
	$(BIN)/python stress/study.py agree

ifdef BASE
bench: $(VENV)/test debian
	$(BIN)/python stress/study.py baseline $(BASE) $(OPTIONS)
else
bench: $(VENV)/test $(PYPY_VENV)/test debian ## Measure tseep and redis-server; BASE=COMMIT: this tree and that commit
	$(BIN)/python stress/study.py versus --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py versus --types --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py publish --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py large --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py durable --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py slow --pypy $(PYPY_VENV)/bin/python
	$(BIN)/python stress/study.py memory
endif

# Debian packages that the tests need: the oracle, the load, a browser, PyPy. As another user than root, it names them.
debian:
	@sh .ci/debian redis-server redis-cli redis-benchmark chromium chromedriver $(PYPY)

$(VENV)/serve: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(sort $(VENV)/test $(PYPY_VENV)/test): pyproject.toml
	$(interpreter) -m venv $(@D)
	$(@D)/bin/pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/deploy: pyproject.toml $(VENV)/test
	$(BIN)/pip install --quiet --editable '.[deploy]'
	touch $@

$(APPS_VENV)/apps: pyproject.toml
	$(PYTHON) -m venv $(APPS_VENV)
	$(APPS_VENV)/bin/pip install --quiet --editable '.[apps]'
	$(APPS_VENV)/bin/pip install --quiet --no-deps arq==0.28.0 # which asks for an older redis-py than Celery does
	touch $@

$(DOCS_VENV)/docs: pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/pip install --quiet --editable '.[docs]'
	touch $@

$(VENV)/lint: pyproject.toml $(VENV)/test
	$(BIN)/pip install --quiet --editable '.[lint]'
	touch $@

$(PYPY_VENV)/test: | debian

clean: ## Remove all environments and build products
	rm -rf $(VENV) $(PYPY_VENV) $(APPS_VENV) $(DOCS_VENV) .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis _trial_temp*
