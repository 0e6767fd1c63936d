# What a newcomer, CI and an operator's laptop run. `make` lists it.

GO ?= go

.DELETE_ON_ERROR:

# Where timing and interleaving matter most: run often, they find what once does not.
CONCURRENT = ./internal/localstock/... ./internal/remotestock/... ./internal/checkout/... \
	./internal/membership/... ./internal/rebalance/... ./internal/upstream/... ./internal/ledger/...
COUNT ?= 20

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install the programs that tests start: redis-server, nginx, PostgreSQL, PgBouncer, nftables (Debian; asks apt only for what is missing)
	@.ci/deps

.PHONY: build
build: ## Build node, allocator, ledger and onsale into bin/
	$(GO) build -ldflags "-X onsale/internal/app.commit=$$(git describe --always --abbrev=12 --exclude '*' --dirty=+ 2>/dev/null)" -o bin/ ./cmd/...

.PHONY: check
check: deps ## Look for faults without running: format, vet, staticcheck, go.mod, Nginx and compose files
	@.ci/check

# Whole sales and failures on real sites, one after the other: their time goes into waiting.
SLOW = onsale/bench onsale/bench/strategy onsale/cmd/onsale onsale/internal/testbed

.PHONY: test
test: deps ## Run every test under the race detector, in random order, but those of slow
	@GO=$(GO) .ci/test "6 minutes" -race -shuffle=on -timeout=20m $$($(GO) list ./... | grep -vx $(addprefix -e ,$(SLOW)))

.PHONY: slow
slow: deps ## Run the tests of whole sites: of onsale dev and of the bench commands, which sell whole sales, lose parts of them and fail over
	@GO=$(GO) .ci/test "15 minutes" -race -shuffle=on -p 1 -timeout=30m $(SLOW)

.PHONY: race
race: deps ## Run the concurrent packages' tests COUNT (20) times over
	$(GO) test -race -shuffle=on -count=$(COUNT) -timeout=60m $(CONCURRENT)

.PHONY: bench
bench: deps ## Measure: allocations, the ledger, whole sales while parts of them die, audited, and costs beside a bare server
	$(GO) test -run '^$$' -bench 'Take|SoldOut|Verify' -benchmem ./internal/localstock ./internal/buyerapi ./internal/token
	$(GO) test -run '^$$' -bench . ./internal/ledger/postgres
	$(GO) run ./bench headline
	$(GO) run ./bench orders
	$(GO) run ./bench ratios

# A compose file can't make secrets, and none are shipped. The folder is its
# owner's alone; the files can be read by all, because in a container a mounted
# file has to be readable by a user that this machine does not know.
.PHONY: secrets
secrets: secrets/gossip-key secrets/admin-token secrets/token-keys.json secrets/webhook-secrets ## Make the keys that docker-compose.yml mounts, where they are missing
	@chmod 644 $^

RANDOM32 = head -c 32 /dev/urandom | base64 | tr -d '\n'
BASE64URL = tr '+/' '-_' | tr -d '='

secrets/gossip-key: | secrets/
	@$(RANDOM32) > $@

secrets/admin-token: | secrets/
	@$(RANDOM32) | $(BASE64URL) > $@

secrets/token-keys.json: | secrets/
	@printf '{"keys":[{"kty":"oct","kid":"%s","alg":"HS256","k":"%s"}]}\n' \
		"$$(date +%Y-%m-%d)" "$$($(RANDOM32) | $(BASE64URL))" > $@

secrets/webhook-secrets: | secrets/
	@echo "whsec_$$($(RANDOM32))" > $@

secrets/:
	@mkdir -m 700 secrets
