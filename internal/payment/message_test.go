package payment_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

func TestParseReadsAPayment(t *testing.T) {
	got, err := payment.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(payment.Message{Type: "payment.succeeded", Data: paid()}, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if !got.Read() {
		t.Error("got a message that did not succeed, want one that did")
	}
	id, p := got.Payment("msg_1")
	want := sale.Payment{ID: "pay_1", Message: "msg_1", Order: order, Amount: 4200, Currency: "EUR"}
	if diff := cmp.Diff(want, p); diff != "" || id != "demo" {
		t.Errorf("sale %q, want demo; payment (-want +got):\n%s", id, diff)
	}
}

// replaced is the good body with one text in place of another, which must be there.
func replaced(t *testing.T, old, by string) []byte {
	t.Helper()
	if strings.Count(body, old) != 1 {
		t.Fatalf("%q stands %d times in the body, want once", old, strings.Count(body, old))
	}
	return []byte(strings.Replace(body, old, by, 1))
}

func TestParseIsLenientAboutWhatItDoesNotNeed(t *testing.T) {
	for name, c := range map[string][2]string{
		"a member more":              {`{"type"`, `{"livemode":false,"type"`},
		"a member more in the data":  {`{"payment"`, `{"fee":{"amount":12.5e3},"tags":["a",null],"payment"`},
		"a name like ours":           {`"amount"`, `"Amount":1,"AMOUNT":"2","amount"`},
		"another timestamp":          {`"2026-05-01T11:59:58Z"`, `1777636798`},
		"no timestamp":               {`"timestamp":"2026-05-01T11:59:58Z",`, ``},
		"blanks":                     {`{"type":`, " \t\r\n{ \"type\" : "},
		"an escaped name":            {`"order"`, `"\u006frder"`},
		"an escaped value":           {`"EUR"`, `"\u0045UR"`},
		"brackets in a text":         {`{"type"`, `{"note":"` + strings.Repeat(`[{\"`, 100) + `","type"`},
		"the deepest that we take":   {`{"type"`, `{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `,"type"`},
		"many brackets side by side": {`{"type"`, `{"x":[` + strings.Repeat("{},", 100) + `[]],"type"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := payment.Parse(replaced(t, c[0], c[1]))
			if diff := cmp.Diff(paid(), got.Data); diff != "" || err != nil {
				t.Errorf("got %v; data (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseTakesTheBoundsThemselves(t *testing.T) {
	for name, c := range map[string]struct {
		old, by string
		want    func(*payment.Data)
	}{
		"nothing":              {"4200", "0", func(d *payment.Data) { d.Amount = 0 }},
		"as much as there is":  {"4200", "1000000000000000", func(d *payment.Data) { d.Amount = sale.MaxAmount }},
		"a payment's whole id": {"pay_1", strings.Repeat("p", 128), func(d *payment.Data) { d.Payment = sale.PaymentID(strings.Repeat("p", 128)) }},
		"a sale's whole id":    {"demo", strings.Repeat("s", 64), func(d *payment.Data) { d.Sale = sale.ID(strings.Repeat("s", 64)) }},
	} {
		t.Run(name, func(t *testing.T) {
			want := paid()
			c.want(&want)
			got, err := payment.Parse(replaced(t, c.old, c.by))
			if diff := cmp.Diff(want, got.Data); diff != "" || err != nil {
				t.Errorf("got %v; data (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseIsStrictAboutWhatItNeeds(t *testing.T) {
	for name, c := range map[string]struct{ old, by, want string }{
		"no type":                   {`"type":"payment.succeeded",`, ``, "type"},
		"an empty type":             {`"payment.succeeded"`, `""`, "type"},
		"a type that is no text":    {`"payment.succeeded"`, `1`, "type"},
		"a type of nothing":         {`"payment.succeeded"`, `null`, "type"},
		"two types":                 {`{"type"`, `{"type":"payment.failed","type"`, `"type" is there twice`},
		"two types in two writings": {`{"type"`, `{"\u0074ype":"payment.failed","type"`, `"type" is there twice`},
		"a type in capitals":        {`{"type"`, `{"Type"`, "type"},
		"no data":                   {`"data"`, `"date"`, "data: want a JSON object"},
		"data of nothing":           {`"data":`, `"data":null,"x":`, "data: want a JSON object"},
		"data in a list":            {`"data":`, `"data":[],"x":`, "data: want a JSON object"},
		"data as a text":            {`"data":`, `"data":"{}","x":`, "data: want a JSON object"},

		"no amount":                       {`"amount"`, `"cost"`, "amount"},
		"an amount in capitals":           {`"amount"`, `"Amount"`, "amount"},
		"two amounts":                     {`"amount"`, `"amount":1,"amount"`, `"amount" is there twice`},
		"an amount as a text":             {`4200`, `"4200"`, "amount"},
		"an amount of nothing":            {`4200`, `null`, "amount"},
		"an amount that is true":          {`4200`, `true`, "amount"},
		"a fraction":                      {`4200`, `4200.5`, "amount"},
		"a fraction of zero":              {`4200`, `4200.0`, "amount"},
		"an exponent":                     {`4200`, `42e2`, "amount"},
		"less than nothing":               {`4200`, `-1`, "amount"},
		"less than nothing, of zero":      {`4200`, `-0`, "amount"},
		"more than there is":              {`4200`, `1000000000000001`, "amount: want 0 to 1000000000000000"},
		"more than a computer's":          {`4200`, `9223372036854775808`, "amount"},
		"more than two":                   {`4200`, `18446744073709551617`, "amount"},
		"an amount in a list":             {`4200`, `[4200]`, "amount"},
		"a currency in lower case":        {`"EUR"`, `"eur"`, "currency"},
		"a currency of two letters":       {`"EUR"`, `"EU"`, "currency"},
		"a currency of four letters":      {`"EUR"`, `"EURO"`, "currency"},
		"a currency with a digit":         {`"EUR"`, `"EU1"`, "currency"},
		"a currency sign, of three bytes": {`"EUR"`, `"€"`, "currency"},
		"a currency of nothing":           {`"EUR"`, `null`, "currency"},
		"a currency by its number":        {`"EUR"`, `978`, "currency"},
		"a sale in capitals":              {`"demo"`, `"Demo"`, "sale id"},
		"a sale out of its hash tag":      {`"demo"`, `"demo}x"`, "sale id"},
		"a sale too long":                 {`"demo"`, `"` + strings.Repeat("s", 65) + `"`, "sale id"},
		"no sale":                         {`"sale":"demo",`, ``, "sale"},
		"an order in capitals":            {order, strings.ToUpper(order), "order"},
		"an order in braces":              {order, "{" + order + "}", "order"},
		"an order with a prefix":          {order, "urn:uuid:" + order, "order"},
		"an order without hyphens":        {order, strings.ReplaceAll(order, "-", ""), "order"},
		"an order of 36 digits":           {order, strings.Repeat("0", 36), "order"},
		"an order of 36 hyphens":          {order, strings.Repeat("-", 36), "order"},
		"an order with a g":               {order, "g" + order[1:], "order"},
		"an order with a digit more":      {order, order + "0", "order"},
		"an order cut off":                {order, order[:35], "order"},
		"an order that is no text":        {`"` + order + `"`, `7`, "order"},
		"a payment with a blank":          {"pay_1", "pay 1", "payment id"},
		"a payment with a line end":       {"pay_1", `pay\n1`, "payment id"},
		"a payment with a hidden byte":    {"pay_1", `pay\u00001`, "payment id"},
		"a payment in other letters":      {"pay_1", `pay_é`, "payment id"},
		"a payment too long":              {"pay_1", strings.Repeat("p", 129), "payment id"},
		"no payment":                      {`"payment":"pay_1",`, ``, "payment"},

		"something behind it":      {`"EUR"}}`, `"EUR"}}{}`, "not JSON"},
		"a bracket too few":        {`"EUR"}}`, `"EUR"}`, "not JSON"},
		"a comma too many":         {`"EUR"}}`, `"EUR",}}`, "not JSON"},
		"a mark before it":         {`{"type"`, "\ufeff{\"type\"", "not JSON"},
		"a comment":                {`{"type"`, "{/* */\"type\"", "not JSON"},
		"a level too deep":         {`{"type"`, `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `,"type"`, "deeper than 32"},
		"objects a level too deep": {`{"type"`, `{"x":` + strings.Repeat(`{"":`, 32) + "1" + strings.Repeat("}", 32) + `,"type"`, "deeper than 32"},
		"brackets behind a text":   {`{"type"`, `{"x":["\\",` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `],"type"`, "deeper than 32"},
		"brackets without an end":  {`{"type"`, strings.Repeat("[", payment.MaxBody-len(body)) + `{"type"`, "deeper than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := payment.Parse(replaced(t, c.old, c.by))
			if !errors.Is(err, payment.ErrMessage) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %+v, %v, want ErrMessage that names %q", got, err, c.want)
			}
			if diff := cmp.Diff(payment.Message{}, got); diff != "" {
				t.Errorf("message beside an error (-want +got):\n%s", diff)
			}
			if len(err.Error()) > 512 {
				t.Errorf("got an error of %d bytes, want hostile input kept short", len(err.Error()))
			}
		})
	}
}

func TestParseRefusesWhatIsNoMessage(t *testing.T) {
	for _, text := range []string{"", " ", "null", "[]", "1", `"payment.succeeded"`, "{}", "payment=1", "\x00", "{\"type\":"} {
		if got, err := payment.Parse([]byte(text)); !errors.Is(err, payment.ErrMessage) {
			t.Errorf("%q: got %+v, %v, want ErrMessage", text, got, err)
		}
	}
}

func TestParseReportsEveryFaultAtOnce(t *testing.T) {
	_, err := payment.Parse([]byte(`{"type":"payment.succeeded","data":{"payment":"a b","sale":"A","order":"x","amount":1000000000000001,"currency":"eur"}}`))
	for _, want := range []string{"payment id", "sale id", "order", "amount", "currency"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	_, err = payment.Parse([]byte(`{"type":"payment.succeeded","data":{}}`))
	for _, want := range []string{"payment: want", "sale: want", "order: want", "amount: want", "currency: want"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// returning is the good message as one of another type, with a member more in its data.
func returning(kind, member string) string {
	return strings.Replace(strings.Replace(body, "payment.succeeded", kind, 1), `{"payment"`, `{`+member+`"payment"`, 1)
}

// Refunds and disputes were ignored like any message of another type.
func TestParseReadsWhatWentBack(t *testing.T) {
	for kind, want := range map[string]sale.Payment{
		"payment.refunded": {ID: "re_1", Of: "pay_1", Message: "msg_1", Order: order, Amount: 4200, Currency: "EUR", Reason: sale.ReasonReturned},
		"payment.disputed": {ID: "di_1", Of: "pay_1", Message: "msg_1", Order: order, Amount: 4200, Currency: "EUR", Reason: sale.ReasonDisputed},
	} {
		got, err := payment.Parse([]byte(returning(kind, `"refund":"re_1","dispute":"di_1",`))) // each reads its own
		if err != nil || !got.Read() {
			t.Fatalf("%s: got %+v, %v, want it read", kind, got, err)
		}
		id, p := got.Payment("msg_1")
		if diff := cmp.Diff(want, p); diff != "" || id != "demo" {
			t.Errorf("%s: sale %q, want demo; payment (-want +got):\n%s", kind, id, diff)
		}
	}
	for name, c := range map[string]struct{ kind, member, amount, want string }{
		"a refund without a name":       {"payment.refunded", ``, "4200", "refund: want a text"},
		"a dispute by a refund's name":  {"payment.disputed", `"refund":"re_1",`, "4200", "dispute: want a text"},
		"a refund with a blank":         {"payment.refunded", `"refund":"re 1",`, "4200", "refund or dispute: want one id"},
		"a refund by its payment's":     {"payment.refunded", `"refund":"pay_1",`, "4200", "an id of its own"},
		"a refund of nothing":           {"payment.refunded", `"refund":"re_1",`, "0", "more than 0"},
		"a dispute that is there twice": {"payment.disputed", `"dispute":"di_1","dispute":"di_2",`, "4200", "there twice"},
	} {
		_, err := payment.Parse([]byte(strings.Replace(returning(c.kind, c.member), "4200", c.amount, 1)))
		if !errors.Is(err, payment.ErrMessage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestAMessageOfAnotherTypeIsNoError(t *testing.T) {
	for _, text := range []string{
		`{"type":"payment.failed"}`, `{"type":"payment.refund"}`,
		`{"type":"Payment.Succeeded","data":{"amount":1}}`,
		`{"type":"customer.created","data":["anything",{"amount":-1}]}`,
	} {
		got, err := payment.Parse([]byte(text))
		if err != nil || got.Read() || got.Type == "" {
			t.Errorf("%s: got %+v, %v, want its type, and that it did not succeed", text, got, err)
		}
		if diff := cmp.Diff(payment.Data{}, got.Data); diff != "" {
			t.Errorf("%s: data (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseBoundsTheBody(t *testing.T) {
	fill := func(n int) []byte { return []byte(body + strings.Repeat(" ", n-len(body))) }
	if _, err := payment.Parse(fill(payment.MaxBody)); err != nil {
		t.Errorf("got %v for %d bytes, want nil", err, payment.MaxBody)
	}
	if _, err := payment.Parse(fill(payment.MaxBody + 1)); !errors.Is(err, payment.ErrTooLarge) || errors.Is(err, payment.ErrMessage) {
		t.Errorf("got %v for a byte more, want ErrTooLarge", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{body, "", "{}", `{"type":"x"}`, strings.Repeat("[", 100), `{"type":"payment.succeeded","data":{}}`, `{"":"\"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := payment.Parse(text)
		if err != nil {
			if got != (payment.Message{}) || errors.Is(err, payment.ErrMessage) == errors.Is(err, payment.ErrTooLarge) {
				t.Errorf("%q: got %+v, %v, want one of the two errors and no message", text, got, err)
			}
			return
		}
		if !got.Read() {
			if got.Data != (payment.Data{}) || got.Type == "" {
				t.Errorf("%q: got %+v, want a type and nothing else", text, got)
			}
			return
		}
		if err := got.Data.Validate(); err != nil {
			t.Errorf("%q: got %+v, want only what is valid: %v", text, got, err)
		}
		// Anyone else who reads it must read the same.
		var outer map[string]json.RawMessage
		var inner map[string]json.RawMessage
		if json.Unmarshal(text, &outer) != nil || json.Unmarshal(outer["data"], &inner) != nil {
			t.Fatalf("%q: got %+v, and encoding/json can't read it", text, got)
		}
		read := func(name string, into any) {
			if err := json.Unmarshal(inner[name], into); err != nil {
				t.Errorf("%q: encoding/json on %s: %v", text, name, err)
			}
		}
		var d payment.Data
		read("payment", &d.Payment)
		read("sale", &d.Sale)
		read("order", &d.Order)
		read("amount", &d.Amount)
		read("currency", &d.Currency)
		if diff := cmp.Diff(d, got.Data); diff != "" {
			t.Errorf("%q: data (-encoding/json +got):\n%s", text, diff)
		}
	})
}
