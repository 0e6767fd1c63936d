package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"onsale/internal/sale"
)

// column is one column of a sale's definition. at is where its value stands: what is
// written, and where it is scanned to.
type column struct {
	name string
	at   func(*sale.Sale) any
}

// columns are those that are the definition, once and for all. Total is what the sale was
// opened with. Beside them a row has its id, and whether it is closed since when.
var columns = []column{
	{"title", func(d *sale.Sale) any { return (*octets)(&d.Title) }},
	{"subtitle", func(d *sale.Sale) any { return (*octets)(&d.Subtitle) }},
	{"kind", func(d *sale.Sale) any { return &d.Kind }},
	{"price", func(d *sale.Sale) any { return &d.Price }},
	{"currency", func(d *sale.Sale) any { return &d.Currency }},
	{"face_value", func(d *sale.Sale) any { return &d.FaceValue }},
	{"rules", func(d *sale.Sale) any { return (*octets)(&d.Rules) }},
	{"per_buyer", func(d *sale.Sale) any { return &d.Limit }},
	{"lapses", func(d *sale.Sale) any { return &d.Lapses }},
	{"hold_ms", func(d *sale.Sale) any { return (*milliseconds)(&d.HoldFor) }},
	{"opens_at", func(d *sale.Sale) any { return (*moment)(&d.Opens) }},
	{"closes_at", func(d *sale.Sale) any { return (*moment)(&d.Closes) }},
	{"admission", func(d *sale.Sale) any { return (*octets)(&d.Admission) }},
	{"draw_at", func(d *sale.Sale) any { return (*moment)(&d.DrawAt) }},
	{"line_rate", func(d *sale.Sale) any { return &d.LineRate }},
	{"line_limit", func(d *sale.Sale) any { return &d.LineLimit }},
	{"proof_easy", func(d *sale.Sale) any { return &d.ProofEasy }},
	{"beacon", func(d *sale.Sale) any { return (*octets)(&d.Beacon) }},
	{"line_secret", func(d *sale.Sale) any { return (*octets)(&d.LineSecret) }},
	{"line_seed", func(d *sale.Sale) any { return (*octets)(&d.LineSeed) }},
	{"pay_url", func(d *sale.Sale) any { return (*octets)(&d.PayURL) }},
	{"opened_total", func(d *sale.Sale) any { return &d.Total }},
}

// openedSQL takes id, closed, closed_changed_at and the definition. Another definition sets
// a NULL, as the statements of commit.go do.
var openedSQL = fmt.Sprintf(`
INSERT INTO sales AS s (id, closed, closed_changed_at, %s) VALUES ($1, $2, $3, %s)
ON CONFLICT (id) DO UPDATE SET title = NULL
WHERE (%s) IS DISTINCT FROM (%s)`,
	list(func(_ int, name string) string { return name }),
	list(func(i int, _ string) string { return fmt.Sprintf("$%d", i+4) }),
	list(func(_ int, name string) string { return "s." + name }),
	list(func(_ int, name string) string { return "excluded." + name }))

// uniteDefinitionSQL takes the same; another definition takes the place of the recorded one.
var uniteDefinitionSQL = fmt.Sprintf(`
INSERT INTO sales AS s (id, closed, closed_changed_at, %s) VALUES ($1, $2, $3, %s)
ON CONFLICT (id) DO UPDATE SET (%s) = (%s)`,
	list(func(_ int, name string) string { return name }),
	list(func(i int, _ string) string { return fmt.Sprintf("$%d", i+4) }),
	list(func(_ int, name string) string { return name }),
	list(func(_ int, name string) string { return "excluded." + name }))

// changedSQL takes id and the definition as it is since.
var changedSQL = fmt.Sprintf(`UPDATE sales SET (%s) = (%s) WHERE id = $1`,
	list(func(_ int, name string) string { return name }),
	list(func(i int, _ string) string { return fmt.Sprintf("$%d", i+2) }))

// definitionSQL brings closed and the definition.
var definitionSQL = fmt.Sprintf(`SELECT closed, %s FROM sales WHERE id = $1`,
	list(func(_ int, name string) string { return name }))

func list(item func(i int, name string) string) string {
	items := make([]string, len(columns))
	for i, c := range columns {
		items[i] = item(i, c.name)
	}
	return strings.Join(items, ", ")
}

// values are where the definition's values stand, in the columns' order.
func values(d *sale.Sale) []any {
	v := make([]any, len(columns))
	for i, c := range columns {
		v[i] = c.at(d)
	}
	return v
}

// octets is a text that somebody typed, in a column of bytea.
type octets string

// BytesValue is called by pgx.
func (o octets) BytesValue() ([]byte, error) { return []byte(o), nil }

// ScanBytes is called by pgx.
func (o *octets) ScanBytes(v []byte) error { *o = octets(v); return nil }

// milliseconds is a duration in a column of bigint.
type milliseconds time.Duration

// Int64Value is called by pgx.
func (m milliseconds) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: time.Duration(m).Milliseconds(), Valid: true}, nil
}

// ScanInt64 is called by pgx.
func (m *milliseconds) ScanInt64(v pgtype.Int8) error {
	*m = milliseconds(time.Duration(v.Int64) * time.Millisecond)
	return nil
}

// moment is an instant in a column of timestamptz; NULL is one that the sale does not have.
type moment sale.Instant

// TimestamptzValue is called by pgx.
func (m moment) TimestamptzValue() (pgtype.Timestamptz, error) {
	if m == 0 {
		return pgtype.Timestamptz{}, nil
	}
	return pgtype.Timestamptz{Time: sale.Instant(m).Time(), Valid: true}, nil
}

// ScanTimestamptz is called by pgx.
func (m *moment) ScanTimestamptz(v pgtype.Timestamptz) error {
	*m = 0
	if v.Valid {
		*m = moment(instant(v.Time))
	}
	return nil
}
