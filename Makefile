# Everything a newcomer and CI run. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint unit molecule installed docs venv lab clean

# The checkout's own tools before all others.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LAB_HTTP_PORT ?= 8080

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Boot a CentOS-family host, deploy two applications to it, show them
	@tools/demo.sh

test: ## Everything that proves it works, with the time each part took
	@tools/test.sh lint+unit molecule installed

lint: ## Linters, types, Ansible's sanity tests, and whether the reference is up to date
	@tools/test.sh lint

unit: ## Plugins, templates, role interfaces and the sample application; no host
	@tools/test.sh unit

molecule: ## The scenarios, each on a lab host of its own (one: make molecule SCENARIO=nginx)
	@tools/test.sh molecule

installed: ## The collection as a tarball, installed elsewhere, used from there
	@tools/test.sh installed

docs: venv ## Write the reference anew: roles' READMEs and docs/reference.md
	@tools/reference.py

venv: ## The control node's environment, .venv, from uv.lock
	@tools/venv.sh

lab: ## What lab hosts need on this machine: podman and the image
	@tools/lab.sh

clean: ## Remove hosts, images, environments: all that the other targets made
	@tools/clean.sh
