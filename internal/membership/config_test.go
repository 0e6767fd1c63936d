package membership

import (
	"errors"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"pgregory.net/rapid"
)

func TestDefaultConfigNeedsNameAddressAndKey(t *testing.T) {
	c := DefaultConfig()
	c.Name, c.Node.Address, c.Keys = "node-1", "10.0.0.1:8080", Keys{make([]byte, 32)}
	if err := c.Validate(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	c.Role, c.Node = RoleAllocator, sale.Node{}
	if err := c.Validate(); err != nil {
		t.Errorf("got %v for an allocator, want nil", err)
	}
}

func TestValidateReportsEveryFaultAtOnce(t *testing.T) {
	_, err := New(Config{
		Name: "node 1", Role: "seller", Bind: "localhost:7946", Advertise: "nowhere",
		Seeds: []string{"ok:1", "bad"}, Keys: Keys{[]byte("short")}, Suspicion: 1,
		Probe: time.Microsecond,
	}, nil, zap.NewNop(), Hooks{})
	if err == nil {
		t.Fatal("got nil, want faults")
	}
	for _, want := range []string{
		"name:", "bind:", "advertise:", "seed:", "keys:", "role", "suspicion:",
		"probe:", "gossip:", "sync:", "rejoin:", "reclaim:", "leave:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got no fault about %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "short") {
		t.Error("got the key in an error, want it kept secret")
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Config)
		want   bool
	}{
		"an IPv6 bind passes":                      {func(c *Config) { c.Bind = "[::1]:7946" }, true},
		"a bind without IP passes":                 {func(c *Config) { c.Bind, c.Keys = ":7946", Keys{make([]byte, 16)} }, true},
		"all of IPv6 needs an advertised address":  {func(c *Config) { c.Bind = "[::]:7946" }, false},
		"all of IPv6 passes with one":              {func(c *Config) { c.Bind, c.Advertise, c.Insecure = "[::]:7946", "db8.example:7946", true }, true},
		"an advertised address needs a fixed port": {func(c *Config) { c.Bind, c.Advertise = ":0", "a:1" }, false},
		"port 0 is no place to reach a buyer API":  {func(c *Config) { c.Node.Address = "a:0" }, false},
		"an address cannot carry Nginx directives": {func(c *Config) { c.Node.Address = "a; } evil:80" }, false},
		"weight 0 is refused":                      {func(c *Config) { c.Node.Weight = 0 }, false},
		"a slash in a name is refused":             {func(c *Config) { c.Name = "a/b" }, false},
		"a 24 byte key passes":                     {func(c *Config) { c.Keys = Keys{make([]byte, 24)} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig("a")
			tt.change(&c)
			if err := c.Validate(); (err == nil) != tt.want {
				t.Errorf("got %v, want it valid: %v", err, tt.want)
			}
		})
	}
}

func TestMetaSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := meta{
			Version: metaVersion,
			Role:    rapid.SampledFrom([]Role{RoleNode, RoleAllocator}).Draw(t, "role"),
			Node: sale.Node{
				Address:  rapid.StringMatching(`[a-z0-9.-]{1,250}:[1-9][0-9]{3}`).Draw(t, "address"),
				Weight:   rapid.IntRange(1, MaxWeight).Draw(t, "weight"),
				Ready:    rapid.Bool().Draw(t, "ready"),
				Draining: rapid.Bool().Draw(t, "draining"),
			},
		}
		data := want.encode()
		if len(data) > 512 {
			t.Fatalf("got %d bytes, want at most memberlist's 512", len(data))
		}
		got, err := decodeMeta("a", data)
		if err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

// A field that the meta forgets would be lost between a node and the allocator.
func TestEveryFieldOfANodeSurvivesItsMeta(t *testing.T) {
	c := Config{Role: RoleNode, Node: sale.Node{Name: "a", Address: "10.0.0.1:8080"}}
	model.Fill(t, &c.Node)
	got, err := decodeMeta("a", c.selfMeta().encode())
	if err != nil || got.node("a") != c.Node {
		t.Errorf("got %+v, %v, want %+v", got.node("a"), err, c.Node)
	}
}

// Members of the last version send these bytes, and have to understand ours.
func TestMetaHasTheBytesThatItAlwaysHad(t *testing.T) {
	const text = `{"v":1,"role":"node","address":"10.0.0.1:8080","weight":3,"ready":true,"draining":true}`
	want := meta{Version: metaVersion, Role: RoleNode, Node: sale.Node{Address: "10.0.0.1:8080", Weight: 3, Ready: true, Draining: true}}
	if got := string(want.encode()); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
	if got, err := decodeMeta("a", []byte(text[:len(text)-1]+`,"colour":"blue"}`)); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestForeignMetaIsAnErrorAndNeverAPanic(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":           ``,
		"no JSON":           "\x00\xff",
		"an empty object":   `{}`,
		"a later version":   `{"v":2,"role":"node","address":"a:1","weight":1}`,
		"an unknown role":   `{"v":1,"role":"king","address":"a:1","weight":1}`,
		"no weight":         `{"v":1,"role":"node","address":"a:1"}`,
		"a giant's weight":  `{"v":1,"role":"node","address":"a:1","weight":1000001}`,
		"an evil address":   `{"v":1,"role":"node","address":"a:1;\n","weight":1}`,
		"a wrong type":      `{"v":1,"role":"node","address":"a:1","weight":"1"}`,
		"an overflow":       `{"v":1,"role":"node","address":"a:1","weight":1e99}`,
		"an array":          `[1]`,
		"no address at all": `{"v":1,"role":"node","weight":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := decodeMeta("a", []byte(data)); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		m, err := decodeMeta(rapid.String().Draw(t, "name"), rapid.SliceOf(rapid.Byte()).Draw(t, "data"))
		if err == nil && m.check() != nil {
			t.Fatalf("got %+v accepted, want only metas that pass the check", m)
		}
	})
	if got, err := decodeMeta("a", []byte(`{"v":1,"role":"allocator","zone":"b"}`)); err != nil {
		t.Errorf("got %+v, %v, want unknown fields ignored: later members may add some", got, errors.Unwrap(err))
	}
}
