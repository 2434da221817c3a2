# Every target sets up what it needs, once: .venv from the pinned lock files.

PYTHON ?= python3.11
CORE := .venv/.core
DEV := .venv/.dev

.PHONY: demo setup korean test test-fast bench lint lock clean

demo: $(CORE)
	.venv/bin/python demo/run.py

# For the commands alone.
setup: $(CORE)

# Morphemes and sentences: the extra [korean], at the versions that are tested.
korean: $(CORE)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements-dev.lock \
		python-mecab-ko kiwipiepy kss

# Two processes: most of a test is Python and one thread of TensorFlow.
test: $(DEV)
	.venv/bin/python -m pytest --numprocesses 2

# What takes minutes is left out.
test-fast: $(DEV)
	.venv/bin/python -m pytest --numprocesses 2 -m "not slow"

bench: $(DEV)
	.venv/bin/python benchmarks/run.py

lint: $(DEV)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# What the commands need.
$(CORE): requirements.lock
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	touch $@

# And what tests, benchmarks and lint need.
$(DEV): requirements-dev.lock $(CORE)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	touch $@

# Resolves pyproject.toml anew into both lock files.
lock: $(CORE)
	.venv/bin/python scripts/lock.py

clean:
	rm -rf .venv
