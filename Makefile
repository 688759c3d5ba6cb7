# Thin front to Meson. `make help` lists the targets.
BUILD ?= build

.PHONY: all deps demo check install clean help

all: deps
	@test -d $(BUILD) || meson setup $(BUILD)
	@ninja -C $(BUILD)

deps:
	@tools/install-deps

demo: all
	@tools/demo

check: all
	@tools/check

install: all
	@meson install -C $(BUILD)

clean:
	@rm -rf build build-asan build-fuzz

help:
	@echo "make          build build/assay (installs missing packages first)"
	@echo "make demo     scan a disk image made from Debian packages (root)"
	@echo "make check    all tests"
	@echo "make install  install"
	@echo "make clean    remove the build folders"
