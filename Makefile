# Each command makes its own .venv, installs what it needs, and does the job.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

OLDEST := build/oldest
WEB_LINT := tests/web/lint

.PHONY: fuzz demo test test-all test-oldest lint lint-web package
demo: $(VENV)/ready
	$(BIN)/python benchmarks/demo.py --out output

test: $(VENV)/ready
	$(BIN)/python -m pytest -c tests/pytest.ini tests -m "not slow"

test-all: $(VENV)/ready
	$(BIN)/python -m pytest -c tests/pytest.ini tests

# Every reader of what others wrote, 100,000 changed inputs each; stopped, it goes on from build/fuzz.json.
fuzz: $(VENV)/ready
	$(BIN)/python tests/fuzz

# The libraries that read prompts and pictures at pyproject's lower bounds, everything else as pinned.
test-oldest:
	$(PYTHON) -m venv $(OLDEST)
	grep -oE '"(transformers|tokenizers|sentencepiece|ftfy)>=[0-9.]+' pyproject.toml | tr -d '"' | sed 's/>=/==/' > $(OLDEST)/constraints.txt
	grep -vE '^(transformers|tokenizers|sentencepiece|ftfy)==' constraints.txt >> $(OLDEST)/constraints.txt
	$(OLDEST)/bin/pip install -q -c $(OLDEST)/constraints.txt torch
	$(OLDEST)/bin/pip install -q -c $(OLDEST)/constraints.txt -e ".[standalone,gguf]" pytest protobuf
	$(OLDEST)/bin/python -m pytest -c tests/pytest.ini tests/unit/encoders \
		tests/parity/test_text_encoders.py tests/parity/test_image_encoder.py tests/golden/test_mini.py

# The wheel and the ComfyUI registry's archive, built, installed and run.
package: $(VENV)/ready
	$(BIN)/python .ci/package.py

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(MAKE) --no-print-directory lint-web

# ESLint, and TypeScript's checker over the JSDoc types. Only these need Node, so who has none is told and not stopped.
lint-web:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(WEB_LINT)/node_modules/ready \
		&& $(WEB_LINT)/node_modules/.bin/eslint -c $(WEB_LINT)/eslint.config.js --max-warnings 0 web \
		&& $(WEB_LINT)/node_modules/.bin/tsc -p $(WEB_LINT) && echo "web/: no problems"; \
	else echo "skipped: ESLint and the type check of web/, as npm is not installed"; fi

$(WEB_LINT)/node_modules/ready: $(WEB_LINT)/package.json $(WEB_LINT)/package-lock.json
	cd $(WEB_LINT) && npm ci --silent
	touch $@

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e ".[standalone,test]"
	touch $@
