# Every target sets up what it needs, once: an environment from the pinned lock files.

PYTHON ?= python3.11
VENV ?= .venv
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check
CORE := $(VENV)/.core
DEV := $(VENV)/.dev
# What the environment is for, `gpu`, `tpu` or nothing: noted in it, so that no later target takes it back.
MACHINE := $(patsubst $(VENV)/.for-%,%,$(firstword $(wildcard $(VENV)/.for-*)))
LOCK := requirements$(MACHINE:%=-%).lock

.PHONY: demo setup gpu tpu aot korean test test-fast bench lint lock clean

demo: $(CORE)
	$(VENV)/bin/python demo/run.py

# For the commands alone.
setup: $(CORE)

# The same with CUDA's libraries, and with the TensorFlow that has TPU kernels.
gpu tpu:
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	rm -f $(VENV)/.for-* $(CORE) $(DEV)
	touch $(VENV)/.for-$@
	$(MAKE) --no-print-directory setup

# For tpu/compile.py: the compiler for TPUs that aren't there. It wants another libtpu than the TPUs' own TensorFlow.
aot: $(CORE)
	@test "$(MACHINE)" != tpu || { echo "$(VENV) is for a TPU: make aot VENV=.venv-aot"; exit 2; }
	$(PIP) install --constraint requirements-dev.lock jax jaxlib libtpu

# Morphemes and sentences: the extra [korean], at the versions that are tested.
korean: $(CORE)
	$(PIP) install --constraint requirements-dev.lock python-mecab-ko kiwipiepy kss

# Two processes: most of a test is Python and one thread of TensorFlow.
test: $(DEV)
	$(VENV)/bin/python -m pytest --numprocesses 2

# What takes minutes is left out.
test-fast: $(DEV)
	$(VENV)/bin/python -m pytest --numprocesses 2 -m "not slow"

bench: $(DEV)
	$(VENV)/bin/python benchmarks/run.py

lint: $(DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# What the commands need. The lock files are complete, and TF-Text would bring the plain TensorFlow back: --no-deps.
$(CORE): $(LOCK)
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	test "$(MACHINE)" != tpu || $(PIP) uninstall --yes tensorflow
	$(PIP) install --no-deps -r $(LOCK)
	touch $@

# And what tests, benchmarks and lint need.
$(DEV): requirements-dev.lock $(CORE)
	grep -Ev '^($(if $(filter tpu,$(MACHINE)),tensorflow|libtpu|jax|jaxlib))==' requirements-dev.lock > $(VENV)/dev.lock
	$(PIP) install --no-deps -r $(VENV)/dev.lock
	touch $@

# Resolves pyproject.toml anew into the lock files.
lock: $(CORE)
	$(VENV)/bin/python scripts/lock.py

clean:
	rm -rf $(VENV)
