# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SAMPLE ?= resources/samples/study
OUT    ?= out

# libraries that Qt and VTK load; the last two give a virtual display
SYSTEM_PACKAGES := libgl1 libegl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0 \
	libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 \
	libxcursor1 xvfb xauth

# a display of our own where the machine has none
ifeq ($(shell uname -s),Linux)
DISPLAY_WRAPPER := $(if $(DISPLAY)$(WAYLAND_DISPLAY),,xvfb-run -a -s "-screen 0 1600x1000x24")
endif

export QT_API := pyside6

# one process a core; windows and timings are tested alone
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -X faulthandler -m pytest -n auto

.PHONY: setup system run test quick check bench clean

setup: system $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

# Debian and Ubuntu: install what is missing when root, else print the exact line
system:
	@if command -v dpkg-query >/dev/null 2>&1; then \
		missing=""; \
		for package in $(SYSTEM_PACKAGES); do \
			dpkg-query -W -f '$${Status}' $$package $${package}t64 2>/dev/null | grep -q "install ok installed" || missing="$$missing $$package"; \
		done; \
		if [ -n "$$missing" ]; then \
			if [ "$$(id -u)" = 0 ]; then \
				apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; \
			else \
				echo "System libraries are missing. Run this once, then try again:"; \
				echo "    sudo apt-get install -y --no-install-recommends$$missing"; exit 1; \
			fi; \
		fi; \
	fi

# Opens the viewer on the sample. Without a display: the same job headless, plus a picture of the window.
# Until trained weights are bundled, the sample brings its own cameras and depth (--geometry given), and only the
# highest scores are written: masks are random, so each instance would claim half of all points.
run: setup
ifeq ($(DISPLAY_WRAPPER),)
	$(BIN)/fast3dis-viewer $(SAMPLE) --geometry given
else
	$(BIN)/fast3dis segment $(SAMPLE) --geometry given --objectness-threshold 0.65 --resolution 224 \
		--out $(OUT)/$(notdir $(SAMPLE)) --overwrite --exports ply,scene,glb,overlays,report
	$(DISPLAY_WRAPPER) $(BIN)/fast3dis-viewer $(SAMPLE) --geometry given --screenshot $(OUT)/window.png --exit
	@echo
	@echo "No display here, so the job ran headless:"
	@echo "  point clouds  $(OUT)/$(notdir $(SAMPLE))/scene.ply and $(OUT)/$(notdir $(SAMPLE))/instances/*.ply"
	@echo "  overlays      $(OUT)/$(notdir $(SAMPLE))/overlays"
	@echo "  window        $(OUT)/window.png"
endif

test: check
	$(PARALLEL) -m "not gui and not benchmark and not weights"
	$(DISPLAY_WRAPPER) $(BIN)/python -X faulthandler -m pytest -m "(gui or benchmark) and not weights"

# the display-free part, under 90 seconds on two cores
quick: setup
	$(PARALLEL) -m "not gui and not slow and not benchmark and not weights" --ignore=tests/gui

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m pytest tests/benchmarks -m benchmark -rP

clean:
	rm -rf $(VENV) $(OUT)
