# Everything a developer or CI calls. `make install` creates .venv with all that is needed.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
KILLS ?= 60
SEED ?= 1
SEEDS ?= 10
SEQUENCES ?= 1000
SERVER ?=
KIND ?=

.PHONY: interop interop-rate accept-real fuzz oracle group-by install test check lint types unit test-servers demo bench refused fault gate model clean

install: .venv/installed

.venv/installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv 2>/dev/null || \
		{ rm -rf .venv && $(PYTHON) -m venv --without-pip .venv; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 \
		&& $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]' \
		|| $(PYTHON) -m pip --python $(BIN)/python install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --config pyproject.toml

types: install
	$(BIN)/mypy

test-servers: install
	$(BIN)/python -m penstock.testing.fetch_servers

check: lint types

test: check test-servers
	$(BIN)/pytest -q -n 2 $(ARGS)

demo: install
	$(BIN)/penstock demo $(ARGS)

refused: install test-servers
	$(BIN)/python -m benchmarks.refused $(ARGS)

bench: install
	$(BIN)/python -m benchmarks $(ARGS)

fault: test-servers
	$(BIN)/python -m tests.fault --kills $(KILLS) --seed $(SEED) \
		--kind '$(KIND)' --server '$(SERVER)' $(ARGS)

# The gate in simulated and in real time; about half an hour. Pictures: docs/guide/gate.md.
gate: install
	GATE_SEEDS=$(SEEDS) $(BIN)/pytest -q tests/simulation/test_gate_scenarios.py
	$(BIN)/python -m benchmarks.gate.live

# The embedded StarRocks against a model of it: random loads, transactions, statements, crashes.
model: install
	MODEL_SEQUENCES=$(SEQUENCES) $(BIN)/pytest -q -n 0 tests/model

# The real Flink connector and JDBC drivers against the embedded StarRocks; needs Java 17 and
# Maven. Writes docs/interop.md; two minutes, and the jars (130 MB) the first time.
interop: test-servers
	$(BIN)/python -m tests.interop $(ARGS)

# Rows per CPU-second beside the real connector: benchmarks/results/connector.md; ten minutes.
interop-rate: install
	$(BIN)/python -m tests.interop.rate $(ARGS)

# The suite of sink and source against any real cluster; makes its own database and drops it.
# FE=host:port SR_USER=root PASSWORD=...; ARGS=--embedded runs it against the embedded server.
accept-real: install
	STARROCKS_PASSWORD='$(PASSWORD)' $(BIN)/python -m tests.accept_real \
		$(if $(FE),--fe '$(FE)') --user '$(or $(SR_USER),root)' $(ARGS)

# Mutated binlog bytes; make fuzz ARGS="--minutes 10 --seed 7".
fuzz: install
	$(BIN)/python -m tests.fuzz.binlog $(ARGS)

# Records what real Flink answers to our own statements; needs Java 17. ARGS=--new: only missing ones.
oracle: install
	$(BIN)/python -m tests.conformance.record_streams $(ARGS)
	$(BIN)/python -m tests.conformance.record_time $(ARGS)

group-by: install
	$(BIN)/python -m benchmarks.group_by $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
