# Targets for people; `make help` lists them.
SHELL := /bin/bash
GO ?= go
EXE := $(shell $(GO) env GOEXE)
GOOS := $(shell $(GO) env GOOS)
PKG := github.com/bulkhead-ml/bulkhead
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
TOOLS := $(CURDIR)/bin/tools
LDFLAGS := -s -w
# Without its tracing pages gRPC brings no HTML templates into each plugin, which
# makes them a third smaller and quicker to start.
TAGS := grpcnotrace
PLUGINS := gpu docker python system tables data algorithms

source-gpu := plugins/builtin-gpu
source-docker := plugins/builtin-docker
source-python := plugins/builtin-python
source-system := plugins/builtin-system
source-tables := plugins/builtin-tables
source-data := plugins/kernels/data
source-algorithms := plugins/kernels/algorithms

# Only the GPU plugin uses cgo, and only where a C compiler is at hand: it then
# asks NVML as well as files.
CC_FOUND := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo 1 || echo 0)
cgo-gpu := $(if $(filter linux,$(GOOS)),$(CC_FOUND),0)

.DEFAULT_GOAL := build
.PHONY: help build plugins run test test-long corpus lint fmt bench fuzz docs proto cross tools clean FORCE

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

build: plugins ## Build the host and its plugins into bin/.
	@pins=$$(cat $(foreach p,$(PLUGINS),bin/plugins/$(p)/pin) | paste -sd, -); \
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags "$(LDFLAGS) -X $(PKG)/host/catalog.pins=$$pins -X $(PKG)/sdk/version.Commit=$(COMMIT)" \
		-o bin/bulkhead$(EXE) ./host/cmd/bulkhead

plugins: $(foreach p,$(PLUGINS),bin/plugins/$(p)/pin)

# Go's own cache decides what is compiled again; a manifest is stamped anew
# only when its executable or source changed. Whatever the umask is, a root host
# starts plugins under uids of their own.
bin/plugins/%/pin: FORCE
	@mkdir -p $(@D)
	@CGO_ENABLED=$(or $(cgo-$*),0) CGO_CFLAGS="-O2 -Wno-deprecated-declarations" $(GO) build -trimpath -tags $(TAGS) -ldflags "$(LDFLAGS)" -o $(@D)/bulkhead-plugin-$*$(EXE) ./$(source-$*)
	@chmod 755 $(@D)/bulkhead-plugin-$*$(EXE)
	@$(GO) run ./registry/cmd/stamp $(source-$*)/manifest.json $(@D)/bulkhead-plugin-$*$(EXE) > $@

FORCE:

run: build ## Diagnose this machine, then run the example pipeline.
	@bin/bulkhead$(EXE) doctor || test $$? -le 2
	@echo
	@bin/bulkhead$(EXE) run examples/breast-cancer

test: build ## Run all tests but the slow ones.
	$(GO) vet ./...
	BULKHEAD_TEST_BIN=$(CURDIR)/bin $(GO) test -short -timeout 30m ./...

test-long: build ## Run all tests, with the race detector and the slow ones (a container engine, a virtual machine, environments from PyPI).
	BULKHEAD_VM_TESTS=1 BULKHEAD_LONG_TESTS=1 BULKHEAD_TEST_BIN=$(CURDIR)/bin $(GO) test -race -timeout 60m ./...

corpus: build ## Score the doctor on the corpus of machines: recall, false alarms, root cause first.
	bin/bulkhead$(EXE) corpus score testdata/machines

lint: tools ## Check style, layers, generated code and module files.
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	$(TOOLS)/golangci-lint run ./...
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf lint
	@$(MAKE) --no-print-directory proto-fresh cross

.PHONY: proto-fresh
proto-fresh: tools ## Fail when generated code is not what the .proto files give.
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate -o "$$tmp" && diff -r --exclude='*.proto' "$$tmp/sdk/proto" sdk/proto && echo "generated code is fresh"

fmt: tools ## Format Go, .proto and the example configurations.
	gofmt -w $$(git ls-files '*.go')
	$(TOOLS)/buf format -w

proto: tools ## Generate Go code from the .proto files.
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate

bench: build ## Print the speed of this build, side by side with others.
	$(GO) test -run '^$$' -bench . -benchtime 20x ./host/sandbox ./host/plugin ./host/cli
	$(GO) test -run '^$$' -bench . ./internal/planebench
	$(GO) test -run '^$$' -bench "Overhead|Call" -benchtime 20x ./host/telemetry
	$(GO) test -run '^$$' -bench . ./registry/solve ./registry/lock ./registry/install ./registry/trust

FUZZTIME ?= 10s
fuzz: ## Fuzz every decoder of foreign bytes for FUZZTIME each.
	@set -e; for pkg in $$($(GO) list ./...); do \
		dir=$$($(GO) list -f '{{.Dir}}' $$pkg); \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go 2>/dev/null | sed 's/func //'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$pkg; \
		done; \
	done
	BULKHEAD_LONG_TESTS=1 $(GO) test -timeout 60m -run TestHostileBatches ./sdk/table

docs: ## Generate the reference pages under docs/reference.
	$(GO) run ./host/cmd/docgen docs/reference

cross: ## Check that the host and the plugins compile for every platform.
	@set -e; for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
		echo "compiling for $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build ./... ; \
	done

tools: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc $(TOOLS)/golangci-lint ## Install the pinned development tools into bin/tools.

$(TOOLS)/buf:
	GOBIN=$(TOOLS) $(GO) install github.com/bufbuild/buf/cmd/buf@v1.75.0
$(TOOLS)/protoc-gen-go:
	GOBIN=$(TOOLS) $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
$(TOOLS)/protoc-gen-go-grpc:
	GOBIN=$(TOOLS) $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

clean: ## Remove what was built.
	rm -rf bin dist coverage.out

# Releases: docs/releasing.md.
.PHONY: release-tools release-check snapshot reproducible release-digest vuln licences checkversion
GORELEASER_VERSION := v2.15.0
COSIGN_VERSION := v3.0.2
GOVULNCHECK_VERSION := v1.9.0

release-tools: $(TOOLS)/goreleaser $(TOOLS)/cacert.pem $(TOOLS)/zig ## Install what a release is built with into bin/tools.

$(TOOLS)/goreleaser:
	GOBIN=$(TOOLS) $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
$(TOOLS)/cosign:
	GOBIN=$(TOOLS) $(GO) install github.com/sigstore/cosign/v3/cmd/cosign@$(COSIGN_VERSION)
$(TOOLS)/govulncheck:
	GOBIN=$(TOOLS) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
# The certificates in the container image, by hash.
$(TOOLS)/cacert.pem: packaging/cacert.txt
	@mkdir -p $(TOOLS)/cacert
	python3 -m pip download --quiet --no-deps --require-hashes --dest $(TOOLS)/cacert -r packaging/cacert.txt
	python3 -c 'import glob,zipfile; [print(zipfile.ZipFile(f).read("certifi/cacert.pem").decode(),end="") for f in glob.glob("$(TOOLS)/cacert/*.whl")]' > $@.new
	@rm -rf $(TOOLS)/cacert && mv $@.new $@

# The C compiler of the GPU plugin, by hash.
$(TOOLS)/zig: packaging/zig.txt
	@rm -rf $@ $@.new
	python3 -m pip install --quiet --no-deps --no-compile --require-hashes --target $@.new -r packaging/zig.txt
	@mv $@.new/ziglang $@ && touch $@ && rm -rf $@.new

checkversion: ## Check that all places name one version; TAG=vX.Y.Z also that a release may bear that tag.
	$(GO) run ./packaging/checkversion $(TAG)

release-check: release-tools checkversion ## Check the configuration of releases.
	$(TOOLS)/goreleaser check

snapshot: release-tools ## Build a release into dist/, neither signed nor published.
	$(TOOLS)/goreleaser release --snapshot --clean --skip=docker,sign,publish

# PLATFORMS=all, or such as "linux_amd64 windows_arm64".
reproducible: release-tools ## Build a release of the last commit twice and compare every byte; PLATFORMS=all for more than this one.
	$(GO) run ./packaging/reproduce $(PLATFORMS)

# Two machines that print the same line built the same release.
release-digest: release-tools ## Build the release of the tag that is checked out and print the digest of its checksums.
	$(TOOLS)/goreleaser release --clean --skip=docker,sign,publish >&2
	@sha256sum < dist/checksums.txt | cut -d' ' -f1

vuln: $(TOOLS)/govulncheck ## Look for known vulnerabilities in what is called (asks vuln.go.dev).
	$(TOOLS)/govulncheck -tags $(TAGS) ./...

licences: ## Check that every library of a release may be in it.
	BULKHEAD_LONG_TESTS=1 $(GO) test -count=1 -run TestLicences ./internal/releasetest
