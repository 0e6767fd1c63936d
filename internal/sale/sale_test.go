package sale_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
)

// concert is a definition without a fault.
func concert() sale.Sale {
	return sale.Sale{
		ID: "concert-2042", Title: "Concert", Kind: sale.Ticket, Price: 4950, Currency: "EUR", Total: 10_000,
		Opens: 1000, Closes: 2000, Limit: 4, HoldFor: 10 * time.Minute,
	}
}

// lined is the sale with a line, a draw and a beacon.
func lined(s sale.Sale) sale.Sale {
	s.Opens, s.Closes = 1_700_000_000_000, 0
	s.Admission, s.DrawAt, s.LineRate, s.LineLimit = sale.AdmitLine, s.Opens-3_600_000, 500, 1_000_000
	s.Beacon, s.LineSecret, s.LineSeed = "drand quicknet 7", sale.NewSecret(), sale.NewSecret()
	return s
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("x", sale.MaxTitleLength)
	rules := strings.Repeat("x", sale.MaxRulesLength)
	for name, c := range map[string]struct {
		change func(*sale.Sale)
		want   string // the one fault; empty for none
	}{
		"a ticket":  {func(*sale.Sale) {}, ""},
		"a product": {func(s *sale.Sale) { s.Kind = sale.Product }, ""},
		"a voucher": {func(s *sale.Sale) { s.Kind, s.FaceValue = sale.Voucher, 10_000 }, ""},
		"no id":     {func(s *sale.Sale) { s.ID = "" }, `sale id ""`},
		"an odd id": {func(s *sale.Sale) { s.ID = "{s}" }, `sale id "{s}"`},

		"no title":                    {func(s *sale.Sale) { s.Title = "" }, "title: want 1 to 200 bytes, got 0"},
		"the longest title":           {func(s *sale.Sale) { s.Title = long }, ""},
		"a longer title":              {func(s *sale.Sale) { s.Title = long + "x" }, "title: want 1 to 200 bytes, got 201"},
		"a title of fewer characters": {func(s *sale.Sale) { s.Title = strings.Repeat("ж", 101) }, "title: want 1 to 200 bytes, got 202"},

		"any number of lapses":     {func(s *sale.Sale) { s.Lapses = 0 }, ""},
		"the most lapses":          {func(s *sale.Sale) { s.Lapses = 255 }, ""},
		"more lapses":              {func(s *sale.Sale) { s.Lapses = 256 }, "lapses 256: want 1 to 255"},
		"a pass":                   {func(s *sale.Sale) { s.Admission, s.LineLimit = sale.AdmitJoined, 10 }, ""},
		"a line":                   {func(s *sale.Sale) { *s = lined(*s) }, ""},
		"a line without a draw":    {func(s *sale.Sale) { *s = lined(*s); s.DrawAt, s.Beacon = 0, "" }, ""},
		"the latest draw":          {func(s *sale.Sale) { *s = lined(*s); s.DrawAt = s.Opens - 60_000 }, ""},
		"a later draw":             {func(s *sale.Sale) { *s = lined(*s); s.DrawAt = s.Opens - 59_999 }, "draw_at: want it at least 1m0s before opens"},
		"a draw before 1970":       {func(s *sale.Sale) { *s = lined(*s); s.DrawAt = -1 }, "draw_at must not be before 1970"},
		"another admission":        {func(s *sale.Sale) { s.Admission, s.LineLimit = "queue", 1 }, `admission "queue": want open, pass or line`},
		"no rate":                  {func(s *sale.Sale) { *s = lined(*s); s.LineRate = 0 }, "line rate 0: want 1 to 1000000"},
		"no places":                {func(s *sale.Sale) { *s = lined(*s); s.LineLimit = 0 }, "line limit 0: want 1 to 100000000"},
		"challenges too hard":      {func(s *sale.Sale) { *s = lined(*s); s.ProofEasy = sale.MaxProofEasy + 1 }, "proof_easy 80001: want 1 to 80000"},
		"negative challenges":      {func(s *sale.Sale) { *s = lined(*s); s.ProofEasy = -1 }, "proof_easy -1: want 1 to 80000"},
		"challenges for all":       {func(s *sale.Sale) { s.ProofEasy = 1 }, "proof_easy 1: a sale that is open to all has no line to join"},
		"places for all":           {func(s *sale.Sale) { s.LineLimit = 1 }, "line limit 1: a sale that is open to all has no line"},
		"secrets for all":          {func(s *sale.Sale) { s.LineSeed = "0a" }, "a sale that is open to all has no secrets of a line"},
		"a pass with a draw":       {func(s *sale.Sale) { *s = lined(*s); s.Admission, s.LineRate = sale.AdmitJoined, 0 }, "draw_at: only admission by line has a draw"},
		"a pass with a rate":       {func(s *sale.Sale) { s.Admission, s.LineLimit, s.LineRate = sale.AdmitJoined, 1, 1 }, "line rate 1: only admission by line has one"},
		"a beacon without a draw":  {func(s *sale.Sale) { *s = lined(*s); s.DrawAt = 0 }, "beacon: only a draw has one"},
		"a beacon of two lines":    {func(s *sale.Sale) { *s = lined(*s); s.Beacon = "drand\n7" }, "beacon: want at most 200 bytes of UTF-8 without control characters, got 7"},
		"a longer beacon":          {func(s *sale.Sale) { *s = lined(*s); s.Beacon = long + "x" }, "beacon: want at most 200 bytes of UTF-8 without control characters, got 201"},
		"no subtitle":              {func(s *sale.Sale) { s.Subtitle = "" }, ""},
		"the longest subtitle":     {func(s *sale.Sale) { s.Subtitle = long }, ""},
		"a longer subtitle":        {func(s *sale.Sale) { s.Subtitle = long + "x" }, "subtitle: want at most 200 bytes of UTF-8, got 201"},
		"a subtitle that is bytes": {func(s *sale.Sale) { s.Subtitle = "\xff" }, "subtitle: want at most 200 bytes of UTF-8, got 1"},

		"no kind":      {func(s *sale.Sale) { s.Kind = "" }, `kind "": want ticket, voucher or product`},
		"another kind": {func(s *sale.Sale) { s.Kind = "Ticket" }, `kind "Ticket": want ticket, voucher or product`},

		"for nothing":           {func(s *sale.Sale) { s.Price = 0 }, ""},
		"a price below nothing": {func(s *sale.Sale) { s.Price = -1 }, "price -1"},
		"the highest price":     {func(s *sale.Sale) { s.Price, s.Limit = sale.MaxAmount, 1 }, ""},
		"a higher price":        {func(s *sale.Sale) { s.Price, s.Limit = sale.MaxAmount+1, 1 }, "price 1000000000000001"},
		"the highest amount":    {func(s *sale.Sale) { s.Price, s.Limit = 250_000_000_000_000, 4 }, ""},
		"a higher amount":       {func(s *sale.Sale) { s.Price, s.Limit = 250_000_000_000_001, 4 }, "price 250000000000001"},
		"an amount in thirds":   {func(s *sale.Sale) { s.Price, s.Limit = 333_333_333_333_333, 3 }, ""},
		"an endless price":      {func(s *sale.Sale) { s.Price = math.MaxInt64 }, "price 9223372036854775807"},

		"a voucher of the highest worth": {func(s *sale.Sale) { s.Kind, s.FaceValue = sale.Voucher, sale.MaxAmount }, ""},
		"a voucher worth more":           {func(s *sale.Sale) { s.Kind, s.FaceValue = sale.Voucher, sale.MaxAmount+1 }, "face value 1000000000000001: want 0 to 1000000000000000"},
		"a voucher worth nothing":        {func(s *sale.Sale) { s.Kind = sale.Voucher }, "face value: a voucher needs one above 0"},
		"a ticket with a face value":     {func(s *sale.Sale) { s.FaceValue = 1 }, "face value 1: only a voucher has one, not a ticket"},
		"a product with a face value":    {func(s *sale.Sale) { s.Kind, s.FaceValue = sale.Product, 1 }, "only a voucher has one, not a product"},
		"a negative face value":          {func(s *sale.Sale) { s.FaceValue = -1 }, "face value -1: want 0 to"},

		"the longest rules":    {func(s *sale.Sale) { s.Rules = rules }, ""},
		"longer rules":         {func(s *sale.Sale) { s.Rules = rules + "x" }, "rules: want at most 2000 bytes of UTF-8, got 2001"},
		"rules in lines":       {func(s *sale.Sale) { s.Rules = "Один раз.\n\tНе для перепродажи." }, ""},
		"rules that are bytes": {func(s *sale.Sale) { s.Rules = "\xff" }, "rules: want at most 2000 bytes of UTF-8, got 1"},

		"no currency":              {func(s *sale.Sale) { s.Currency = "" }, `currency "": want three capital letters`},
		"a currency in small":      {func(s *sale.Sale) { s.Currency = "eur" }, `currency "eur"`},
		"a currency of two":        {func(s *sale.Sale) { s.Currency = "EU" }, `currency "EU"`},
		"a currency of four":       {func(s *sale.Sale) { s.Currency = "EURO" }, `currency "EURO"`},
		"a currency from A":        {func(s *sale.Sale) { s.Currency = "AAZ" }, ""},
		"a currency below A":       {func(s *sale.Sale) { s.Currency = "A@A" }, `currency "A@A"`},
		"a currency above Z":       {func(s *sale.Sale) { s.Currency = "AZ[" }, `currency "AZ["`},
		"a currency of two-byters": {func(s *sale.Sale) { s.Currency = "€" }, `currency "€"`},

		"no tickets":            {func(s *sale.Sale) { s.Total = 0 }, ""},
		"tickets below nothing": {func(s *sale.Sale) { s.Total = -1 }, "total -1: want 0 to 1000000000"},
		"the most tickets":      {func(s *sale.Sale) { s.Total = sale.MaxTotal }, ""},
		"more tickets":          {func(s *sale.Sale) { s.Total = sale.MaxTotal + 1 }, "total 1000000001: want 0 to 1000000000"},

		"one a buyer":        {func(s *sale.Sale) { s.Limit = 1 }, ""},
		"none a buyer":       {func(s *sale.Sale) { s.Limit = 0 }, "limit 0: want 1 to 1000"},
		"fewer than none":    {func(s *sale.Sale) { s.Limit = -1 }, "limit -1: want 1 to 1000"},
		"the most a buyer":   {func(s *sale.Sale) { s.Limit = sale.MaxLimit }, ""},
		"more than a buyer":  {func(s *sale.Sale) { s.Limit = sale.MaxLimit + 1 }, "limit 1001: want 1 to 1000"},
		"the shortest hold":  {func(s *sale.Sale) { s.HoldFor = time.Second }, ""},
		"a shorter hold":     {func(s *sale.Sale) { s.HoldFor = time.Second - 1 }, "hold time of 0.999999999 seconds: want 1 to 2592000"},
		"the longest hold":   {func(s *sale.Sale) { s.HoldFor = 720 * time.Hour }, ""},
		"a longer hold":      {func(s *sale.Sale) { s.HoldFor = 720*time.Hour + 1 }, "hold time of 2592000 seconds"},
		"no hold":            {func(s *sale.Sale) { s.HoldFor = 0 }, "hold time of 0 seconds"},
		"without a window":   {func(s *sale.Sale) { s.Opens, s.Closes = 0, 0 }, ""},
		"without an end":     {func(s *sale.Sale) { s.Closes = 0 }, ""},
		"the shortest sale":  {func(s *sale.Sale) { s.Closes = s.Opens + 1 }, ""},
		"no time to sell":    {func(s *sale.Sale) { s.Closes = s.Opens }, "closes must be after opens"},
		"closed before":      {func(s *sale.Sale) { s.Closes = s.Opens - 1 }, "closes must be after opens"},
		"opened before 1970": {func(s *sale.Sale) { s.Opens = -1 }, "opens and closes must not be before 1970"},
		"closed by hand":     {func(s *sale.Sale) { s.Closed = true }, ""},

		"closed at the end of all years": {func(s *sale.Sale) { s.Closes = sale.MaxInstant }, ""},
		"closed a millisecond later":     {func(s *sale.Sale) { s.Closes = sale.MaxInstant + 1 }, "opens and closes must not be after the year 9999"},
		"opened a millisecond later":     {func(s *sale.Sale) { s.Opens, s.Closes = sale.MaxInstant+1, 0 }, "opens and closes must not be after the year 9999"},
	} {
		t.Run(name, func(t *testing.T) {
			s := concert()
			c.change(&s)
			err := s.Validate()
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v, want no fault", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("got %v, want %q and nothing else", err, c.want)
			}
		})
	}
}

func TestValidateNamesEveryFaultAtOnce(t *testing.T) {
	s := sale.Sale{
		ID: "-", Kind: "x", Price: -1, Currency: "x", FaceValue: -1, Rules: "\xff", Total: -1,
		Opens: sale.MaxInstant + 1, Closes: -1, Limit: 0, HoldFor: 0,
	}
	err := s.Validate()
	if err == nil {
		t.Fatal("got no fault, want all of them")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		"sale id", "title", "kind", "price", "face value", "rules", "currency", "total", "limit", "hold time",
		"before 1970", "after the year 9999", "closes must be after opens",
	}
	if len(got) != len(want) {
		t.Errorf("got %d faults %q, want %d", len(got), got, len(want))
	}
	for _, fault := range want {
		if n := strings.Count(err.Error(), fault); n < 1 {
			t.Errorf("got %q, want the fault of %s in it", got, fault)
		}
	}
}

// The window's bounds have a form in JSON, or the node that shows the sale would panic.
func TestEveryValidWindowHasAForm(t *testing.T) {
	for _, at := range []sale.Instant{0, 1, sale.MaxInstant} {
		if _, err := at.Time().MarshalJSON(); err != nil {
			t.Errorf("%d: got %v, want a form", at, err)
		}
	}
	if text, err := (sale.MaxInstant + 1).Time().MarshalJSON(); err == nil {
		t.Errorf("got %s for the instant after the last, want the bound no lower than it must be", text)
	}
}

func TestWindowAt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Sale)
		now    sale.Instant
		want   sale.Phase
	}{
		"before it opens":           {func(*sale.Sale) {}, 999, sale.PhaseScheduled},
		"as it opens":               {func(*sale.Sale) {}, 1000, sale.PhaseOnSale},
		"in its last moment":        {func(*sale.Sale) {}, 1999, sale.PhaseOnSale},
		"as it closes":              {func(*sale.Sale) {}, 2000, sale.PhaseClosed},
		"long after":                {func(*sale.Sale) {}, math.MaxInt64, sale.PhaseClosed},
		"without an end":            {func(s *sale.Sale) { s.Closes = 0 }, math.MaxInt64, sale.PhaseOnSale},
		"without an end, before":    {func(s *sale.Sale) { s.Closes = 0 }, 999, sale.PhaseScheduled},
		"without a window":          {func(s *sale.Sale) { s.Opens, s.Closes = 0, 0 }, 0, sale.PhaseOnSale},
		"closed by hand, before":    {func(s *sale.Sale) { s.Closed = true }, 999, sale.PhaseClosed},
		"closed by hand, meanwhile": {func(s *sale.Sale) { s.Closed = true }, 1500, sale.PhaseClosed},
		"closed by hand, after":     {func(s *sale.Sale) { s.Closed = true }, 2000, sale.PhaseClosed},
	} {
		t.Run(name, func(t *testing.T) {
			s := concert()
			c.change(&s)
			if got := s.WindowAt(c.now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAmount(t *testing.T) {
	s := concert()
	for quantity, want := range map[int]int64{0: 0, 1: 4950, 4: 19_800} {
		if got := s.Amount(quantity); got != want {
			t.Errorf("%d tickets: got %d, want %d", quantity, got, want)
		}
	}
	// The largest of all is exact: no counter of it wraps around.
	s.Price, s.Limit = sale.MaxAmount/sale.MaxLimit, sale.MaxLimit
	if got := s.Amount(s.Limit); s.Validate() != nil || got != sale.MaxAmount {
		t.Errorf("got %d, %v, want %d", got, s.Validate(), int64(sale.MaxAmount))
	}
}
