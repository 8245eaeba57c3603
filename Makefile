# Everything a developer runs; `make` lists it. CI runs the same targets.
CARGO ?= cargo
PREFIX ?= /usr
DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help test lint fmt soak units demo build install service-test

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

test: ## every test, against real SQLite, HTTP and the simulated N720
	$(CARGO) test --workspace --quiet

# How many cases of each property, and of which random numbers: a failure is seen again by giving both.
CASES ?= 3000
ifndef SEED
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif

soak: ## random cases that no run has seen: CASES of each property by SEED, about an hour
	@echo 'make soak CASES=$(CASES) SEED=$(SEED)'
	PROPTEST_CASES=$(CASES) PROPTEST_RNG_SEED=$(SEED) $(CARGO) test --quiet --no-fail-fast --lib \
		--test alerting --test judgement --test planner_properties --test adoption --test pages

lint: ## formatting, clippy with warnings as errors, docs
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items --quiet

fmt: ## format the code
	$(CARGO) fmt --all

units: ## check the systemd files where systemd-analyze is installed
	tests/units.sh

demo: ## the main job on simulated N720s, in about two minutes
	$(CARGO) build --bin n720d --example demo
	$(CARGO) run --quiet --example demo

service-test: ## n720d under a real systemd (root, systemd-container)
	@# Built along with the demo, as for `make demo`: with other features everything would be built once more.
	$(CARGO) build --quiet --bin n720d --example demo
	tests/service.sh

build: ## the release binary
	$(CARGO) build --release

install: ## put the release binary, units and an example configuration in place
	install -D -m 0755 target/release/n720d $(DESTDIR)$(PREFIX)/bin/n720d
	install -D -m 0644 systemd/n720d.service $(DESTDIR)$(PREFIX)/lib/systemd/system/n720d.service
	install -D -m 0644 systemd/n720d.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/n720d.conf
	install -d -m 0750 $(DESTDIR)/etc/n720d $(DESTDIR)/etc/n720d/sites
	@# The unit loads this folder as credentials and does not start without it; it may be empty.
	install -d -m 0700 $(DESTDIR)/etc/n720d/credentials
	test -e $(DESTDIR)/etc/n720d/n720d.toml || install -m 0640 config/n720d.toml $(DESTDIR)/etc/n720d/n720d.toml
	@# A package does this in its own scripts: the user has to be there before files can be given to its group.
	test -n "$(DESTDIR)" || systemd-sysusers n720d.conf
	test -n "$(DESTDIR)" || chgrp n720d /etc/n720d /etc/n720d/sites /etc/n720d/n720d.toml
