# `make run` starts a server, `make test` checks everything; `make help` lists the rest.

PORT ?= 6379
SECONDS ?= 60
SERVER := .build/release/martlet-server
BUILD := swift build -c release --static-swift-stdlib --explicit-target-dependency-import-check error
# redis-server is what the client tests and benchmarks compare with.
BUILD_PACKAGES := libjemalloc-dev libssl-dev liblua5.1-0-dev liblz4-dev libzstd-dev
TEST_PACKAGES := $(BUILD_PACKAGES) redis-server redis-tools tcl python3 python3-venv ruby-sidekiq strace xz-utils

.PHONY: help run cluster build test bench format fuzz fuzz-scripts fuzz-payloads fuzz-tables fuzz-files thread-sanitizer build-packages test-packages

help:
	@echo "make run               build, then serve on port $(PORT) with conf/martlet.conf (PORT=n: elsewhere)"
	@echo "make cluster           build, then run a cluster of three nodes until Ctrl-C (PORT=n: ports from there on)"
	@echo "make test              install what is missing, build, lint, all tests; last line: N passed, N failed"
	@echo "make build             release build"
	@echo "make bench             compare with Valkey and Redis (bench/README.md)"
	@echo "make fuzz              feed the request parser random input for SECONDS=$(SECONDS)"
	@echo "make fuzz-scripts      feed the Lua sandbox random scripts for SECONDS=$(SECONDS)"
	@echo "make fuzz-payloads     feed RESTORE random values for SECONDS=$(SECONDS)"
	@echo "make fuzz-tables       feed the reader of tables random files for SECONDS=$(SECONDS)"
	@echo "make fuzz-files        feed the readers of log, manifest and records random bytes for SECONDS=$(SECONDS)"
	@echo "make thread-sanitizer  look for data races for SECONDS=$(SECONDS)"
	@echo "make format            format all Swift files"

build-packages:
	@tools/install-packages $(BUILD_PACKAGES)

test-packages:
	@tools/install-packages $(TEST_PACKAGES)

build: build-packages
	$(BUILD)

# redis-tools brings redis-cli, to talk to the server with.
run: build
	@tools/install-packages redis-tools
	exec $(SERVER) conf/martlet.conf --port $(PORT)

# Three nodes with data under a temporary folder.
cluster: build
	@tools/install-packages redis-tools
	@PORT=$(if $(filter command line environment,$(origin PORT)),$(PORT)) tools/cluster $(SERVER)

test: test-packages
	@tools/test

bench: build test-packages
	bench/run $(BENCH)

format:
	swift format -i -r Sources Tests Fuzz Package.swift

fuzz: build-packages
	@tools/fuzz $(SECONDS)

fuzz-scripts: build-packages
	@tools/fuzz-scripts $(SECONDS)

fuzz-payloads: build-packages
	@tools/fuzz-payloads $(SECONDS)

fuzz-tables: build-packages
	@tools/fuzz-tables $(SECONDS)

fuzz-files: build-packages
	@tools/fuzz-files $(SECONDS)

thread-sanitizer: test-packages
	@tools/thread-sanitizer $(SECONDS)
