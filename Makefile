# What a newcomer, CI and an operator's laptop run. `make` lists it.

GO ?= go

.DELETE_ON_ERROR:

# Where timing and interleaving matter most: run often, they find what once does not.
CONCURRENT = ./internal/localstock/... ./internal/remotestock/... ./internal/checkout/... \
	./internal/membership/... ./internal/rebalance/... ./internal/upstream/... ./internal/ledger/...
COUNT ?= 20

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install the programs that tests start: redis-server, nginx, PostgreSQL, PgBouncer, nftables, Prometheus, Alertmanager, Chromium (Debian; asks apt only for what is missing)
	@.ci/deps

.PHONY: build
build: ## Build node, allocator, ledger and onsale into bin/
	$(GO) build -ldflags "-X onsale/internal/app.commit=$$(git describe --always --abbrev=12 --exclude '*' --dirty=+ 2>/dev/null)" -o bin/ ./cmd/...

.PHONY: check
check: deps ## Look for faults without running: format, vet, staticcheck, go.mod, Nginx and compose files
	@.ci/check

# Whole sales and failures on real sites, and of the servers that these are made of, one after the
# other: their time goes into waiting.
SLOW = onsale/bench onsale/bench/strategy onsale/cmd/onsale onsale/deploy onsale/docs/commands onsale/internal/adminapi/board onsale/internal/testbed onsale/internal/testbed/hostile \
	onsale/internal/testbed/journey onsale/internal/testbed/process onsale/web
# These wait minutes for rules to fire.
WATCHED = ^(TestOnARunningSite|TestOutagesFireTheirAlerts)$$
# The longest of the others start first, so that none of them is left over at the end. Three at a time,
# as two of them would keep the rest from being built while they wait.
LONG = onsale/internal/remotestock onsale/internal/ledger onsale/nginx onsale/internal/app

.PHONY: test
test: deps ## Run every test under the race detector, in random order, but those of slow (check vets)
	@GO=$(GO) .ci/test "6 minutes" -race -vet=off -shuffle=on -p 3 -timeout=20m $(LONG) $$($(GO) list ./... | grep -vx $(addprefix -e ,$(SLOW) $(LONG)))

.PHONY: slow
slow: deps ## Run the tests of whole sites: of onsale dev and of the bench commands, which sell whole sales, lose parts of them and fail over
	@GO=$(GO) .ci/test "15 minutes" -race -vet=off -shuffle=on -p 1 -timeout=30m -skip '$(WATCHED)' $(SLOW)

.PHONY: alerts-test
alerts-test: deps ## Watch a site with Prometheus: each panel has data, and breaking its parts fires the alerts that it should
	@GO=$(GO) .ci/test "9 minutes" -count=1 -v -timeout=30m -run '$(WATCHED)' ./deploy

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

# What misses a bound of its own is measured all the same.
.PHONY: costs
costs: deps ## Measure what onsale plan computes with, on a quiet machine, and renew the tables of docs/scale.md
	for of in edge ratios redis waiting connections; do $(GO) run ./bench $$of --json internal/capacity/measured/$$of.json; done
	$(GO) test ./internal/capacity -update

.PHONY: compose-test
compose-test: deps ## Bring docker-compose.yml up on a Docker engine, sell, scale and break it meanwhile, and audit it; without a registry
	$(GO) run ./bench stack --interrupt "scale 3 to 6"
	$(GO) run ./bench stack

.PHONY: roll
roll: ## Replace the containers of the nodes one by one, while they sell: for a new image or new settings
	@deploy/roll.sh

# A compose file can't make secrets, and none are shipped.
SECRETS ?= secrets
.PHONY: secrets
secrets: ## Make the keys that docker-compose.yml mounts, where they are missing
	@deploy/secrets.sh $(SECRETS)

OUT ?= out
.PHONY: deb
deb: ## Build the Debian package in OUT (out/)
	@GO=$(GO) deploy/debian/build.sh $(OUT)

.PHONY: deb-test
deb-test: deps ## Install the Debian package in a container with systemd, sell, upgrade, remove and purge it
	@GO=$(GO) deploy/debian/test.sh
