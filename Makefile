# Everything a newcomer and CI run. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint unit molecule cluster releases installed vm matrix docs venv lab clean

# The checkout's own tools before all others; those of another ansible-core: CORE=2.16.
export PATH := $(CURDIR)/.venv$(addprefix -,$(CORE))/bin:$(PATH)
export LAB_HTTP_PORT ?= 8080

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Boot a CentOS-family host, deploy two applications to it, show them
	@tools/demo.sh

test: ## Everything that proves it works, with the time each part took
	@tools/test.sh lint+unit cores molecule releases installed

test-all: ## The same with all cases of a fleet, and the virtual machine: most of two hours where KVM does not work
	@CASES= tools/test.sh lint+unit cores molecule releases installed vm

lint: ## Linters, types, Ansible's sanity tests, and whether the reference is up to date
	@tools/test.sh lint

unit: ## Plugins, templates, role interfaces and the sample application; no host
	@tools/test.sh unit

molecule: ## The scenarios, each on a lab host of its own (one: make molecule SCENARIO=nginx; LAB_PLATFORM=standin10: on that release)
	@tools/test.sh molecule

releases: ## Scenario `default` on the stand-ins of EL 8 and EL 10
	@tools/test.sh releases

installed: ## The collection as a tarball, installed elsewhere, used from there
	@tools/test.sh installed

cluster: ## All cases of a fleet: load balancers and hosts that die, are cut off, drained, updated, replaced; a part is in `make test`
	@SCENARIO=cluster tools/test.sh molecule

vm: ## Limits, address filters, reboots and power cuts, in a virtual machine; not part of `make test`
	@tools/test.sh vm

matrix: ## Each ansible-core, each release, hosts' Pythons; notes what is supported (some: make matrix CELLS='unit-*')
	@tools/matrix.sh $(if $(CELLS),$(foreach cell,$(CELLS),'$(cell)'))

docs: venv ## Write the reference anew: roles' READMEs and docs/reference.md
	@tools/reference.py

venv: ## The control node's environment, .venv, from uv.lock (.venv-2.16 for EL 8: make venv CORE=2.16)
	@tools/venv.sh

lab: ## What lab hosts need on this machine: podman and the image
	@tools/lab.sh

clean: ## Remove hosts, images, environments: all that the other targets made
	@tools/clean.sh
