# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SAMPLE ?= resources/samples/study
OUT    ?= out
THRESHOLD ?= 0.2
RESULT := $(OUT)/$(notdir $(SAMPLE))

# libraries that Qt and VTK load; the last two give a virtual display
SYSTEM_PACKAGES := libgl1 libegl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0 \
	libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 \
	libxcursor1 xvfb xauth

# a display of our own where the machine has none
ifeq ($(shell uname -s),Linux)
DISPLAY_WRAPPER := $(if $(DISPLAY)$(WAYLAND_DISPLAY),,xvfb-run -a -s "-screen 0 1600x1000x24")
endif

export QT_API := pyside6

# one process a core, also for windows if each process can have a display of its own; timings are taken alone
PYTEST   := $(BIN)/python -X faulthandler -m pytest
PARALLEL := OMP_NUM_THREADS=1 $(PYTEST) -n auto
ifeq ($(shell uname -s),Linux)
WINDOWS   = $(if $(shell command -v Xvfb 2>/dev/null),$(PARALLEL) --maxprocesses 4 --dist worksteal --own-display,$(PYTEST))
else
WINDOWS  := $(PYTEST)
endif

.PHONY: setup system run test quick check pictures bench clean

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

# Opens the viewer on the sample. Without a display: the same job headless, in all three geometry modes, plus a picture
# of the window. The threshold is lower than the usual 0.3, by eye on the sample: the first weights of nano score low.
run: setup
ifeq ($(DISPLAY_WRAPPER),)
	$(BIN)/fast3dis-viewer $(SAMPLE) --threshold $(THRESHOLD)
else
	@for geometry in predicted posed given; do \
		echo "== cameras and depth: $$geometry"; \
		$(BIN)/fast3dis segment $(SAMPLE) --geometry $$geometry --objectness-threshold $(THRESHOLD) \
			--out $(RESULT)-$$geometry --overwrite --exports ply,scene,glb,overlays,report || exit 1; \
		$(DISPLAY_WRAPPER) $(BIN)/fast3dis-viewer $(SAMPLE) --geometry $$geometry --threshold $(THRESHOLD) \
			--screenshot $(RESULT)-$$geometry/window.png --exit || exit 1; \
	done
	@echo
	@echo "No display here, so the job ran headless, with predicted, posed and given geometry:"
	@echo "  point clouds  $(RESULT)-*/scene.ply and $(RESULT)-*/instances/*.ply"
	@echo "  overlays      $(RESULT)-*/overlays"
	@echo "  windows       $(RESULT)-*/window.png"
endif

test: check
	$(PARALLEL) -m "not weights" --ignore=tests/gui --ignore=tests/benchmarks
	$(WINDOWS) -m "not weights" tests/gui
	$(DISPLAY_WRAPPER) $(PYTEST) -m "not weights" tests/benchmarks

# the display-free part, under 90 seconds on two cores
quick: setup
	$(PARALLEL) -m "not gui and not slow and not benchmark and not weights" --ignore=tests/gui

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# the window in its states, as PNG; the README shows seven of them
pictures: setup
	$(subst 1600x1000,3840x2160,$(DISPLAY_WRAPPER)) $(BIN)/python -m tests.gui.pictures $(OUT)/pictures

bench: setup
	$(BIN)/python -m pytest tests/benchmarks -m benchmark -rP

clean:
	rm -rf $(VENV) $(OUT)
