# codecd. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One install at a time of exactly these files: the stamp is named after their contents, not their dates.
STAMP := $(VENV)/.setup-$(shell cat pyproject.toml constraints.txt | cksum | tr ' ' '-')
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt

HOST ?= 127.0.0.1
HTTP_PORT ?= 8000
GRPC_PORT ?= 8001
METRICS_PORT ?= 9100
ADMIN_PORT ?= 8002
REPOSITORY ?= models
PYTEST_ARGS ?=
# Real servers and models run in the tests: two at a time fill two cores.
TEST_PROCESSES ?= 2

PROTO_DIR := proto/codec/v1
PROTO_GENERATED := codec_pb2.py codec_pb2.pyi codec_pb2_grpc.py codec_pb2_grpc.pyi
# -I. makes the Python import path proto.codec.v1: a bare `codec` would be the library.
protoc = $(BIN)/python -m grpc_tools.protoc -I. \
	--plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	--python_out=$(1) --grpc_python_out=$(1) --mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1) $(PROTO_DIR)/codec.proto

.DEFAULT_GOAL := help
.PHONY: help setup serve test check proto-check deploy-check demo-test balance bench soak faults proto clean

help: ## Show this list
	@printf '\n  \033[1mcodecd\033[0m: audio in, tokens out; tokens in, audio out\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[36mmake %-12s\033[0m %s\n", $$1, $$2 }' Makefile
	@printf '\n  serve reads HOST ($(HOST)), HTTP_PORT ($(HTTP_PORT)), GRPC_PORT ($(GRPC_PORT)),'
	@printf ' METRICS_PORT ($(METRICS_PORT)),\n  ADMIN_PORT ($(ADMIN_PORT)), REPOSITORY ($(REPOSITORY)); test reads TEST_PROCESSES ($(TEST_PROCESSES)) and PYTEST_ARGS.\n\n'

setup: $(STAMP) ## Make .venv with the pinned versions; instant when nothing changed

# torch goes first and torchaudio alone, so that no other build of torch is pulled in beside a pinned one.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codecd needs Python 3.11 or newer; name one with PYTHON=")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) \
		|| { echo "python3 -m venv failed: install your system's venv package (Debian: python3-venv)"; exit 1; }
	@echo "setup: torch (the largest part) ..." && $(PIP) setuptools torch
	@echo "setup: torchaudio ..." && $(PIP) --no-deps torchaudio
	@echo "setup: everything else ..." && $(PIP) --no-build-isolation --editable '.[dev]'
	@$(BIN)/python -m codec.torchaudio_setup
	@$(PIP) pesq || echo "setup: pesq was not built (is there a C compiler?); everything but the PESQ metric works"
	@rm -f $(VENV)/.setup-* && touch $@
	@echo "setup: done"

serve: setup ## Serve the shipped models over REST and gRPC
	@exec $(BIN)/codecd serve --host $(HOST) --http-port $(HTTP_PORT) --grpc-port $(GRPC_PORT) \
		--metrics-port $(METRICS_PORT) --admin-port $(ADMIN_PORT) --repository $(REPOSITORY)

test: setup ## Run the test-suite
	@$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

check: setup proto-check ## Lint, formatting, types, images and manifests; generated modules are up to date
	@status=0; $(BIN)/ruff check || status=1; $(BIN)/ruff format --check || status=1; \
		$(BIN)/mypy codec service training proto tests || status=1; \
		$(BIN)/python -m tests.deploy.check --quick || status=1; exit $$status

proto-check: setup
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && $(call protoc,"$$scratch") \
		&& for name in $(PROTO_GENERATED); do \
			cmp "$$scratch/$(PROTO_DIR)/$$name" "$(PROTO_DIR)/$$name" \
				|| { echo "$(PROTO_DIR)/$$name is out of date: run make proto"; exit 1; }; \
		done

deploy-check: setup ## Lint all of deploy/ (needs kubectl, npm, promtool, haproxy and nginx)
	@$(BIN)/python -m tests.deploy.check

balance: setup ## Replicas behind HAProxy and nginx: restarts, kill -9, new replicas (needs both)
	@$(BIN)/python -m pytest -m "slow or not slow" tests/balance

faults: setup ## Break everything, for long: slow fault tests, then 100,000 malformed messages
	@$(BIN)/python -m pytest -m "slow or not slow" tests/faults && $(BIN)/python -m tests.faults.fuzz --count 100000

demo-test: setup ## Try the demo page in chromium; pictures go to runs/demo
	@$(BIN)/python -m pytest tests/demo tests/service/frontend/test_demo_page.py

soak: setup ## Half an hour of everything at once: memory, descriptors, every answer
	@$(BIN)/python -m tests.bench.soak

bench: setup ## Measure, and write the tables of tests/bench
	@$(BIN)/python -m tests.bench

proto: setup ## Regenerate the Python modules of proto/codec/v1/codec.proto
	@$(call protoc,.)

clean: ## Remove .venv, caches and build output
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find codec service training proto tests -type d -name __pycache__ -prune -exec rm -rf {} +
