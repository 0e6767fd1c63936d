package strategy

import "context"

var versionEntry = Entry{
	Name:  "postgres-version",
	Title: "PostgreSQL, optimistic by version",
	About: "Stock and version are read without a lock; the update, with the order in the same statement, counts only " +
		"if nobody changed the version meanwhile. The loser reads again, a bounded number of times.",
	Durable: true,
	Lacks:   []string{"a verdict for everybody: a buyer who loses every attempt is answered busy though tickets are left"},
	Stores:  Stores{Postgres: true},
	Make:    onPostgres(func(p *postgres, c Config) Strategy { return version{p, c.Attempts} }),
}

// version lets everybody read and one of them write. There is no pause between
// two attempts: the update itself waits for the winner's commit.
type version struct {
	*postgres
	attempts int
}

// takeVersionSQL is a whole transaction in one round trip.
const takeVersionSQL = `
WITH taken AS (
	UPDATE strategy.sales SET stock = stock - 1, version = version + 1
	WHERE sale = $1 AND version = $2 RETURNING sale
)
INSERT INTO strategy.orders (id, sale, buyer) SELECT $3, sale, $4 FROM taken`

// Buy implements Strategy.
func (v version) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	id := newID()
	for range v.attempts {
		s, err := v.look(ctx, name, buyer)
		if err != nil {
			return NoOutcome, "", err
		}
		if o, order, decided := s.decide(); decided {
			return o, order, nil
		}
		conn, err := v.pool.Acquire(ctx)
		if err != nil {
			return NoOutcome, "", read("connection", err)
		}
		done, err := conn.Exec(ctx, takeVersionSQL, name, s.version, id, []byte(buyer))
		conn.Release()
		// The unique index is never hit: an order of the buyer's since the look would
		// have changed the version.
		switch {
		case err != nil:
			return NoOutcome, "", wrote("take", err)
		case done.RowsAffected() == 1:
			return Sold, id.String(), nil
		}
	}
	return Conflict, "", nil
}
