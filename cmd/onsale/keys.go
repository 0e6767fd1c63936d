package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"onsale/internal/payment"
	"onsale/internal/testbed"
)

// defaultKeys is where dev keeps its signing keys and token finds them.
func defaultKeys() string {
	cache, err := os.UserCacheDir()
	if err != nil { // no home, as in some containers
		return filepath.Join(os.TempDir(), "onsale-"+strconv.Itoa(os.Getuid()), "dev-keys.json")
	}
	return filepath.Join(cache, "onsale", "dev-keys.json")
}

// secretsBeside is where dev keeps the payment provider's secret: beside the
// signing keys. pay finds it there.
func secretsBeside(keys string) string {
	return filepath.Join(filepath.Dir(keys), "dev-webhook-secret")
}

// keepSecret loads the provider's secret from file, or makes a new one and
// saves it there.
func keepSecret(file string) (payment.Secret, error) {
	secrets, err := payment.LoadSecrets(file)
	if err == nil {
		return secrets[0], nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return payment.Secret{}, err
	}
	secret := payment.NewSecret()
	return secret, secret.Save(file)
}

// keepIssuer loads the signing keys from file, or makes new ones and saves
// them there. They outlive the site, so that tokens signed for one run are
// good for the next; nothing but development trusts them.
func keepIssuer(file string) (*testbed.Issuer, error) {
	issuer, err := testbed.LoadIssuer(file)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return issuer, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	issuer = testbed.NewIssuer()
	if err := issuer.Save(file); err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return issuer, nil
}
