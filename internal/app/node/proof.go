package node

import (
	"errors"
	"sync/atomic"

	"go.uber.org/zap"

	"onsale/internal/proof"
	"onsale/internal/telemetry"
)

// ProofFlags are what buyers have to prove before they join a line: by keys, that they worked; by the address of a captcha's
// provider, what that decides; with neither, nothing.
type ProofFlags struct {
	Keys     string  `name:"proof-keys" env:"ONSALE_PROOF_KEYS" help:"File with the keys that sign challenges, 32 bytes in base64 a line, the same on all nodes; the first makes challenges. make secrets makes one. With it a buyer works for a moment before joining a line."`
	Easy     int64   `name:"proof-easy" default:"20000" env:"ONSALE_PROOF_EASY" help:"Largest number of a challenge while few join: a cheap phone tries 40,000 in a second."`
	Hard     int64   `name:"proof-hard" default:"80000" env:"ONSALE_PROOF_HARD" help:"The same once as many join as there is capacity; at most 80000, two seconds of a cheap phone."`
	Capacity float64 `name:"proof-capacity" default:"2000" env:"ONSALE_PROOF_CAPACITY" help:"Joins a second of one sale that this node is to take. From half of it on challenges grow harder."`

	SiteverifyURL    string `name:"siteverify-url" env:"ONSALE_SITEVERIFY_URL" secret:"url" help:"Where a captcha's provider verifies, such as https://challenges.cloudflare.com/turnstile/v0/siteverify. With it a buyer joins a line with a response of that captcha."`
	SiteverifySecret string `name:"siteverify-secret-file" env:"ONSALE_SITEVERIFY_SECRET_FILE" help:"File with the secret that the captcha's provider knows this site by."`
	FailOpen         bool   `name:"siteverify-fail-open" env:"ONSALE_SITEVERIFY_FAIL_OPEN" help:"Let buyers join while the captcha's provider does not answer. Otherwise they are asked to try again."`
}

// Verifier is what the flags ask for. unjudged is called for each proof that the captcha's provider did not judge. The error names every fault.
func (f ProofFlags) Verifier(log *zap.Logger, unjudged func(proof.Decision)) (proof.Verifier, error) {
	switch {
	case f.Keys != "" && f.SiteverifyURL != "":
		return nil, errors.New("--proof-keys and --siteverify-url: give one of the two")
	case f.Keys != "":
		keys, err := proof.LoadKeys(f.Keys)
		if err != nil {
			return nil, err
		}
		return verifier(proof.NewWork(keys, proof.Config{Easy: f.Easy, Hard: f.Hard, Capacity: f.Capacity}))
	case f.SiteverifyURL != "":
		return f.siteverify(log, unjudged)
	case f.SiteverifySecret != "" || f.FailOpen:
		return nil, errors.New("--siteverify-secret-file and --siteverify-fail-open: give --siteverify-url too")
	}
	return proof.None{}, nil
}

// siteverify logs each change of the breaker, with what failed last.
func (f ProofFlags) siteverify(log *zap.Logger, unjudged func(proof.Decision)) (proof.Verifier, error) {
	config := proof.DefaultSiteverifyConfig()
	config.URL, config.FailOpen = f.SiteverifyURL, f.FailOpen
	if f.SiteverifySecret == "" {
		return nil, errors.New("--siteverify-url: give --siteverify-secret-file too")
	}
	var err error
	if config.Secret, err = proof.LoadSecret(f.SiteverifySecret); err != nil {
		return nil, err
	}
	var last atomic.Pointer[error]
	return verifier(proof.NewSiteverify(config, proof.SiteverifyHooks{
		Failed: func(reason error, d proof.Decision) {
			last.Store(&reason)
			unjudged(d)
		},
		Breaker: func(state string) {
			fields := []zap.Field{zap.String("state", state), zap.Bool("buyers_join", config.FailOpen)}
			if reason := last.Load(); reason != nil {
				fields = append(fields, zap.NamedError("last_failure", *reason))
			}
			log.Warn("circuit breaker of the captcha's provider changed", fields...)
		},
	}))
}

// verifier keeps a nil pointer from becoming a Verifier that is not nil.
func verifier[V proof.Verifier](v V, err error) (proof.Verifier, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// measureProofs registers what is asked of the proofs, also where this site has none: how many there are, and which, the answers count.
func (n *Node) measureProofs(proofs proof.Verifier) {
	work, works := proofs.(*proof.Work)
	n.metrics.GaugeOf("onsale_proof_challenge_numbers", "Largest number of the hardest challenge that this node makes now, of any sale without a proof_easy of its own; 0 where nobody solves challenges.", func() float64 {
		now, known := n.catalog.Now()
		if !works || !known {
			return 0
		}
		return float64(work.Hardest(now))
	})
}

// unjudged counts what the captcha's provider did not judge.
func (n *Node) unjudged() func(proof.Decision) {
	return telemetry.CountEach[proof.Decision](n.metrics, "onsale_proof_unjudged_calls_total",
		"Buyers' proofs that the captcha's provider did not judge, by what became of their buyers: rejected, or admitted all the same.", "decision", proof.Decisions)
}
