package line

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

// seedOf is a seed of a test, the same one in every run.
func seedOf(n int) Seed {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("seed"), uint64(n)))
}

func entriesOf(sale string, secret []byte, buyers ...string) []Entry {
	entries := make([]Entry, len(buyers))
	for i, b := range buyers {
		entries[i] = NewEntry(sale, b, Nonce(secret, b))
	}
	return entries
}

func names(n int) []string {
	buyers := make([]string, n)
	for i := range buyers {
		buyers[i] = fmt.Sprintf("buyer-%04d", i)
	}
	return buyers
}

func TestDrawGivesEachEntryOnePosition(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		entries := entriesOf("show", []byte("secret"), names(n)...)
		d := NewDraw(seedOf(1), []byte("beacon"), entries)
		if d.Len() != n {
			t.Errorf("%d entries: %d were drawn", n, d.Len())
		}
		seen := make([]bool, n+1)
		for i, e := range entries {
			p := d.Position(e)
			if p < 1 || p > n || seen[p] {
				t.Fatalf("entry %d of %d has position %d", i, n, p)
			}
			seen[p] = true
		}
		if p := d.Position(NewEntry("show", "stranger", Hash{})); p != 0 {
			t.Errorf("%d entries: one that is not among them has position %d", n, p)
		}
	}
}

// The draw depends on the set of entries alone: not on their order, nor on how often one is sent.
func TestDrawDependsOnTheSetAlone(t *testing.T) {
	entries := entriesOf("show", []byte("secret"), names(100)...)
	want := NewDraw(seedOf(1), []byte("beacon"), entries).Numbers()
	other := append(slices.Clone(entries), entries[:10]...)
	slices.Reverse(other)
	if got := NewDraw(seedOf(1), []byte("beacon"), other).Numbers(); !slices.Equal(got, want) {
		t.Error("another order of the same entries is another draw")
	}
}

func TestReadDrawIsTheInverseOfNumbers(t *testing.T) {
	entries := entriesOf("show", []byte("secret"), names(500)...)
	d := NewDraw(seedOf(2), []byte("beacon"), entries)
	got, err := ReadDraw(seedOf(2), []byte("beacon"), d.Numbers())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if got.Position(e) != d.Position(e) {
			t.Fatalf("position %d, want %d", got.Position(e), d.Position(e))
		}
	}
	numbers := d.Numbers()
	for name, bad := range map[string][]byte{
		"empty":      nil,
		"cut":        numbers[:len(numbers)-1],
		"narrow":     append([]byte{7}, numbers[1:]...),
		"not sorted": append(append([]byte{8}, numbers[9:17]...), numbers[1:9]...),
		"twice":      append(append([]byte{8}, numbers[1:9]...), numbers[1:9]...),
	} {
		if _, err := ReadDraw(seedOf(2), nil, bad); !errors.Is(err, ErrNumbers) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// Numbers that share their first bytes get more of them, so that nobody shares a position.
func TestWidthTellsAllNumbersApart(t *testing.T) {
	a, b := Hash{9: 1}, Hash{9: 2}
	if got := width([]Hash{a, b}); got != 10 {
		t.Errorf("width is %d, want 10", got)
	}
	if got := width(nil); got != narrowest {
		t.Errorf("width of nothing is %d, want %d", got, narrowest)
	}
}

// A position depends on neither the time of joining, the node, nor the buyer's id. Each is a
// column of a table against tenths of the line, over many seeds; the last column is a draw that is
// unfair, which the same statistic has to find.
func TestDrawIsFair(t *testing.T) {
	const seeds, buyers, parts = 200, 100, 10
	// Buyers join in another order than their ids'.
	ids := make([]string, buyers)
	for j := range ids {
		ids[j] = names(buyers)[j*7%buyers]
	}
	columns := []struct {
		name string
		of   func(joined int, position int) (column, row int)
		fair bool
	}{
		{"time of joining", func(j, p int) (int, int) { return j * parts / buyers, p }, true},
		{"node", func(j, p int) (int, int) { return j % parts, p }, true},
		{"buyer's id", func(j, p int) (int, int) { return int(ids[j][8] - '0'), p }, true},
		{"one in ten moves up by a tenth", func(j, p int) (int, int) {
			if j%parts == 0 {
				p = max(1, p-buyers/parts)
			}
			return j % parts, p
		}, false},
	}
	tables := make([][parts][parts]float64, len(columns))
	for s := range seeds {
		// Each draw has nonces of its own.
		secret := binary.BigEndian.AppendUint64(nil, uint64(s))
		d := NewDraw(seedOf(s), []byte("beacon"), entriesOf("show", secret, ids...))
		for j := range buyers {
			id := ids[j]
			p := d.Position(NewEntry("show", id, Nonce(secret, id)))
			for c := range columns {
				column, place := columns[c].of(j, p)
				tables[c][column][(place-1)*parts/buyers]++
			}
		}
	}
	// χ² with 81 degrees of freedom is above 160 once in a million.
	const bound = 160
	for c, column := range columns {
		chi, expected := 0.0, float64(seeds*buyers)/(parts*parts)
		for _, row := range tables[c] {
			for _, n := range row {
				chi += math.Pow(n-expected, 2) / expected
			}
		}
		if (chi < bound) != column.fair {
			t.Errorf("%s: χ² is %.0f, fair is below %d", column.name, chi, bound)
		}
		t.Logf("%s: χ² is %.0f", column.name, chi)
	}
}

func TestVerifyFindsWhatWasChanged(t *testing.T) {
	const beacon = "beacon"
	published := func() Record {
		entries := entriesOf("show", []byte("secret"), names(50)...)
		SortEntries(entries)
		return Record{Commitment: seedOf(1).Commitment(), List: HashEntries(entries),
			Seed: seedOf(1), Beacon: []byte(beacon), Entries: entries}
	}
	r := published()
	d, err := r.Verify([]byte(beacon))
	if err != nil {
		t.Fatal(err)
	}
	want := NewDraw(r.Seed, r.Beacon, r.Entries)
	if !slices.Equal(d.Numbers(), want.Numbers()) {
		t.Error("the verified draw is another one")
	}
	for name, c := range map[string]struct {
		change func(*Record)
		want   []error
	}{
		"another seed":     {func(r *Record) { r.Seed = seedOf(2) }, []error{ErrSeed}},
		"another beacon":   {func(r *Record) { r.Beacon = []byte("chosen") }, []error{ErrBeacon}},
		"one less":         {func(r *Record) { r.Entries = r.Entries[1:] }, []error{ErrList}},
		"one more":         {func(r *Record) { r.Entries = append(r.Entries, Entry{255}) }, []error{ErrList}},
		"one exchanged":    {func(r *Record) { r.Entries[7][0]++ }, []error{ErrList}},
		"seed and beacon":  {func(r *Record) { r.Seed, r.Beacon = seedOf(2), nil }, []error{ErrSeed, ErrBeacon}},
		"a buyer is twice": {func(r *Record) { r.Entries[1] = r.Entries[0]; r.List = HashEntries(r.Entries) }, []error{ErrList}},
	} {
		r := published()
		c.change(&r)
		_, err := r.Verify([]byte(beacon))
		for _, fault := range []error{ErrSeed, ErrBeacon, ErrList} {
			if got := errors.Is(err, fault); got != slices.Contains(c.want, fault) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
	}
}

// The draw as another program computes it from the published rule: HMAC-SHA256(seed ‖ beacon, entry), entry
// = SHA-256(sale 0x00 buyer nonce), computed with Python's hmac and hashlib.
func TestDrawAsOutsidersComputeIt(t *testing.T) {
	var seed Seed
	for i := range seed {
		seed[i] = byte(i)
	}
	nonce := Nonce([]byte("secret"), "alice")
	entry := NewEntry("show", "alice", nonce)
	got := NewDraw(seed, []byte("beacon"), []Entry{entry}).Numbers()
	if fmt.Sprintf("%x", nonce[:]) != wantNonce || fmt.Sprintf("%x", entry[:]) != wantEntry || fmt.Sprintf("%x", got[1:]) != wantNumber {
		t.Errorf("nonce %x, entry %x, number %x", nonce, entry, got[1:])
	}
}

const (
	wantNonce  = "4360c67bc81025114044578d7c4e8e0f02fd0cae99f22d603390e8f9dc9888f8"
	wantEntry  = "293e7891e31c690ab4d25fd28ef0dab3f738dcb2b7700a8e2ca4c0922a94a1d7"
	wantNumber = "fddf97c66f7c0e6d"
)

func BenchmarkDrawOfAMillion(b *testing.B) {
	entries := make([]Entry, 1_000_000)
	for i := range entries {
		entries[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	for b.Loop() {
		NewDraw(seedOf(1), []byte("beacon"), entries)
	}
}
