package sale

import "testing"

// Redis, the stream and the links hold these bytes since the first version.
func TestRecordsHaveTheBytesThatTheyAlwaysHad(t *testing.T) {
	p := Payment{
		ID: "pay_1", Message: "msg_1", Order: "01890000-0000-7000-8000-000000000001", Amount: 4200, Currency: "EUR",
		State: PaymentApplied, At: 1_700_000_000_123,
	}
	part := p
	part.State, part.Reason, part.Amount, part.Of = PaymentSettled, ReasonReturned, 300, "pay_0"
	for record, want := range map[string]Payment{
		"applied - 4200 EUR 1700000000123 01890000-0000-7000-8000-000000000001 msg_1":             p,
		"settled returned 300 EUR 1700000000123 01890000-0000-7000-8000-000000000001 msg_1 pay_0": part,
	} {
		if got := want.Encode(); got != record {
			t.Errorf("got the record %q, want %q", got, record)
		}
		if got, err := DecodePayment("pay_1", record); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", record, got, err, want)
		}
	}
	if got := (Share{Node: "n1", Slice: 60, Buffer: 40, Claimed: 7}).Encode(); got != "60 40" {
		t.Errorf("got the share %q, want %q", got, "60 40")
	}
}

func TestARecordOfALaterVersionIsRead(t *testing.T) {
	const record = "applied - 4200 EUR 17 order message"
	want, err := DecodePayment("p", record)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodePayment("p", record+"  colour blue shape %20"); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	want.Of = "q"
	if got, err := DecodePayment("p", record+" q colour blue"); err != nil || got != want {
		t.Errorf("a part: got %+v, %v, want %+v", got, err, want)
	}
	if got, want := DecodeShare("60 40 colour blue"), (Share{Slice: 60, Buffer: 40}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestARecordThatCannotBeReadIsAnError(t *testing.T) {
	for _, record := range []string{
		"", "applied - 4200 EUR 17 order", "applied - much EUR 17 order message", "applied - 4200 EUR now order message",
		"applied - 4200 EUR 17 order message q colour",
	} {
		if got, err := DecodePayment("p", record); err == nil {
			t.Errorf("%q: got %+v, want an error", record, got)
		}
	}
	for _, record := range []string{"", "x", "1", "-1 5", "5 -1", "1 x", "1 2 colour"} {
		if got := DecodeShare(record); got != (Share{}) {
			t.Errorf("share %q: got %+v, want nothing", record, got)
		}
	}
}

// No field of a payment or a share is new yet; this is how the next one is kept.
func TestAFurtherFieldIsKeptByName(t *testing.T) {
	type record struct {
		Place, Name string
		Count       int
	}
	l := line[record]{placed: 1, least: 1, fields: []field[record]{
		text("place", func(r *record) *string { return &r.Place }),
		text("name", func(r *record) *string { return &r.Name }),
		number("count", 1, func(r *record) *int { return &r.Count }),
	}}
	for want, text := range map[record]string{
		{}:                                  "",
		{Place: "x"}:                        "x",
		{Place: "x", Count: 7}:              "x count 7",
		{Name: "two names", Count: -1}:      " name two+names count -1",
		{Place: "x", Name: "\n%20\x00 раз"}: "x name %0A%2520%00+%D1%80%D0%B0%D0%B7",
	} {
		if got := l.encode(want); got != text {
			t.Errorf("%+v: got %q, want %q", want, got, text)
		}
		if got, err := l.decode(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"x count", "x count many", "x name %"} {
		if got, err := l.decode(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func TestWhatIsLeftOfAShareIsSliceFirst(t *testing.T) {
	for claimed, want := range map[int64]Allotment{
		0:  {Generation: 9, Slice: 10, Buffer: 3},
		4:  {Generation: 9, Slice: 6, Buffer: 3},
		12: {Generation: 9, Buffer: 1},
		20: {Generation: 9},
	} {
		if got := (Share{Slice: 10, Buffer: 3, Claimed: claimed}).Left(9); got != want {
			t.Errorf("%d claimed: got %+v, want %+v", claimed, got, want)
		}
	}
}
