# Thin front to Meson. `make help` lists the targets.
BUILD ?= build
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?=
CHECK ?=

.PHONY: all deps demo check bench fuzz install clean help

all: deps
	@test -d $(BUILD) || meson setup $(BUILD)
	@ninja -C $(BUILD)

deps:
	@tools/install-deps

demo: all
	@tools/demo

check: all
	@tools/check $(CHECK)

fuzz: deps
	@tools/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

bench: all
	@/usr/bin/python3 bench/bench.py

install: all
	@meson install -C $(BUILD)

clean:
	@rm -rf build build-asan build-fuzz

help:
	@echo "make          build build/assay (installs missing packages first)"
	@echo "make demo     scan a disk image made from Debian packages (root)"
	@echo "make check    all tests; CHECK=\"unit tests/e2e/test_db.py\" for some (tools/check)"
	@echo "make fuzz     every fuzz target for FUZZ_SECONDS=600; FUZZ_TARGETS=\"xfs btrfs\" for some"
	@echo "make bench    measure, beside other tools (root; makes its disks first)"
	@echo "make install  install"
	@echo "make clean    remove the build folders"
	@echo "make deps     only install missing packages"
