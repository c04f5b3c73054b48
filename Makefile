# Everything here needs Python 3.11 or later and make; the first run of a target installs what it uses into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CONSTRAINTS := .ci/constraints.txt
TESTS := DRUMMERNET_TEST_INSTALLED=1 OMP_NUM_THREADS=1 ../bin/python -m pytest -c "$(CURDIR)/pyproject.toml" --rootdir "$(CURDIR)"
SOURCES := pyproject.toml README.md $(shell find drummernet drum_kits configs -type f -not -name '*.pyc')

KIT_PACKAGES := avldrums.lv2-soundfont exadrums fluid-soundfont-gm hydrogen-data hydrogen-drumkits \
	musescore-general-soundfont sonic-pi-samples

.PHONY: demo test test-slow lint kits learning-curve ablations label-free pretrained throughput clean

demo: $(VENV)/installed  ## the whole path on generated data: demo/index.html
	OMP_WAIT_POLICY=passive $(BIN)/drummernet demo --out demo

test: $(VENV)/installed-test lint  ## the default suite, on the installed wheel, from an empty folder
	rm -rf $(VENV)/empty && mkdir $(VENV)/empty
	cd $(VENV)/empty && $(TESTS) -p no:cacheprovider -n 2 "$(CURDIR)/tests"

test-slow: $(VENV)/installed-test  ## what takes minutes rather than seconds
	rm -rf $(VENV)/empty && mkdir $(VENV)/empty
	cd $(VENV)/empty && $(TESTS) -p no:cacheprovider -m slow "$(CURDIR)/tests"

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

kits:  ## the packages whose sounds the sampled kits use
	@command -v apt-get > /dev/null || \
		{ echo "make kits: no apt-get here; the sounds are in the Debian packages $(KIT_PACKAGES)" >&2; exit 1; }
	@test "$$(id -u)" = 0 || { echo "make kits: installs packages, so needs root: sudo make kits" >&2; exit 1; }
	apt-get install --yes --no-install-recommends $(KIT_PACKAGES)

learning-curve: $(VENV)/installed  ## experiments/learning_curve anew, about an hour
	$(BIN)/python experiments/learning_curve/run.py

ablations: $(VENV)/installed  ## the paper's ablations, two hours of a core; RECORDINGS="mdb:FOLDER …", GROOVES=FOLDER
	$(BIN)/python experiments/ablations/run.py runs/ablations --recordings $(RECORDINGS) --grooves $(or $(GROOVES),generator)

label-free: $(VENV)/installed  ## what each idea is worth, three hours of a core; GROOVES=FOLDER, RECORDINGS="mdb:FOLDER …"
	$(BIN)/python experiments/label_free/run.py runs/label_free --grooves "$(GROOVES)" --recordings $(RECORDINGS)

pretrained: $(VENV)/installed  ## the packaged weights anew, two hours of a core; GROOVES=FOLDER, RECORDINGS="mdb:FOLDER …"
	OMP_NUM_THREADS=1 $(BIN)/python experiments/label_free/pretrain.py runs/pretrained --grooves $(GROOVES) --sets $(RECORDINGS)

throughput: $(VENV)/installed  ## speed of a step and of a transcription, as ratios to the committed ones
	$(BIN)/python experiments/throughput/run.py --again

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip build
	touch $@

$(VENV)/installed: $(VENV)/created $(CONSTRAINTS) $(SOURCES)
	rm -rf $(VENV)/dist
	$(BIN)/python -m build --outdir $(VENV)/dist . > $(VENV)/build.log || (cat $(VENV)/build.log; false)
	$(PIP) install --constraint $(CONSTRAINTS) $(VENV)/dist/*.whl
	$(PIP) install --force-reinstall --no-deps $(VENV)/dist/*.whl
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) install --constraint $(CONSTRAINTS) "$$(ls $(VENV)/dist/*.whl)[test]"
	touch $@

clean:
	rm -rf $(VENV) demo dist build
