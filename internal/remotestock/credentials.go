package remotestock

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ReadPassword returns the password that a file has. Its errors do not show what is in it.
func ReadPassword(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("redis password: %w", err)
	}
	password := strings.TrimSpace(string(raw))
	if password == "" {
		return "", fmt.Errorf("redis password: %s is empty; make secrets makes one", file)
	}
	return password, nil
}

// credentials are those of a new connection. A file that can't be read for a moment, because it is being replaced, is no reason
// to be without Redis: the password that was read at the start may still be good.
func (c Config) credentials(context.Context) (username, password string, err error) {
	if password, err = ReadPassword(c.PasswordFile); err != nil && c.Password != "" {
		password, err = c.Password, nil
	}
	return c.Username, password, err
}

// tls is how to speak TLS to Redis: with the name in its address verified, and nothing older than TLS 1.2.
func (c Config) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return t, nil
	}
	raw, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("redis: CA: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(raw) {
		return nil, errors.New("redis: CA: no certificate in " + c.CAFile + ": want PEM")
	}
	return t, nil
}
