# make help lists the targets.
.DEFAULT_GOAL := help
GO ?= go

.PHONY: help build test race lint bench bench-edge attack-edge bench-lab h2spec journeys fuzz docs demo ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## a stripped binary in bin/waypost
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/waypost ./cmd/waypost

test: ## all tests
	$(GO) test ./...

race: ## all tests under the race detector
	$(GO) test -race ./...

lint: ## golangci-lint, as CI runs it
	golangci-lint run ./...

bench: ## edge hits, cached DNS answers, a page load: docs/BENCHMARKS.md
	$(GO) test -run '^$$' -bench 'BenchmarkHit(1K|64K)$$' -benchmem ./edge
	$(GO) test -run '^$$' -bench 'BenchmarkCachedAnswer' -benchmem ./dns/resolver
	$(GO) test -run '^$$' -bench 'BenchmarkPageLoad' -benchmem ./demo

bench-edge: ## the edge beside nginx, HAProxy and Varnish, where they are installed
	$(GO) run ./scripts/bench-edge

attack-edge: build ## all of docs/ATTACKS.md against a running edge
	$(GO) run ./scripts/attack-edge

bench-lab: ## TCP payload, requests, idle connections and 200 hosts in the lab
	$(GO) test -run '^$$' -bench . -benchmem ./tcp ./stack ./lab

h2spec: ## HTTP/2 held to h2spec
	scripts/h2spec.sh

journeys: ## the ready journeys
	$(GO) run ./cmd/waypost lab run

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME (20s)
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

docs: ## write the generated files in docs/ anew
	$(GO) test ./trace ./node -update

demo: ## the demo internet, until interrupted
	$(GO) run ./cmd/waypost demo

ci: ## what CI runs
	.ci/run

clean: ## remove what was built
	rm -rf bin
