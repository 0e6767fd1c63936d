package node

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
	"onsale/internal/token"
	"onsale/internal/token/jwks"
)

// IdentityFlags are whose tokens identify buyers.
type IdentityFlags struct {
	TokenKeys string        `env:"ONSALE_TOKEN_KEYS" help:"File with the JSON Web Key Set that verifies buyers' tokens; make secrets makes one. It may be left out if --jwks-url is given."`
	URL       string        `name:"jwks-url" env:"ONSALE_JWKS_URL" secret:"url" help:"Address of the identity provider's JSON Web Key Set: https, or http on loopback. Its keys count beside those of --token-keys."`
	Refresh   time.Duration `name:"jwks-refresh" default:"5m" env:"ONSALE_JWKS_REFRESH" help:"Time between two readings of that address. Higher: keys that the provider removed count for longer; lower: more requests to it."`
	Copy      string        `name:"jwks-copy" env:"ONSALE_JWKS_COPY" help:"File with the last key set of that address, which the node writes: one that starts while the address is away begins with it. Empty: such a node waits until the address answers."`
	Audiences []string      `name:"audience" default:"onsale" env:"ONSALE_AUDIENCE" help:"What a token's aud must name; several: one of them."`
	Issuers   []string      `name:"issuer" env:"ONSALE_ISSUER" help:"What a token's iss must be; several: one of them. Empty: it is not looked at."`
	SignIn    string        `name:"sign-in-url" env:"ONSALE_SIGN_IN_URL" secret:"url" help:"Page where buyers sign in, to which the sale's page leads them: https, http on loopback, or a path of the site itself. It gets their way back as ?return=, see docs/page.md. Empty: the page can't sign anybody in."`
	Cache     int           `name:"identity-cache" default:"131072" env:"ONSALE_IDENTITY_CACHE" help:"Verified buyers that are remembered at most, so that the signature of a public key is verified once. Higher: some 150 bytes more for each; lower: buyers who come again cost more. 0: none."`
}

// maxCache is some 10 GB.
const maxCache = 1 << 26

// AfterApply reports every fault, once the command line has been parsed.
func (f *IdentityFlags) AfterApply() error {
	var faults []error
	if f.TokenKeys == "" && f.URL == "" {
		faults = append(faults, errors.New("no keys for buyers' tokens: give --token-keys, --jwks-url or both"))
	}
	if f.URL == "" && f.Copy != "" {
		faults = append(faults, errors.New("--jwks-copy without --jwks-url: nothing would be copied"))
	}
	if err := checkSignIn(f.SignIn); err != nil {
		faults = append(faults, fmt.Errorf("--sign-in-url %q: %w", f.SignIn, err))
	}
	if f.Cache < 0 || f.Cache > maxCache {
		faults = append(faults, fmt.Errorf("--identity-cache %d: want 0 to %d", f.Cache, maxCache))
	}
	return errors.Join(faults...)
}

// checkSignIn returns no error where browsers can be led to an address, or it is empty.
func checkSignIn(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, strings.ContainsFunc(address, unicode.IsControl):
		return errors.New("want an address such as https://login.example.com/sign-in")
	case u.Fragment != "" || u.Query().Has("return"):
		return errors.New("want no fragment and no parameter return: the way back is put there")
	case u.Scheme == "" && u.Host == "" && (address == "" || strings.HasPrefix(address, "/")):
		return nil
	case u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !sale.Loopback(u.Hostname())):
		return errors.New("want https, http on loopback, or a path that begins with /")
	}
	return nil
}

// identity verifies buyers' tokens, with keys that an address may change.
type identity struct {
	*token.Verifier
	keys *jwks.Source // nil without an address
}

// identity wires the verifier. counts reports whether signatures are counted just now; nil: they are. The metrics are there whether it has an address or not.
func (f IdentityFlags) identity(m *telemetry.Metrics, counts func() bool, log *zap.Logger) (*identity, error) {
	if err := f.AfterApply(); err != nil { // flags that were made without a command line
		return nil, err
	}
	checked := telemetry.CountEach[token.Check](m, "onsale_token_signatures_total",
		"Signatures of buyers' tokens by result: verified, remembered, refused or refused-again, which costs as little as remembered.", "result", token.Checks)
	asked := m.CountBy("onsale_token_jwks_calls_total", "Requests for the identity provider's keys by result.", "result")
	verifier, err := token.LoadVerifier(f.TokenKeys, token.Config{Audiences: f.Audiences, Issuers: f.Issuers, Remember: f.Cache})
	i := &identity{Verifier: verifier}
	m.GaugeOf("onsale_token_jwks_age_seconds", "Age of the identity provider's keys that tokens are verified with, or how long there have been none; 0 without an address.", i.age)
	if err != nil {
		return i, err
	}
	hooks := token.Hooks{Checked: checked}
	if counts != nil {
		hooks.Checked = func(c token.Check) {
			if counts() {
				checked(c)
			}
		}
	}
	if f.URL != "" {
		config := jwks.DefaultConfig(f.URL)
		config.Refresh, config.Copy = f.Refresh, f.Copy
		i.keys, err = jwks.New(config, verifier, jwks.Hooks{Asked: func(err error) {
			if err != nil {
				asked("error")
			} else {
				asked("ok")
			}
		}}, log)
		if err != nil {
			return i, err
		}
		hooks.Unknown = i.keys.Unknown
	}
	verifier.SetHooks(hooks)
	return i, nil
}

func (i *identity) age() float64 {
	if i.keys == nil {
		return 0
	}
	return i.keys.Age().Seconds()
}

// run keeps the keys of the address, if there is one.
func (i *identity) run(parts *app.Group) {
	if i.keys != nil {
		parts.Run("token keys", i.keys.Run)
	}
}

// await waits for the first keys of the address. It reports whether there are keys; there are none where
// parts were asked to stop before.
func (i *identity) await(parts *app.Group) bool {
	if i.keys == nil {
		return true
	}
	select {
	case <-i.keys.Known():
		return true
	case <-parts.Running().Done():
		return false
	}
}

// unready is why no buyer can be identified, or nil.
func (i *identity) unready() error {
	if i.keys == nil {
		return nil
	}
	return i.keys.Unready()
}
