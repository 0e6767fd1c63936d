package sale_test

import (
	"strings"
	"testing"

	"onsale/internal/sale"
)

// parse is one of the parsers, for texts alone.
func parse[T ~string](f func(string) (T, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		got, err := f(s)
		return string(got), err
	}
}

// wantParsed checks that texts are accepted as they stand, and others refused, quoted and
// not at any length.
func wantParsed(t *testing.T, f func(string) (string, error), good, bad []string) {
	t.Helper()
	for _, s := range good {
		if got, err := f(s); err != nil || got != s {
			t.Errorf("%.80q: got %.80q, %v, want it accepted", s, got, err)
		}
	}
	for _, s := range bad {
		got, err := f(s)
		if err == nil || got != "" {
			t.Errorf("%.80q: got %.80q, %v, want it refused", s, got, err)
			continue
		}
		if text := err.Error(); len(text) > 600 || strings.ContainsAny(text, "\n\x00\x7f") {
			t.Errorf("%.80q: got the error %.700q, want it short and printable", s, text)
		}
	}
}

func TestParseID(t *testing.T) {
	wantParsed(t, parse(sale.ParseID),
		[]string{"s", "0", "a-z", "s-", "a--b", "0123456789abcdefghijklmnopqrstuvwxyz-", strings.Repeat("s", 64)},
		[]string{
			"", "-", "-s", "S", "s ", " s", "s.", "s/", "s:", "s_", "{s}", "s}", "s`", "s\x00", "s\n", "s\x7f", "é", "ſ", "ａ", "\xff",
			strings.Repeat("s", 65), strings.Repeat("s", 1000), strings.Repeat("s", 1<<20),
		})
}

func TestParseBuyer(t *testing.T) {
	wantParsed(t, parse(sale.ParseBuyer),
		[]string{"a", " ", "a b", " a ", "Алиса <a@b.example>", "~", "auth0|5f", strings.Repeat("a", 128), strings.Repeat("ж", 64)},
		[]string{
			"", "\x00", "a\x00", "a\n", "\na", "a\tb", "a\x1fb", "a\x7f", "\r", "\x80", "\xff", "a\xed\xa0\x80b",
			strings.Repeat("a", 129), strings.Repeat("a", 1000), strings.Repeat("ж", 65), strings.Repeat("\n", 1<<20),
		})
}

func TestParsePaymentAndMessageID(t *testing.T) {
	good := []string{"p", "!", "~", "pay_1", "pi_3N/x+y=", "a.b", "{s}", `"`, `\`, strings.Repeat("p", 128)}
	bad := []string{
		"", " ", "a b", " a", "a ", "a\n", "\x00", "a\x1f", "a\x7f", "a\x80", "é", "\xff", "a\u00a0b",
		strings.Repeat("p", 129), strings.Repeat("p", 1000), strings.Repeat("é", 64), strings.Repeat(" ", 1<<20),
	}
	t.Run("of a payment", func(t *testing.T) { wantParsed(t, parse(sale.ParsePaymentID), good, bad) })
	t.Run("of a message", func(t *testing.T) { wantParsed(t, parse(sale.ParseMessageID), good, bad) })
}

// Anyone who reads the error must see which of the two is meant.
func TestIDsAreNamedInTheirErrors(t *testing.T) {
	_, payment := sale.ParsePaymentID("a b")
	_, message := sale.ParseMessageID("a b")
	_, id := sale.ParseID("a b")
	_, buyer := sale.ParseBuyer("a\nb")
	for want, err := range map[string]error{
		`payment id "a b": byte 1 is not a visible ASCII character`: payment,
		`message id "a b": byte 1 is not a visible ASCII character`: message,
		`sale id "a b": byte 1 is not one of a-z, 0-9 and '-'`:      id,
		`buyer "a\nb": byte 1 is a control character`:               buyer,
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for i := range sale.Outcomes {
		name := sale.Outcome(i).String()
		if name == "" || name == "invalid" || seen[name] {
			t.Errorf("outcome %d: got the name %q, want one of its own", i, name)
		}
		seen[name] = true
	}
	for outcome, want := range map[sale.Outcome]string{
		sale.NoOutcome: "none", sale.SoldOut: "sold-out", sale.Busy: "busy", sale.Outcome(sale.Outcomes): "invalid", 255: "invalid",
	} {
		if got := outcome.String(); got != want {
			t.Errorf("outcome %d: got %s, want %s", outcome, got, want)
		}
	}
	if last := int(sale.NotYourTurn) + 1; last != sale.Outcomes {
		t.Errorf("got %d outcomes with a name, want %d", sale.Outcomes, last)
	}
}

func TestLiveOrdersKeepTheirTickets(t *testing.T) {
	for state, want := range map[sale.State]bool{
		sale.StateHeld: true, sale.StatePaid: true, sale.StateExpired: false, sale.StateCancelled: false, sale.StateRefunded: false, "": false,
	} {
		if got := state.Live(); got != want {
			t.Errorf("%s: got %v, want %v", state, got, want)
		}
	}
}

func TestConserved(t *testing.T) {
	for c, want := range map[sale.Counters]bool{
		{}: true, {Total: 6, Remaining: 1, Held: 2, Paid: 3}: true,
		{Total: 7, Remaining: 1, Held: 2, Paid: 3}: false, {Total: 5, Remaining: 1, Held: 2, Paid: 3}: false,
		{Total: 4, Remaining: -1, Held: 2, Paid: 3}: false, {Total: 2, Remaining: 1, Held: -2, Paid: 3}: false, {Total: 0, Remaining: 1, Held: 2, Paid: -3}: false,
	} {
		if got := c.Conserved(); got != want {
			t.Errorf("%+v: got %v, want %v", c, got, want)
		}
	}
}
