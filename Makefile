# The two commands that matter: make demo, make test. Everything else is a part of them.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(CURDIR)/bin:$(PATH)

.PHONY: demo demo-down test check bench deps gen format update-goldens clean

## demo: two clusters, the guide, helloworld in both, and a picture of the mesh
demo: deps
	@bin/isthmus demo

## demo-down: leaves nothing of the demo behind
demo-down: deps
	@bin/isthmus demo down

## test: every test, those against real Envoy and real Kubernetes included
test: deps
	@node tools/test.ts

## check: types, lint, import rules, unit and golden tests
check: deps
	@node tools/check.ts

## bench: the measurements of docs/performance.md (ARGS=--quick for a first impression)
bench: deps
	@node bench/run.ts $(ARGS)

## deps: what the machine and the checkout need
deps: node_modules/.stamp
	@node tools/gen.ts

node_modules/.stamp: package-lock.json tools/prepare.sh
	@tools/prepare.sh

gen: deps

format: deps
	@biome check --write .

update-goldens: deps
	@UPDATE_GOLDENS=1 vitest run src

clean:
	rm -rf node_modules src/gen .cache
