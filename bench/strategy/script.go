package strategy

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

var scriptEntry = Entry{
	Name:    "redis-lua",
	Title:   "Redis, one Lua call a request",
	About:   "A script checks the buyer and the stock, counts down and appends the order record, all in one step. Each request calls it once.",
	Durable: true,
	Stores:  Stores{Redis: true},
	Make: func(ctx context.Context, c Config) (Strategy, error) {
		s, err := newStore(ctx, c)
		if err != nil {
			return nil, err
		}
		return script{s}, nil
	},
}

//go:embed buy.lua
var buySource string

// buy is called by its digest, and sent whole where Redis does not know it, which
// proves that the first call did not run.
var buy = redis.NewScript(buySource)

var outcomes = map[any]Outcome{"sold": Sold, "replayed": Replayed, "sold-out": SoldOut}

// script asks Redis for each buyer.
type script struct{ *store }

// Buy implements Strategy.
func (s script) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	stock, buyers, orders := keys(name)
	return verdict(buy.Run(ctx, s.client, []string{stock, buyers, orders}, buyer, newID().String()))
}

// verdict reads the script's reply.
func verdict(cmd *redis.Cmd) (Outcome, string, error) {
	reply, err := cmd.Slice()
	if err != nil {
		return NoOutcome, "", sent("buy", err)
	}
	if len(reply) == 2 {
		order, _ := reply[1].(string)
		if o, ok := outcomes[reply[0]]; ok {
			return o, order, nil
		}
		if reply[0] == "no-sale" {
			return NoOutcome, "", fmt.Errorf("buy: %w", sale.ErrNoSale)
		}
	}
	return NoOutcome, "", fmt.Errorf("buy: %w: the script answered %v", sale.ErrUnknown, reply)
}
