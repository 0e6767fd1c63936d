package proof_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/proof"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the proofs of these tests are verified.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

const (
	concert = sale.ID("concert")
	alice   = sale.Buyer("alice")
)

func keyOf(t testing.TB, b byte) proof.Key {
	t.Helper()
	k, err := proof.ParseKey(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), proof.KeyLength))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// solved is a solution of the challenge.
func solved(t testing.TB, c proof.Challenge) string {
	t.Helper()
	payload, err := proof.Solve(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// decoded are the members of a payload, and payload is that of members.
func decoded(t testing.TB, payload string) map[string]any {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		t.Fatal(err)
	}
	return members
}

func payload(t testing.TB, members map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// with is members with some changed; a nil value takes a member away.
func with(members map[string]any, changes map[string]any) map[string]any {
	members = maps.Clone(members)
	for name, value := range changes {
		if value == nil {
			delete(members, name)
		} else {
			members[name] = value
		}
	}
	return members
}
